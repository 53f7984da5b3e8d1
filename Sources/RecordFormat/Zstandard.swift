private import CMillraceZstd
import MillracePrimitives

/// Zstandard's state for compression, kept from block to block.
struct ZstdCompressor: ~Copyable {
    /// A `ZSTD_CCtx`; nil until it is used.
    private var context: OpaquePointer?
    private var level: Int?

    deinit {
        ZSTD_freeCCtx(context)
    }

    /// Appends one frame, which says how large its contents are.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        level: Int?
    ) throws(RecordFormatError) {
        if context == nil { context = ZSTD_createCCtx() }
        guard let context else { throw Zstd.failure("zstd has no memory") }
        let chosen = min(max(level ?? Zstd.defaultLevel, Int(ZSTD_minCLevel())), Int(ZSTD_maxCLevel()))
        if chosen != self.level {
            try Zstd.check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(chosen)))
            self.level = chosen
        }
        try output.appendUnsafe(maximum: ZSTD_compressBound(input.count)) { (memory) throws(RecordFormatError) in
            try Zstd.check(
                ZSTD_compress2(context, memory.baseAddress, memory.count, input.baseAddress, input.count)
            )
        }
    }
}

/// Zstandard's state for decompression, kept from block to block.
///
/// A block is decompressed in one go. Done piece by piece, zstd would allocate a window of its own, of up to 128 MiB, as
/// large as the block asks for.
struct ZstdDecompressor: ~Copyable {
    /// What is tried first, whatever a block claims.
    private static let firstRoom = 1 << 20

    /// A `ZSTD_DCtx`; nil until it is used.
    private var context: OpaquePointer?

    deinit {
        ZSTD_freeDCtx(context)
    }

    /// Reads one or more frames, of which nothing may be missing and nothing left over.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        limit: Int
    ) throws(RecordFormatError) {
        if context == nil { context = ZSTD_createDCtx() }
        guard let context else { throw Zstd.failure("zstd has no memory") }
        var room = try roomToTry(for: input, output.spareCapacity, limit: limit)
        while true {
            var isTooSmall = false
            try output.appendUnsafe(maximum: room) { (memory) throws(RecordFormatError) in
                let size = ZSTD_decompressDCtx(
                    context,
                    memory.baseAddress,
                    memory.count,
                    input.baseAddress,
                    input.count
                )
                isTooSmall = ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall
                return isTooSmall ? 0 : try Zstd.check(size)
            }
            guard isTooSmall else { return }
            // As much was there as fits, so that a quarter of what is asked for now is known to be needed.
            guard room < limit else { throw .decompressedTooLarge(limit: limit) }
            room = min(room < limit / 4 ? max(room * 4, Self.firstRoom) : limit, limit)
        }
    }

    private func roomToTry(
        for input: UnsafeRawBufferPointer,
        _ spare: Int,
        limit: Int
    ) throws(RecordFormatError) -> Int {
        let known = max(spare, Self.firstRoom)
        let claimed = ZSTD_getFrameContentSize(input.baseAddress, input.count)
        switch claimed {
        case Zstd.sizeIsUnknown, Zstd.sizeIsUnreadable: return min(known, limit)
        case _ where claimed > UInt64(limit): throw .decompressedTooLarge(limit: limit)
        default: return min(Int(claimed), known)
        }
    }
}

private enum Zstd {
    /// Kafka's default; zstd's own is the same.
    static let defaultLevel = 3
    /// `ZSTD_CONTENTSIZE_UNKNOWN` and `ZSTD_CONTENTSIZE_ERROR`, which are macros.
    static let sizeIsUnknown = UInt64.max
    static let sizeIsUnreadable = UInt64.max - 1

    @discardableResult
    static func check(_ result: Int) throws(RecordFormatError) -> Int {
        guard ZSTD_isError(result) == 0 else { throw failure(String(cString: ZSTD_getErrorName(result))) }
        return result
    }

    static func failure(_ reason: String) -> RecordFormatError {
        .invalidCompression(codec: .zstd, reason: reason)
    }
}
