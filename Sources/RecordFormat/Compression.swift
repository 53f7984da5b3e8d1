import MillracePrimitives

/// Decompresses record batches into memory that is reused, up to a limit.
public struct Decompressor: ~Copyable {
    /// The most that one batch may decompress to, in bytes.
    public let limit: Int
    private var output: ByteWriter

    /// Makes a decompressor; it takes memory when it is first used.
    public init(limit: Int = 128 << 20) {
        self.limit = max(limit, 0)
        output = ByteWriter(capacity: 16)
    }

    /// What the last call to `decompress` gave; valid until the next call.
    public var bytes: UnsafeRawBufferPointer { output.bytes }

    /// Decompresses a batch's records.
    public mutating func decompress(
        _ input: UnsafeRawBufferPointer,
        _ codec: CompressionCodec
    ) throws(RecordFormatError) {
        output.removeAll()
        switch codec {
        case .none: output.append(input)
        case .gzip: try Gzip.decompress(input, into: &output, limit: limit)
        case .snappy, .lz4, .zstd: throw .unsupportedCodec(codec.rawValue)
        }
    }
}

/// How a producer compresses its batches.
public struct Compression: Hashable, Sendable {
    /// The codec.
    public var codec: CompressionCodec
    /// The codec's level, where it has levels; nil for the codec's default.
    public var level: Int?

    /// Makes a setting.
    public init(_ codec: CompressionCodec, level: Int? = nil) {
        self.codec = codec
        self.level = level
    }

    /// Batches go out as they are.
    public static let none = Compression(.none)
    /// gzip, at level 1 to 9; zlib's default is 6.
    public static func gzip(level: Int? = nil) -> Compression { Compression(.gzip, level: level) }

    /// Appends the compressed form of `input` to `output`.
    package func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter
    ) throws(RecordFormatError) {
        switch codec {
        case .none: output.append(input)
        case .gzip: try Gzip.compress(input, into: &output, level: level)
        case .snappy, .lz4, .zstd: throw .unsupportedCodec(codec.rawValue)
        }
    }
}
