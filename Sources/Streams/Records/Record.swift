import MillraceRecordFormat

/// A record as an operator sees it, whole: what Kafka Streams calls `Record`.
///
///     orders.mapRecords { order in
///         var order = order
///         order.headers.append(RecordHeader("seen-by", text: "billing"))
///         return order
///     }
public struct Record<Key, Value> {
    /// The key.
    public var key: Key
    /// The value.
    public var value: Value
    /// Milliseconds since 1970.
    public var timestampMs: Int64
    /// The headers, in order; they go with everything that is made of the record.
    public var headers: RecordHeaders

    /// Makes a record.
    @inlinable
    public init(key: Key, value: Value, timestampMs: Int64, headers: RecordHeaders = []) {
        self.key = key
        self.value = value
        self.timestampMs = timestampMs
        self.headers = headers
    }

    /// The same with another value.
    @inlinable
    public func withValue<NewValue>(_ value: NewValue) -> Record<Key, NewValue> {
        Record<Key, NewValue>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same with another key.
    @inlinable
    public func withKey<NewKey>(_ key: NewKey) -> Record<NewKey, Value> {
        Record<NewKey, Value>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same with another timestamp, in milliseconds since 1970.
    @inlinable
    public func withTimestamp(_ timestampMs: Int64) -> Record<Key, Value> {
        Record(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same with other headers.
    @inlinable
    public func withHeaders(_ headers: RecordHeaders) -> Record<Key, Value> {
        Record(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }
}

extension Record: Sendable where Key: Sendable, Value: Sendable {}
extension Record: Equatable where Key: Equatable, Value: Equatable {}
extension Record: Hashable where Key: Hashable, Value: Hashable {}
