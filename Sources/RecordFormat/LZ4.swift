private import CMillraceLZ4
import MillracePrimitives

/// LZ4's state for compression, kept from block to block.
struct LZ4Compressor: ~Copyable {
    /// An `LZ4F_cctx`; nil until it is used.
    private var context: OpaquePointer?

    deinit {
        LZ4F_freeCompressionContext(context)
    }

    /// Appends one frame as Kafka writes it: independent blocks of 64 KiB, no checksums, no size. Kafka's own reader takes
    /// no blocks that depend on each other.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        level: Int?
    ) throws(RecordFormatError) {
        if context == nil { try LZ4.check(LZ4F_createCompressionContext(&context, UInt32(LZ4F_VERSION))) }
        guard let context else { throw LZ4.failure("lz4 has no memory") }
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        preferences.compressionLevel = LZ4.level(level)
        preferences.autoFlush = 1
        let headerSize = 19  // LZ4F_HEADER_SIZE_MAX, a macro
        let bound = headerSize + LZ4F_compressBound(input.count, &preferences)
        try output.appendUnsafe(maximum: bound) { (memory) throws(RecordFormatError) in
            // A context that failed is begun anew by the next call.
            var end = try LZ4.check(LZ4F_compressBegin(context, memory.baseAddress, memory.count, &preferences))
            func rest() -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[end...]) }
            if input.count > 0 {
                let room = rest()
                end += try LZ4.check(
                    LZ4F_compressUpdate(context, room.baseAddress, room.count, input.baseAddress, input.count, nil)
                )
            }
            let room = rest()
            return try end + LZ4.check(LZ4F_compressEnd(context, room.baseAddress, room.count, nil))
        }
    }
}

/// LZ4's state for decompression, kept from block to block.
struct LZ4Decompressor: ~Copyable {
    private static let chunk = 64 << 10

    /// An `LZ4F_dctx`; nil until it is used.
    private var context: OpaquePointer?

    deinit {
        LZ4F_freeDecompressionContext(context)
    }

    /// Reads one frame of any kind, of which nothing may be missing and nothing left over.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        limit: Int
    ) throws(RecordFormatError) {
        if context == nil { try LZ4.check(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) }
        guard let context else { throw LZ4.failure("lz4 has no memory") }
        LZ4F_resetDecompressionContext(context)
        let start = output.count
        var rest = input
        var isDone = false
        while !isDone {
            // One byte beyond the limit tells a block that is too large from one that just fits.
            let room = min(Self.chunk - 1, limit - (output.count - start)) + 1
            try output.appendUnsafe(maximum: room) { (memory) throws(RecordFormatError) in
                var written = memory.count
                var read = rest.count
                let hint = LZ4F_decompress(context, memory.baseAddress, &written, rest.baseAddress, &read, nil)
                isDone = try LZ4.check(hint) == 0
                guard isDone || read > 0 || written > 0 else { throw LZ4.failure("the block ends early") }
                rest = UnsafeRawBufferPointer(rebasing: rest[read...])
                return written
            }
            guard output.count - start <= limit else { throw .decompressedTooLarge(limit: limit) }
        }
        guard rest.isEmpty else { throw LZ4.failure("bytes are left after the block") }
    }
}

private enum LZ4 {
    /// Kafka's level 9, its default, is the fast compressor, and its other levels are those of the thorough one.
    private static let defaultLevel = 9

    /// A level of Kafka's as liblz4 counts: 0 is fast, 3 to 12 are thorough.
    static func level(_ level: Int?) -> Int32 {
        guard let level, level != defaultLevel else { return 0 }
        return Int32(min(max(level, 1), 12))
    }

    @discardableResult
    static func check(_ result: Int) throws(RecordFormatError) -> Int {
        guard LZ4F_isError(result) == 0 else { throw failure(String(cString: LZ4F_getErrorName(result))) }
        return result
    }

    static func failure(_ reason: String) -> RecordFormatError {
        .invalidCompression(codec: .lz4, reason: reason)
    }
}
