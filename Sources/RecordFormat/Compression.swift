import MillracePrimitives

/// How a producer compresses its batches, or a broker those of a topic.
public struct Compression: Hashable, Sendable {
    /// The codec.
    public var codec: CompressionCodec
    /// The codec's level, where it has levels; nil for the codec's default. A level out of range is the nearest one.
    public var level: Int?

    /// Makes a setting.
    public init(_ codec: CompressionCodec, level: Int? = nil) {
        self.codec = codec
        self.level = level
    }

    /// Batches go out as they are.
    public static let none = Compression(.none)
    /// gzip, at level 1 to 9; zlib's default is 6. Kafka: `compression.gzip.level`.
    public static func gzip(level: Int? = nil) -> Compression { Compression(.gzip, level: level) }
    /// Snappy, which has no levels.
    public static let snappy = Compression(.snappy)
    /// LZ4, at level 1 to 17; as in Kafka, the default, 9, is the fast compressor, and every other level from 3 on one
    /// that takes more time for smaller batches. Kafka: `compression.lz4.level`.
    public static func lz4(level: Int? = nil) -> Compression { Compression(.lz4, level: level) }
    /// Zstandard, at level -131072 to 22; the default is 3. Kafka: `compression.zstd.level`.
    public static func zstd(level: Int? = nil) -> Compression { Compression(.zstd, level: level) }
}

/// Compresses the records of batch after batch with one setting.
///
/// The codecs' working memory is taken when it is first used, and reused: to set it up again for each batch would cost a
/// good part of the time that compressing a batch takes. Owned by one thread at a time.
package struct Compressor: ~Copyable {
    /// What it does.
    package let compression: Compression
    private var gzip = GzipCompressor()
    private var lz4 = LZ4Compressor()
    private var zstd = ZstdCompressor()

    /// Makes a compressor.
    package init(_ compression: Compression) {
        self.compression = compression
    }

    /// Appends the compressed form of `input` to `output`, which is left as it was if that fails.
    package mutating func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter
    ) throws(RecordFormatError) {
        guard input.count <= RecordBatchHeader.maximumBatchSize else {
            throw .batchTooLarge(size: input.count, limit: RecordBatchHeader.maximumBatchSize)
        }
        switch compression.codec {
        case .none: output.append(input)
        case .gzip: try gzip.compress(input, into: &output, level: compression.level)
        case .snappy: try Snappy.compress(input, into: &output)
        case .lz4: try lz4.compress(input, into: &output, level: compression.level)
        case .zstd: try zstd.compress(input, into: &output, level: compression.level)
        }
    }
}

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
