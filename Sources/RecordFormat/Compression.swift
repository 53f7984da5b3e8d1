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

    /// Appends the compressed form of `input` to `output`, which is left as it was if that fails.
    package func compress(
        _ input: UnsafeRawBufferPointer,
        into output: inout ByteWriter
    ) throws(RecordFormatError) {
        guard codec != .none else { return output.append(input) }
        try Compressor.withShared { (compressor) throws(RecordFormatError) in
            try compressor.compress(input, self, into: &output)
        }
    }
}
