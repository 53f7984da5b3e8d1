import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// A value, and the time for which it is or was the value of its key. What Kafka Streams calls a `VersionedRecord`.
public struct VersionedValue<Value> {
    /// The value.
    public var value: Value
    /// From when on it is valid, in milliseconds since 1970.
    public var validFromMs: Int64
    /// When it ends, in milliseconds since 1970; nil if it is still valid.
    public var validToMs: Int64?

    /// Puts a value and its times together.
    @inlinable
    public init(_ value: Value, validFromMs: Int64, validToMs: Int64? = nil) {
        self.value = value
        self.validFromMs = validFromMs
        self.validToMs = validToMs
    }
}

extension VersionedValue: Sendable where Value: Sendable {}
extension VersionedValue: Equatable where Value: Equatable {}
extension VersionedValue: Hashable where Value: Hashable {}

/// What became of a version that was put into a versioned store.
public enum VersionedPut: Hashable, Sendable {
    /// It is the latest version of its key, still valid. Kafka Streams returns -1 (`PUT_RETURN_CODE_VALID_TO_UNDEFINED`).
    case latest
    /// It came out of order: another version is valid from this time on, in milliseconds since 1970.
    case validTo(Int64)
    /// It was not put, because it is older than the history. Kafka Streams returns the least `long`
    /// (`PUT_RETURN_CODE_NOT_PUT`).
    case notPut

    @usableFromInline
    init(_ placement: VersionPlacement) {
        switch placement {
        case .latest: self = .latest
        case .until(let validToMs): self = .validTo(validToMs)
        case .notPut: self = .notPut
        }
    }
}

/// A key-value store that knows what each key's value was at any time of its history, for processors: what Kafka Streams
/// calls `VersionedKeyValueStore` (KIP-889).
///
///     let prices = Stores.versioned("prices", keys: .utf8, values: .float64, historyRetention: .seconds(3600))
///
/// The history reaches back from the greatest timestamp that was put. What is older is not put any more, and reads find
/// nothing there except a value that is still valid.
///
/// Valid as long as the task that it was got in; used by that task's thread alone.
public struct VersionedStore<Key, Value> {
    @usableFromInline let rows: VersionedRows
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let scratch: Scratch

    @usableFromInline
    init(_ rows: VersionedRows, keys: Serde<Key>, values: Serde<Value>) {
        self.rows = rows
        self.keys = keys
        self.values = values
        scratch = Scratch()
    }

    /// The store's name.
    public var name: String { rows.name }

    /// Puts the value that a key has from a time on; nil says that it has none. The value of the same time, if there is
    /// one, is replaced.
    ///
    /// - Parameter timestampMs: when the value begins to be valid, in milliseconds since 1970.
    /// - Returns: whether it is the latest one, or has an end already, or came too late.
    @discardableResult
    public func put(_ key: Key, _ value: Value?, timestampMs: Int64) throws -> VersionedPut {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        return VersionedPut(try rows.put(bytes, try scratch.encode(value, values), validFromMs: timestampMs))
    }

    /// Deletes a key from a time on, until its next version.
    ///
    /// - Parameter timestampMs: from when on the key has no value, in milliseconds since 1970.
    /// - Returns: what was valid at that time.
    @discardableResult
    public func delete(_ key: Key, timestampMs: Int64) throws -> VersionedValue<Value>? {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        let old = try rows.table.get(bytes, asOf: timestampMs).map(decode)
        _ = try rows.put(bytes, nil, validFromMs: timestampMs)
        return old
    }

    /// The latest value of a key; nil if there is none.
    public func get(_ key: Key) throws -> VersionedValue<Value>? {
        try rows.table.get(try scratch.encode(key, keys, in: rows.name)).map(decode)
    }

    /// The value that a key had at a time, in milliseconds since 1970; nil if it had none, or if that is not known any
    /// more.
    public func get(_ key: Key, asOf timestampMs: Int64) throws -> VersionedValue<Value>? {
        try rows.table.get(try scratch.encode(key, keys, in: rows.name), asOf: timestampMs).map(decode)
    }

    /// The values that a key had at any moment from one time through another, in milliseconds since 1970, as far as they
    /// are known; the newest first.
    public func versions(
        of key: Key,
        from firstMs: Int64 = Int64.min,
        through lastMs: Int64 = Int64.max
    ) throws -> [VersionedValue<Value>] {
        var found: [VersionedValue<Value>] = []
        let bytes = try scratch.encode(key, keys, in: rows.name)
        try rows.table.forEachVersion(of: bytes, from: firstMs, through: lastMs) {
            found.append(try decode($0))
            return true
        }
        return found
    }

    private func decode(_ version: KeyVersion) throws -> VersionedValue<Value> {
        VersionedValue(
            try values.read(version.value),
            validFromMs: version.validFromMs,
            validToMs: version.validToMs
        )
    }
}
