import MillracePrimitives
import Synchronization

/// The codecs' working memory for compression.
///
/// It is up to some megabytes, and to set it up for each batch would cost a good part of the time that compressing the
/// batch takes. A few are therefore kept, and whoever has something to compress takes one: a process with a thousand open
/// batches needs no more of them than it has threads. What was compressed before has no influence on what comes out.
package final class Compressor: @unchecked Sendable {
    // Owned by the thread that made it, or took it from the list of idle ones under that list's lock.
    private var gzip = GzipCompressor()
    private var lz4 = LZ4Compressor()
    private var zstd = ZstdCompressor()

    private static let idleMax = 8
    private static let idle = Mutex<[Compressor]>([])

    /// Makes one, which takes memory when it is first used.
    package init() {}

    /// Lends an idle one, or a new one, to `body`.
    static func withShared<Failure: Error>(
        _ body: (Compressor) throws(Failure) -> Void
    ) throws(Failure) {
        let compressor = idle.withLock { $0.popLast() } ?? Compressor()
        defer {
            idle.withLock { idle in
                if idle.count < idleMax { idle.append(compressor) }
            }
        }
        try body(compressor)
    }

    /// Appends the compressed form of `input` to `output`, which is left as it was if that fails.
    package func compress(
        _ input: UnsafeRawBufferPointer,
        _ compression: Compression,
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
