import MillracePrimitives
import MillraceStreamsRuntime

/// A value and the time that it is good from. What Kafka Streams calls `ValueAndTimestamp`.
public struct ValueAndTimestamp<Value> {
    /// The value.
    public var value: Value
    /// Its timestamp, in milliseconds since 1970.
    public var timestampMs: Int64

    /// Puts a value and its time together.
    @inlinable
    public init(_ value: Value, timestampMs: Int64) {
        self.value = value
        self.timestampMs = timestampMs
    }
}

extension ValueAndTimestamp: Sendable where Value: Sendable {}
extension ValueAndTimestamp: Equatable where Value: Equatable {}
extension ValueAndTimestamp: Hashable where Value: Hashable {}

/// A key-value store that keeps a timestamp with each value, for processors: what Kafka Streams calls
/// `TimestampedKeyValueStore`.
///
///     let prices = Stores.timestampedKeyValue("prices", keys: .utf8, values: .float64)
///
/// As `KeyValueStore` otherwise, also in the order of its rows.
public struct TimestampedKeyValueStore<Key, Value> {
    /// A row.
    public typealias Row = (key: Key, value: ValueAndTimestamp<Value>)

    @usableFromInline let rows: KeyValueRows
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let scratch: Scratch

    @usableFromInline
    init(_ rows: KeyValueRows, keys: Serde<Key>, values: Serde<Value>) {
        self.rows = rows
        self.keys = keys
        self.values = values
        scratch = Scratch()
    }

    /// The store's name.
    public var name: String { rows.name }

    /// How many rows there are. Kafka Streams: `approximateNumEntries`.
    public var approximateCount: Int { rows.count }

    // Single rows

    /// The value of a key and its timestamp; nil if there is none.
    @inlinable
    public func get(_ key: Key) throws -> ValueAndTimestamp<Value>? {
        try rows.proceed()
        let entry = rows.find(try scratch.encode(key, keys, in: rows.name))
        return entry < 0 ? nil : try row(at: entry)
    }

    /// Sets the value of a key; nil removes it.
    ///
    /// - Parameter timestampMs: the value's timestamp, in milliseconds since 1970; nil for that of the record under way.
    @inlinable
    public func put(_ key: Key, _ value: Value?, timestampMs: Int64? = nil) throws {
        try rows.proceed()
        try rows.put(
            try scratch.encode(key, keys, in: rows.name),
            try scratch.encode(value, values),
            timestampMs: timestampMs ?? rows.recordTimeMs
        )
    }

    /// Sets the value of a key that has none.
    ///
    /// - Parameter timestampMs: the value's timestamp; nil for that of the record under way.
    /// - Returns: what the key has already, in which case nothing is changed.
    @inlinable
    @discardableResult
    public func putIfAbsent(
        _ key: Key,
        _ value: Value?,
        timestampMs: Int64? = nil
    ) throws -> ValueAndTimestamp<Value>? {
        try rows.proceed()
        let bytes = try scratch.encode(key, keys, in: rows.name)
        let entry = rows.find(bytes)
        if entry >= 0 { return try row(at: entry) }
        try rows.put(
            bytes,
            try scratch.encode(value, values),
            timestampMs: timestampMs ?? rows.recordTimeMs
        )
        return nil
    }

    /// Removes a key; returns what it had.
    @inlinable
    @discardableResult
    public func delete(_ key: Key) throws -> ValueAndTimestamp<Value>? {
        try rows.proceed()
        let bytes = try scratch.encode(key, keys, in: rows.name)
        let entry = rows.find(bytes)
        guard entry >= 0 else { return nil }
        let old = try row(at: entry)
        try rows.remove(at: entry, bytes, timestampMs: rows.recordTimeMs)
        return old
    }

    // Many rows

    /// The rows from one key through another, both included; nil for an open end.
    @inlinable
    public func range(from first: Key?, through last: Key?) throws -> StoreCursor<Row> {
        try rows.proceed()
        return cursor(rows.scan(try scratch.encodeBounds(first, last, keys, in: rows.name), descending: false))
    }

    /// The same rows as of `range`, the last one first.
    @inlinable
    public func reverseRange(from first: Key?, through last: Key?) throws -> StoreCursor<Row> {
        try rows.proceed()
        return cursor(rows.scan(try scratch.encodeBounds(first, last, keys, in: rows.name), descending: true))
    }

    /// All rows.
    @inlinable
    public func all() throws -> StoreCursor<Row> { try range(from: nil, through: nil) }

    /// All rows, the last one first.
    @inlinable
    public func reverseAll() throws -> StoreCursor<Row> { try reverseRange(from: nil, through: nil) }

    /// The rows whose keys begin with the bytes of another value, such as a shorter text.
    @inlinable
    public func prefixScan<Prefix>(_ prefix: Prefix, as prefixes: Serde<Prefix>) throws -> StoreCursor<Row> {
        try rows.proceed()
        return cursor(rows.scan(prefix: try scratch.encode(prefix, prefixes, in: rows.name)))
    }

    /// The rows whose keys begin with the bytes of a key.
    @inlinable
    public func prefixScan(_ prefix: Key) throws -> StoreCursor<Row> { try prefixScan(prefix, as: keys) }

    @inlinable
    func row(at entry: Int) throws -> ValueAndTimestamp<Value> {
        ValueAndTimestamp(try values.read(rows.value(at: entry)), timestampMs: rows.timestampMs(at: entry))
    }

    @inlinable
    func cursor(_ scan: RowScan) -> StoreCursor<Row> {
        StoreCursor {
            guard let entry = scan.next() else { return nil }
            return (try keys.read(rows.key(at: entry)), try row(at: entry))
        }
    }
}
