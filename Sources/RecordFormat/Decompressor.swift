import MillracePrimitives

/// Decompresses record batches into memory that is reused, up to a limit.
///
/// What a block claims about its size is never believed: memory is taken as the contents turn up, so that a small block
/// cannot ask for much. Owned by one thread at a time.
public struct Decompressor: ~Copyable {
    /// The most that one batch may decompress to, in bytes.
    public let limit: Int
    private var output: ByteWriter
    private var gzip = GzipDecompressor()
    private var lz4 = LZ4Decompressor()
    private var zstd = ZstdDecompressor()

    /// Makes a decompressor; it takes memory when it is first used.
    public init(limit: Int = 128 << 20) {
        self.limit = max(limit, 0)
        output = ByteWriter(capacity: 16)
    }

    /// What the last call to `decompress` gave; valid until the next call.
    public var bytes: UnsafeRawBufferPointer { output.bytes }

    /// The memory taken so far for what blocks decompress to, in bytes.
    package var memoryHeld: Int { output.count + output.spareCapacity }

    /// Decompresses a batch's records.
    public mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        _ codec: CompressionCodec
    ) throws(RecordFormatError) {
        output.removeAll()
        // Some of the libraries complain about a nil pointer, which an empty buffer may have.
        guard codec == .none || input.count > 0 else {
            throw .invalidCompression(codec: codec, reason: "the block ends early")
        }
        switch codec {
        case .none: output.append(input)
        case .gzip: try gzip.decompress(input, into: &output, limit: limit)
        case .snappy: try Snappy.decompress(input, into: &output, limit: limit)
        case .lz4: try lz4.decompress(input, into: &output, limit: limit)
        case .zstd: try zstd.decompress(input, into: &output, limit: limit)
        }
    }
}
