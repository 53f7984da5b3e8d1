import MillraceRecordFormat

/// A record of a topic, as a test writes or reads it.
public struct TestRecord<Key, Value> {
    /// The key; nil is null.
    public var key: Key?
    /// The value; nil is null.
    public var value: Value?
    /// Milliseconds since 1970.
    public var timestampMs: Int64
    /// The headers, in order.
    public var headers: RecordHeaders
    /// The topic.
    public var topic: String
    /// The partition of the topic.
    public var partition: Int32
    /// The place in the partition.
    public var offset: Int64
}

extension TestRecord: Sendable where Key: Sendable, Value: Sendable {}
extension TestRecord: Equatable where Key: Equatable, Value: Equatable {}
extension TestRecord: Hashable where Key: Hashable, Value: Hashable {}

/// A record of a topic in bytes.
public typealias RawTestRecord = TestRecord<[UInt8], [UInt8]>
