import MillracePrimitives
import MillraceRecordFormat

/// A source record as it was, with what failed at it in its headers.
///
/// The header names are those of Kafka Streams (KIP-1034); `operator`, `task` and `omitted` are ours.
package struct DeadLetter {
    package let topic: String
    private var key: [UInt8]?
    private var value: [UInt8]?
    /// The record's own headers.
    private var headers: RecordHeaders
    /// What is said about the failure.
    private var notes: RecordHeaders = []
    private let timestampMs: Int64

    /// What may be left out of a letter that would be too large, in this order.
    private enum Part: String, CaseIterable {
        case value
        case headers
        case key
    }

    /// No text in a header is longer, in bytes: errors may quote the record.
    private static let textSizeMax = 4_096

    /// - Parameter wallClockMs: the time of a letter that belongs to no record.
    init(_ failure: FailedRecord, topic: String, wallClockMs: Int64) {
        self.topic = topic
        key = failure.key
        value = failure.value
        headers = failure.headers
        timestampMs = failure.partition == nil ? wallClockMs : max(0, failure.timestampMs)
        note("exception", Self.typeName(of: failure.error))
        note("message", Self.reason(failure))
        note("stacktrace", Self.trace(failure))
        if let partition = failure.partition {
            note("topic", partition.topic)
            note("partition", "\(partition.partition)")
            note("offset", "\(failure.offset)")
        }
        note("operator", failure.operatorName)
        note("task", "\(failure.task)")
    }

    private mutating func note(_ name: String, _ text: String) {
        let isLong = text.utf8.count > Self.textSizeMax
        let shown = isLong ? String(decoding: text.utf8.prefix(Self.textSizeMax), as: UTF8.self) + "…" : text
        notes.append(RecordHeader("__streams.errors.\(name)", text: shown))
    }

    /// Writes it into the transaction under way. What does not fit is left out, and a header says what and how large.
    package func append(to output: TopicOutput) throws {
        var letter = self
        for part in Part.allCases where !letter.fits(output) { letter.leaveOut(part) }
        let headers = letter.encodedHeaders
        try headers.withUnsafeBytes { headers in
            try Self.withBytes(letter.key) { key in
                try Self.withBytes(letter.value) { value in
                    try output.append(key: key, value: value, timestamp: timestampMs, headers: headers)
                }
            }
        }
    }

    private func fits(_ output: TopicOutput) -> Bool {
        output.takes(key?.count ?? 0, value?.count ?? 0, encodedHeaders.count)
    }

    private mutating func leaveOut(_ part: Part) {
        let count: Int
        switch part {
        case .value: (count, value) = (value?.count ?? 0, nil)
        case .headers: (count, headers) = (Self.encode(headers).count, [])
        case .key: (count, key) = (key?.count ?? 0, nil)
        }
        if count > 0 { note("omitted.\(part.rawValue)", "\(count) bytes") }
    }

    private var encodedHeaders: [UInt8] { Self.encode(RecordHeaders(headers.headers + notes.headers)) }

    private static func encode(_ headers: RecordHeaders) -> [UInt8] {
        guard !headers.isEmpty else { return [] }
        var writer = ByteWriter()
        headers.encode(into: &writer)
        return writer.array
    }

    /// What failed, in words.
    static func reason(_ failure: FailedRecord) -> String {
        switch failure.stage {
        case .decoding(let part): UndecodableRecord(part, failure.error).description
        case .processing: "\(failure.error)"
        case .production(let topic): "it cannot be written to \(topic): \(failure.error)"
        }
    }

    /// The type with its module. That of a private one does not tell where in memory its file's context lies.
    private static func typeName(of error: any Error) -> String {
        String(reflecting: type(of: error)).split(separator: ".")
            .filter { !$0.hasPrefix("(unknown context at ") }
            .joined(separator: ".")
    }

    /// Swift errors know nothing of the calls that led to them; this is what there is instead.
    private static func trace(_ failure: FailedRecord) -> String {
        var lines = [
            "\(typeName(of: failure.error)): \(failure.error)", "\tat operator \(failure.operatorName)",
            "\tat task \(failure.task)",
        ]
        if let partition = failure.partition { lines.append("\tat offset \(failure.offset) of \(partition)") }
        return lines.joined(separator: "\n")
    }

    private static func withBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws -> Void) rethrows {
        guard let bytes else { return try body(nil) }
        try bytes.withUnsafeBytes { try body($0) }
    }
}
