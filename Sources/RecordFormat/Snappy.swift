private import CMillraceSnappy
import MillracePrimitives

/// Snappy in the framing of the Java library that Kafka's clients began with (xerial's snappy-java).
///
/// ```
/// magic       8 | 82 'S' 'N' 'A' 'P' 'P' 'Y' 00
/// version     4 | 1
/// compatible  4 | 1, the oldest version that can read this
/// chunks        | each a length (4 bytes, big-endian) and a Snappy block of up to 32 KiB before compression
/// ```
/// Kafka's reader also takes a bare Snappy block without framing, which some clients send, and framed blocks one after
/// the other; so does this one. Neither the framing nor Snappy has a checksum.
enum Snappy {
    private static let magic: UInt64 = 0x8253_4e41_5050_5900
    private static let headerSize = 16
    private static let chunk = 32 << 10
    /// No block grows by more: at best, three bytes stand for 64.
    private static let maximumRatio = 22

    /// Appends the header and the chunks.
    static func compress(_ input: UnsafeRawBufferPointer, into output: inout ByteWriter) throws(RecordFormatError) {
        let start = output.count
        output.append(magic)
        output.append(Int32(1))
        output.append(Int32(1))
        var position = 0
        while position < input.count {
            let end = min(position + chunk, input.count)
            do throws(RecordFormatError) {
                try compressChunk(UnsafeRawBufferPointer(rebasing: input[position..<end]), into: &output)
            } catch {
                output.truncate(to: start)
                throw error
            }
            position = end
        }
    }

    private static func compressChunk(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter
    ) throws(RecordFormatError) {
        let lengthPosition = output.count
        output.append(Int32(0))
        let bound = snappy_max_compressed_length(input.count)
        try output.appendUnsafe(maximum: bound) { (memory) throws(RecordFormatError) in
            var size = memory.count
            let status = snappy_compress(
                input.bindMemory(to: CChar.self).baseAddress,
                input.count,
                memory.bindMemory(to: CChar.self).baseAddress,
                &size
            )
            guard status == SNAPPY_OK else { throw failure("snappy failed to compress") }
            return size
        }
        output.overwrite(at: lengthPosition, with: Int32(output.count - lengthPosition - 4))
    }

    /// Reads chunks until the input ends, or one bare block.
    static func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        limit: Int
    ) throws(RecordFormatError) {
        var budget = limit
        guard startsWithHeader(input) else { return try decompressBlock(input, into: &output, &budget, limit: limit) }
        var rest = input
        while rest.count > 0 {
            if startsWithHeader(rest) {
                rest = UnsafeRawBufferPointer(rebasing: rest[headerSize...])
                continue
            }
            guard rest.count >= 4 else { throw failure("the block ends early") }
            let length = Int(Int32(bigEndian: rest.loadUnaligned(as: Int32.self)))
            guard length >= 0 else { throw failure("a chunk's length is \(length)") }
            guard length <= rest.count - 4 else { throw failure("the block ends early") }
            let block = UnsafeRawBufferPointer(rebasing: rest[4..<4 + length])
            try decompressBlock(block, into: &output, &budget, limit: limit)
            rest = UnsafeRawBufferPointer(rebasing: rest[(4 + length)...])
        }
    }

    /// The magic is neither a chunk, whose length would be negative, nor a bare block, which would begin with a reference to
    /// something before it.
    private static func startsWithHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= headerSize && UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) == magic
    }

    private static func decompressBlock(
        _ block: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        _ budget: inout Int,
        limit: Int
    ) throws(RecordFormatError) {
        guard block.count > 0, let source = block.bindMemory(to: CChar.self).baseAddress else {
            throw failure("a chunk is empty")
        }
        var size = 0
        guard snappy_uncompressed_length(source, block.count, &size) == SNAPPY_OK,
            size <= block.count * maximumRatio
        else { throw failure("a chunk's size before compression cannot be right") }
        guard size <= budget else { throw .decompressedTooLarge(limit: limit) }
        budget -= size
        try output.appendUnsafe(maximum: size) { (memory) throws(RecordFormatError) in
            var written = memory.count
            let target = memory.bindMemory(to: CChar.self).baseAddress
            guard snappy_uncompress(source, block.count, target, &written) == SNAPPY_OK else {
                throw failure("a chunk is damaged")
            }
            return written
        }
    }

    private static func failure(_ reason: String) -> RecordFormatError {
        .invalidCompression(codec: .snappy, reason: reason)
    }
}
