import MillracePrimitives
import MillraceRecordFormat

/// A record as a consumer gets it.
public struct ConsumerRecord: Hashable, Sendable {
    /// The partition that it was read from.
    public var partition: TopicPartition
    /// Its offset there.
    public var offset: Int64
    /// Milliseconds since 1970.
    public var timestamp: Int64
    /// The key; nil is null.
    public var key: [UInt8]?
    /// The value; nil is null.
    public var value: [UInt8]?
    /// The headers.
    public var headers: RecordHeaders

    /// The key as text, if it is UTF-8.
    public var keyText: String? { key.flatMap { String(validating: $0, as: UTF8.self) } }
    /// The value as text, if it is UTF-8.
    public var valueText: String? { value.flatMap { String(validating: $0, as: UTF8.self) } }
}

/// Records of one partition, in order, as one poll returned them.
public struct ConsumerBatch: Sendable {
    private let fetched: FetchedRecords

    init(_ fetched: FetchedRecords) {
        self.fetched = fetched
    }

    /// The partition.
    public var partition: TopicPartition { fetched.partition }
    /// The offset to go on at after this batch; what is committed for it.
    public var nextOffset: Int64 { fetched.nextOffset }
    /// How many offsets lay behind this batch when it was fetched.
    public var lag: Int64 { max(0, fetched.lastStableOffset - fetched.nextOffset) }

    /// Calls `body` with a view of each record, without copying keys and values; the views are valid during the call.
    public func withEachView(_ body: (RecordView) throws -> Void) throws {
        try fetched.withEach(body)
    }

    /// Copies all records.
    public func records() throws(ClientError) -> [ConsumerRecord] {
        var records: [ConsumerRecord] = []
        records.reserveCapacity(fetched.recordCount)
        do {
            try fetched.withEach { view in
                records.append(
                    ConsumerRecord(
                        partition: fetched.partition,
                        offset: view.offset,
                        timestamp: view.timestamp,
                        key: view.key.map { [UInt8]($0) },
                        value: view.value.map { [UInt8]($0) },
                        headers: try RecordHeaders(decoding: view.headers)
                    )
                )
            }
        } catch {
            throw ClientError(.corruptRecord, "\(fetched.partition) near offset \(fetched.startOffset): \(error)")
        }
        return records
    }
}
