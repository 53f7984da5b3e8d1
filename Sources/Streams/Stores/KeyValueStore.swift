import MillracePrimitives
import MillraceStreamsRuntime

/// A key-value store, for processors: what Kafka Streams calls `KeyValueStore`.
///
///     let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
///
/// Ordered reads go by the bytes of the keys, as their serde writes them: text sorts as expected, numbers with a sign do
/// not (the negative ones come last).
///
/// Valid as long as the task that it was got in; used by that task's thread alone.
public struct KeyValueStore<Key, Value> {
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

    /// The value of a key; nil if there is none.
    @inlinable
    public func get(_ key: Key) throws -> Value? {
        try rows.proceed()
        let entry = rows.find(try scratch.encode(key, keys, in: rows.name))
        return entry < 0 ? nil : try values.read(rows.value(at: entry))
    }

    /// Sets the value of a key; nil removes it.
    @inlinable
    public func put(_ key: Key, _ value: Value?) throws {
        try rows.proceed()
        try rows.put(
            try scratch.encode(key, keys, in: rows.name),
            try scratch.encode(value, values),
            timestampMs: rows.writeTimeMs
        )
    }

    /// Sets the value of a key that has none.
    ///
    /// - Returns: the value that the key has already, in which case nothing is changed.
    @inlinable
    @discardableResult
    public func putIfAbsent(_ key: Key, _ value: Value?) throws -> Value? {
        try rows.proceed()
        let bytes = try scratch.encode(key, keys, in: rows.name)
        let entry = rows.find(bytes)
        if entry >= 0 { return try values.read(rows.value(at: entry)) }
        try rows.put(bytes, try scratch.encode(value, values), timestampMs: rows.writeTimeMs)
        return nil
    }

    /// Removes a key; returns the value that it had.
    @inlinable
    @discardableResult
    public func delete(_ key: Key) throws -> Value? {
        try rows.proceed()
        let bytes = try scratch.encode(key, keys, in: rows.name)
        let entry = rows.find(bytes)
        guard entry >= 0 else { return nil }
        let old = try values.read(rows.value(at: entry))
        try rows.remove(at: entry, bytes, timestampMs: rows.writeTimeMs)
        return old
    }

    // Many rows

    /// The rows from one key through another, both included; nil for an open end.
    @inlinable
    public func range(from first: Key?, through last: Key?) throws -> StoreCursor<(key: Key, value: Value)> {
        return try range(first, last, descending: false)
    }

    /// The same rows as of `range`, the last one first.
    @inlinable
    public func reverseRange(from first: Key?, through last: Key?) throws -> StoreCursor<(key: Key, value: Value)> {
        return try range(first, last, descending: true)
    }

    /// All rows.
    @inlinable
    public func all() throws -> StoreCursor<(key: Key, value: Value)> {
        try range(nil, nil, descending: false)
    }

    /// All rows, the last one first.
    @inlinable
    public func reverseAll() throws -> StoreCursor<(key: Key, value: Value)> {
        try range(nil, nil, descending: true)
    }

    /// The rows whose keys begin with the bytes of another value, such as a shorter text.
    @inlinable
    public func prefixScan<Prefix>(
        _ prefix: Prefix,
        as prefixes: Serde<Prefix>
    ) throws -> StoreCursor<(key: Key, value: Value)> {
        try rows.proceed()
        return cursor(rows.scan(prefix: try scratch.encode(prefix, prefixes, in: rows.name)))
    }

    /// The rows whose keys begin with the bytes of a key.
    @inlinable
    public func prefixScan(_ prefix: Key) throws -> StoreCursor<(key: Key, value: Value)> {
        return try prefixScan(prefix, as: keys)
    }

    @inlinable
    func range(_ first: Key?, _ last: Key?, descending: Bool) throws -> StoreCursor<(key: Key, value: Value)> {
        try rows.proceed()
        return cursor(rows.scan(try scratch.encodeBounds(first, last, keys, in: rows.name), descending: descending))
    }

    @inlinable
    func cursor(_ scan: RowScan) -> StoreCursor<(key: Key, value: Value)> {
        StoreCursor { [rows, keys, values] in
            guard let entry = scan.next() else { return nil }
            return (try keys.read(rows.key(at: entry)), try values.read(rows.value(at: entry)))
        }
    }
}
