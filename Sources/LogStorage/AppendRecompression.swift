import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// A topic's own codec. With `compression.type` other than `producer`, batches that come with another codec are
// decompressed and compressed again before they are stored, outside of the log's lock. As in Kafka, the codec decides and
// not the level: a batch that has the topic's codec is taken as it is.
extension PartitionLog {
    /// Whether these batches have to be recompressed, and how.
    func recompression(of request: AppendRequest) throws(LogError) -> Compression? {
        // Coordinators' records are small, and their topics keep them as they come.
        guard request.origin != .coordinator else { return nil }
        guard let target = state.withLock({ $0.configuration.targetCompression }) else { return nil }
        var rest = UnsafeRawBufferPointer(request.batches)
        while rest.count > 0 {
            let header = try readHeader(rest)
            if header.attributes.codec != target.codec, !header.attributes.isControl { return target }
            rest = UnsafeRawBufferPointer(rebasing: rest[header.sizeInBytes...])
        }
        return nil
    }

    /// Writes the batches to `output` with another codec.
    func recompress(
        _ request: AppendRequest,
        with compression: Compression,
        into output: inout ByteWriter
    ) throws(LogError) {
        let limit = configuration.maxMessageBytes
        var decompressor = Decompressor()
        var rest = UnsafeRawBufferPointer(request.batches)
        while rest.count > 0 {
            let header = try readHeader(rest)
            // What a client sends counts, too: the batch may be small enough only once it is compressed again.
            try checkSize(header, limit)
            do throws(RecordFormatError) {
                let batch = try RecordBatch(reading: rest, verifyingChecksum: false)
                if header.attributes.codec == compression.codec || header.attributes.isControl {
                    output.append(batch.bytes)
                } else {
                    try batch.append(to: &output, recompressedWith: compression, &decompressor)
                }
            } catch {
                throw .invalidBatch(partition, error)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[header.sizeInBytes...])
        }
    }
}
