import MillracePrimitives
import MillraceRecordFormat

/// A source record as it was, with what failed at it in its headers.
///
/// The header names are those of Kafka Streams (KIP-1034); `operator` and `task` are ours.
package struct DeadLetter {
    package let topic: String
    private let key: [UInt8]?
    private let value: [UInt8]?
    private let timestampMs: Int64
    private let headers: [UInt8]

    init(
        _ failure: FailedRecord,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers encoded: UnsafeRawBufferPointer,
        topic: String
    ) throws {
        self.topic = topic
        self.key = key.map { [UInt8]($0) }
        self.value = value.map { [UInt8]($0) }
        timestampMs = max(0, failure.timestampMs)
        var headers = try RecordHeaders(decoding: encoded)
        func append(_ name: String, _ text: String) {
            headers.append(RecordHeader("__streams.errors.\(name)", text: text))
        }
        append("exception", "\(type(of: failure.error))")
        append("message", Self.reason(failure))
        if let partition = failure.partition {
            append("topic", partition.topic)
            append("partition", "\(partition.partition)")
            append("offset", "\(failure.offset)")
        }
        append("operator", failure.operatorName)
        append("task", "\(failure.task)")
        var writer = ByteWriter()
        headers.encode(into: &writer)
        self.headers = writer.array
    }

    /// Writes it into the transaction under way.
    package func append(to output: TopicOutput) throws {
        try headers.withUnsafeBytes { headers in
            try Self.withBytes(key) { key in
                try Self.withBytes(value) { value in
                    try output.append(key: key, value: value, timestamp: timestampMs, headers: headers)
                }
            }
        }
    }

    /// What failed, in words.
    static func reason(_ failure: FailedRecord) -> String {
        switch failure.stage {
        case .decoding(let part): UndecodableRecord(part, failure.error).description
        case .processing: "\(failure.error)"
        case .production(let topic): "it cannot be written to \(topic): \(failure.error)"
        }
    }

    private static func withBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws -> Void) rethrows {
        guard let bytes else { return try body(nil) }
        try bytes.withUnsafeBytes { try body($0) }
    }
}
