private import CMillraceZlib
import MillracePrimitives

/// gzip by zlib, straight between raw memory and a `ByteWriter`.
enum Gzip {
    fileprivate static let windowBits: Int32 = 15 + 16  // +16: gzip's wrapper instead of zlib's

    fileprivate static func failure(_ reason: String) -> RecordFormatError {
        .invalidCompression(codec: .gzip, reason: reason)
    }

    fileprivate static func bytes(_ input: UnsafeRawBufferPointer) -> UnsafeMutablePointer<UInt8>? {
        // zlib declares its input as mutable and does not change it.
        UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
    }
}

/// zlib's state for compression, kept from block to block.
struct GzipCompressor: ~Copyable {
    /// In memory of its own, since zlib's state points back to it. Nil until it is used.
    private var stream: UnsafeMutablePointer<z_stream>?
    private var level: Int32 = 0

    deinit {
        guard let stream else { return }
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends one gzip member.
    mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        level: Int?
    ) throws(RecordFormatError) {
        let chosen = level.map { Int32(min(max($0, 0), 9)) } ?? Z_DEFAULT_COMPRESSION
        let stream = try ready(level: chosen)
        let bound = Int(deflateBound(stream, UInt(input.count)))
        try output.appendUnsafe(maximum: bound) { (memory) throws(RecordFormatError) in
            stream.pointee.next_in = Gzip.bytes(input)
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = memory.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(clamping: memory.count)
            let status = deflate(stream, Z_FINISH)
            guard status == Z_STREAM_END else { throw Gzip.failure("zlib failed to compress (\(status))") }
            return memory.count - Int(stream.pointee.avail_out)
        }
    }

    private mutating func ready(level: Int32) throws(RecordFormatError) -> UnsafeMutablePointer<z_stream> {
        if let stream, self.level == level, deflateReset(stream) == Z_OK { return stream }
        if let stream {
            deflateEnd(stream)
            stream.deallocate()
            self.stream = nil
        }
        let made = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        made.initialize(to: z_stream())
        let started = deflateInit2_(
            made,
            level,
            Z_DEFLATED,
            Gzip.windowBits,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard started == Z_OK else {
            made.deallocate()
            throw Gzip.failure("zlib could not start (\(started))")
        }
        stream = made
        self.level = level
        return made
    }
}

/// zlib's state for decompression, kept from block to block.
struct GzipDecompressor: ~Copyable {
    private static let chunk = 64 << 10

    /// In memory of its own, since zlib's state points back to it. Nil until it is used.
    private var stream: UnsafeMutablePointer<z_stream>?

    deinit {
        guard let stream else { return }
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Reads one gzip member, of which nothing may be missing and nothing left over.
    mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter,
        limit: Int
    ) throws(RecordFormatError) {
        guard input.count <= Int(UInt32.max) else { throw .decompressedTooLarge(limit: limit) }
        let stream = try ready()
        stream.pointee.next_in = Gzip.bytes(input)
        stream.pointee.avail_in = UInt32(input.count)
        let start = output.count
        var status = Z_OK
        while status != Z_STREAM_END {
            // One byte beyond the limit tells a block that is too large from one that just fits.
            let room = min(Self.chunk - 1, limit - (output.count - start)) + 1
            try output.appendUnsafe(maximum: room) { (memory) throws(RecordFormatError) in
                stream.pointee.next_out = memory.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(memory.count)
                status = inflate(stream, Z_NO_FLUSH)
                let written = memory.count - Int(stream.pointee.avail_out)
                let isStuck = written == 0 && status != Z_STREAM_END
                guard status == Z_OK || status == Z_STREAM_END, !isStuck else {
                    throw Gzip.failure(stream.pointee.msg.map { String(cString: $0) } ?? "the block ends early")
                }
                return written
            }
            guard output.count - start <= limit else { throw .decompressedTooLarge(limit: limit) }
        }
        guard stream.pointee.avail_in == 0 else { throw Gzip.failure("bytes are left after the block") }
    }

    private mutating func ready() throws(RecordFormatError) -> UnsafeMutablePointer<z_stream> {
        if let stream {
            let status = inflateReset(stream)
            guard status == Z_OK else { throw Gzip.failure("zlib could not start again (\(status))") }
            return stream
        }
        let made = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        made.initialize(to: z_stream())
        let started = inflateInit2_(made, Gzip.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else {
            made.deallocate()
            throw Gzip.failure("zlib could not start (\(started))")
        }
        stream = made
        return made
    }
}
