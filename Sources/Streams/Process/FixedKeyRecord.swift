import MillraceRecordFormat

/// A record whose key cannot be changed, so that it stays in the partition that its key asks for: what `processValues`
/// works on.
public struct FixedKeyRecord<Key, Value> {
    /// The key.
    public let key: Key
    /// The value.
    public var value: Value
    /// Milliseconds since 1970.
    public var timestampMs: Int64
    /// The headers, in order.
    public var headers: RecordHeaders

    /// Only what came with the key may have it.
    @inlinable
    init(key: Key, value: Value, timestampMs: Int64, headers: RecordHeaders) {
        self.key = key
        self.value = value
        self.timestampMs = timestampMs
        self.headers = headers
    }

    /// The same with another value.
    @inlinable
    public func withValue<NewValue>(_ value: NewValue) -> FixedKeyRecord<Key, NewValue> {
        FixedKeyRecord<Key, NewValue>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same with another timestamp, in milliseconds since 1970.
    @inlinable
    public func withTimestamp(_ timestampMs: Int64) -> FixedKeyRecord<Key, Value> {
        FixedKeyRecord(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same with other headers.
    @inlinable
    public func withHeaders(_ headers: RecordHeaders) -> FixedKeyRecord<Key, Value> {
        FixedKeyRecord(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }
}

extension FixedKeyRecord: Sendable where Key: Sendable, Value: Sendable {}
extension FixedKeyRecord: Equatable where Key: Equatable, Value: Equatable {}
extension FixedKeyRecord: Hashable where Key: Hashable, Value: Hashable {}
