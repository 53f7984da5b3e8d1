import MillracePrimitives
import MillraceRecordFormat

/// Compressing and decompressing, without a batch around the block.
enum Codec {
    /// Every codec that compresses.
    static let all = CompressionCodec.allCases.filter { $0 != .none }

    static func compress(_ bytes: [UInt8], _ compression: Compression) throws -> [UInt8] {
        try compress(bytes, compression, with: Compressor())
    }

    static func compress(
        _ bytes: [UInt8],
        _ compression: Compression,
        with compressor: Compressor
    ) throws -> [UInt8] {
        var writer = ByteWriter()
        try withGuardedBytes(bytes) { try compressor.compress($0, compression, into: &writer) }
        return writer.array
    }

    static func decompress(_ block: [UInt8], _ codec: CompressionCodec, limit: Int = 1 << 20) throws -> [UInt8] {
        var decompressor = Decompressor(limit: limit)
        return try decompress(block, codec, with: &decompressor)
    }

    static func decompress(
        _ block: [UInt8],
        _ codec: CompressionCodec,
        with decompressor: inout Decompressor
    ) throws -> [UInt8] {
        try withGuardedBytes(block) { try decompressor.decompress($0, codec) }
        return [UInt8](decompressor.bytes)
    }

    /// Lines that compress well.
    static func text(lines: Int) -> [UInt8] {
        (0..<lines).flatMap { Array("line \($0): the quick brown fox jumps over the lazy dog\n".utf8) }
    }

    static func noise(_ size: Int, using random: inout SeededRandom) -> [UInt8] {
        (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
}

extension Error {
    /// Whether it says that a codec failed on a block.
    func isDamage(of codec: CompressionCodec) -> Bool {
        guard let error = self as? RecordFormatError, case .invalidCompression(codec, _) = error else { return false }
        return true
    }
}
