import MillracePrimitives

/// A record that an operator keeps beyond its turn, with what error policies and headers need of it.
package struct RecordCopy: Sendable {
    package let timestamp: Int64
    fileprivate let partition: TopicPartition?
    fileprivate let offset: Int64
    fileprivate let headers: [UInt8]
    fileprivate let sourceHeaders: [UInt8]?
    fileprivate let key: [UInt8]?
    fileprivate let value: [UInt8]?

    init(_ record: CurrentRecord, partition: TopicPartition?, timestamp: Int64) {
        self.timestamp = timestamp
        self.partition = partition
        offset = record.offset
        headers = [UInt8](record.headers)
        sourceHeaders = record.sourceHeaders.map { [UInt8]($0) }
        // Without a partition no source record is under way, and its bytes may be gone.
        key = partition == nil ? nil : record.key.map { [UInt8]($0) }
        value = partition == nil ? nil : record.value.map { [UInt8]($0) }
    }
}

extension TaskContext {
    /// Copies the record under way.
    ///
    /// - Parameter timestamp: its timestamp where it is copied; operators may have changed it.
    package func copyRecord(timestamp: Int64) -> RecordCopy {
        RecordCopy(record.pointee, partition: failures.partition, timestamp: timestamp)
    }

    /// Makes a copy the record under way for the length of a call.
    package func withRecord(_ copy: RecordCopy, _ body: () throws -> Void) throws {
        let (before, partition) = (record.pointee, failures.partition)
        defer {
            record.pointee.offset = before.offset
            record.pointee.timestamp = before.timestamp
            record.pointee.headers = before.headers
            record.pointee.sourceHeaders = before.sourceHeaders
            record.pointee.key = before.key
            record.pointee.value = before.value
            failures.partition = partition
        }
        record.pointee.offset = copy.offset
        record.pointee.timestamp = copy.timestamp
        failures.partition = copy.partition
        try copy.headers.withUnsafeBytes { headers in
            record.pointee.headers = headers
            try Self.withBytes(copy.sourceHeaders) { sourceHeaders in
                record.pointee.sourceHeaders = sourceHeaders
                try Self.withBytes(copy.key) { key in
                    record.pointee.key = key
                    try Self.withBytes(copy.value) { value in
                        record.pointee.value = value
                        try body()
                    }
                }
            }
        }
    }

    private static func withBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws -> Void) rethrows {
        guard let bytes else { return try body(nil) }
        try bytes.withUnsafeBytes { try body($0) }
    }
}
