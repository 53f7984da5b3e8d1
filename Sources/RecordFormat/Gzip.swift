private import CMillraceZlib
import MillracePrimitives

/// gzip by zlib, straight between raw memory and a `ByteWriter`.
enum Gzip {
    private static let windowBits: Int32 = 15 + 16  // +16: gzip's wrapper instead of zlib's
    private static let chunk = 64 << 10

    static func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        level: Int?
    ) throws(RecordFormatError) {
        guard input.count <= RecordBatchHeader.maximumBatchSize else {
            throw .batchTooLarge(size: input.count, limit: RecordBatchHeader.maximumBatchSize)
        }
        var stream = z_stream()
        let chosen = level.map { Int32(clamping: min(max($0, 0), 9)) } ?? Z_DEFAULT_COMPRESSION
        let started = deflateInit2_(
            &stream,
            chosen,
            Z_DEFLATED,
            windowBits,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard started == Z_OK else {
            throw .invalidCompression(codec: .gzip, reason: "zlib could not start (\(started))")
        }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(input.count)))
        try output.appendUnsafe(maximum: bound) { (memory) throws(RecordFormatError) in
            stream.next_in = bytePointer(input)
            stream.avail_in = UInt32(input.count)
            stream.next_out = memory.bindMemory(to: UInt8.self).baseAddress
            stream.avail_out = UInt32(clamping: memory.count)
            let status = deflate(&stream, Z_FINISH)
            guard status == Z_STREAM_END else {
                throw .invalidCompression(codec: .gzip, reason: "zlib failed to compress (\(status))")
            }
            return memory.count - Int(stream.avail_out)
        }
    }

    static func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        limit: Int
    ) throws(RecordFormatError) {
        guard input.count <= Int(UInt32.max) else { throw .decompressedTooLarge(limit: limit) }
        var stream = z_stream()
        let started = inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else {
            throw .invalidCompression(codec: .gzip, reason: "zlib could not start (\(started))")
        }
        defer { inflateEnd(&stream) }
        stream.next_in = bytePointer(input)
        stream.avail_in = UInt32(input.count)
        let start = output.count
        var status = Z_OK
        while status != Z_STREAM_END {
            // One byte beyond the limit tells a block that is too large from one that just fits.
            let room = min(chunk - 1, limit - (output.count - start)) + 1
            try output.appendUnsafe(maximum: room) { (memory) throws(RecordFormatError) in
                stream.next_out = memory.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(memory.count)
                status = inflate(&stream, Z_NO_FLUSH)
                let written = memory.count - Int(stream.avail_out)
                let isStuck = written == 0 && status != Z_STREAM_END
                guard status == Z_OK || status == Z_STREAM_END, !isStuck else {
                    let reason = stream.msg.map { String(cString: $0) } ?? "the block ends early"
                    throw .invalidCompression(codec: .gzip, reason: reason)
                }
                return written
            }
            guard output.count - start <= limit else { throw .decompressedTooLarge(limit: limit) }
        }
        guard stream.avail_in == 0 else {
            throw .invalidCompression(codec: .gzip, reason: "bytes are left after the block")
        }
    }

    private static func bytePointer(_ input: UnsafeRawBufferPointer) -> UnsafeMutablePointer<UInt8>? {
        // zlib declares its input as mutable and does not change it.
        UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
    }
}
