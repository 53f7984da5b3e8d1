import MillraceRecordFormat

/// A record as a processor gets it and forwards it.
public struct Record<Key, Value> {
    /// The key.
    public var key: Key
    /// The value.
    public var value: Value
    /// Milliseconds since 1970.
    public var timestampMs: Int64
    /// The headers, in order.
    public var headers: RecordHeaders

    /// Makes a record, such as one to forward from a punctuation.
    @inlinable
    public init(key: Key, value: Value, timestampMs: Int64, headers: RecordHeaders = []) {
        self.key = key
        self.value = value
        self.timestampMs = timestampMs
        self.headers = headers
    }

    /// The same record with another key.
    @inlinable
    public func with<NewKey>(key: NewKey) -> Record<NewKey, Value> {
        Record<NewKey, Value>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with another value.
    @inlinable
    public func with<NewValue>(value: NewValue) -> Record<Key, NewValue> {
        Record<Key, NewValue>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with another key and another value.
    @inlinable
    public func with<NewKey, NewValue>(key: NewKey, value: NewValue) -> Record<NewKey, NewValue> {
        Record<NewKey, NewValue>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with another timestamp, in milliseconds since 1970.
    @inlinable
    public func with(timestampMs: Int64) -> Record<Key, Value> {
        Record(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with other headers.
    @inlinable
    public func with(headers: RecordHeaders) -> Record<Key, Value> {
        Record(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }
}

extension Record: Sendable where Key: Sendable, Value: Sendable {}
extension Record: Equatable where Key: Equatable, Value: Equatable {}
extension Record: Hashable where Key: Hashable, Value: Hashable {}

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

    /// The same record with another value.
    @inlinable
    public func with<NewValue>(value: NewValue) -> FixedKeyRecord<Key, NewValue> {
        FixedKeyRecord<Key, NewValue>(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with another timestamp, in milliseconds since 1970.
    @inlinable
    public func with(timestampMs: Int64) -> FixedKeyRecord<Key, Value> {
        FixedKeyRecord(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }

    /// The same record with other headers.
    @inlinable
    public func with(headers: RecordHeaders) -> FixedKeyRecord<Key, Value> {
        FixedKeyRecord(key: key, value: value, timestampMs: timestampMs, headers: headers)
    }
}

extension FixedKeyRecord: Sendable where Key: Sendable, Value: Sendable {}
extension FixedKeyRecord: Equatable where Key: Equatable, Value: Equatable {}
extension FixedKeyRecord: Hashable where Key: Hashable, Value: Hashable {}
