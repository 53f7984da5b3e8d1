import MillracePrimitives
import MillraceRecordFormat

/// Writes records that could not be decoded to a topic, as they were, with the reason in their headers.
///
/// The header names are those of Kafka Streams (KIP-1034).
struct DeadLetterQueue {
    let output: TopicOutput

    func append(_ record: CurrentRecord, from partition: TopicPartition, because error: UndecodableRecord) throws {
        var headers = try RecordHeaders(decoding: record.headers)
        headers.append(RecordHeader("__streams.errors.exception", text: "\(type(of: error.underlying))"))
        headers.append(RecordHeader("__streams.errors.message", text: error.description))
        headers.append(RecordHeader("__streams.errors.topic", text: partition.topic))
        headers.append(RecordHeader("__streams.errors.partition", text: "\(partition.partition)"))
        headers.append(RecordHeader("__streams.errors.offset", text: "\(record.offset)"))
        var encoded = ByteWriter()
        headers.encode(into: &encoded)
        try output.append(key: record.key, value: record.value, timestamp: record.timestamp, headers: encoded.bytes)
    }
}
