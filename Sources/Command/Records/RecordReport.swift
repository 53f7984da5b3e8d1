import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// A record as programs get it from `consume --json` and give it to `produce --json`.
struct RecordReport: Codable {
    struct Header: Codable {
        var name: String
        var value: String?
    }

    var topic: String?
    var partition: Int32?
    var offset: Int64?
    /// Milliseconds since 1970.
    var timestamp: Int64?
    var key: String?
    var value: String?
    var headers: [Header]?

    init(_ record: ConsumerRecord, _ format: FormatOptions) {
        topic = record.partition.topic
        partition = record.partition.partition
        offset = record.offset
        timestamp = record.timestamp
        key = record.key.map(format.keys.show)
        value = record.value.map(format.values.show)
        if !record.headers.isEmpty {
            headers = record.headers.map { header in
                Header(name: header.name, value: header.value.map(BytesFormat.text.show))
            }
        }
    }

    enum CodingKeys: CodingKey {
        case topic, partition, offset, timestamp, key, value, headers
    }

    /// A null key or value is written as null, not left out.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(topic, forKey: .topic)
        try container.encodeIfPresent(partition, forKey: .partition)
        try container.encodeIfPresent(offset, forKey: .offset)
        try container.encodeIfPresent(timestamp, forKey: .timestamp)
        try container.encode(key, forKey: .key)
        try container.encode(value, forKey: .value)
        try container.encodeIfPresent(headers, forKey: .headers)
    }
}
