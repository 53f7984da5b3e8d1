import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// A store of values by key and window start, for processors: what Kafka Streams calls `WindowStore`.
///
///     let clicks = Stores.window("clicks", keys: .utf8, values: .int64, size: .seconds(60), retention: .seconds(3600))
///
/// A row can be found as long as its start is later than the greatest start ever put less the retention; a row that is put
/// after that is left out. The window of a row ends `size` after its start.
///
/// With duplicates, a key can have several values of one start, which stay in the order in which they were put.
///
/// Valid as long as the task that it was got in; used by that task's thread alone.
public struct WindowStore<Key, Value> {
    /// A row of several keys.
    public typealias Row = (key: Windowed<Key>, value: Value)
    /// A row of one key.
    public typealias Point = (startMs: Int64, value: Value)

    @usableFromInline let rows: WindowRows
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let scratch: Scratch

    init(_ rows: WindowRows, keys: Serde<Key>, values: Serde<Value>) {
        self.rows = rows
        self.keys = keys
        self.values = values
        scratch = Scratch()
    }

    /// The store's name.
    public var name: String { rows.name }

    // One key

    /// Sets the value of a key in the window that starts at a time; nil removes it. With duplicates the value is added to
    /// those that are there, and nil does nothing.
    @inlinable
    public func put(_ key: Key, _ value: Value?, startMs: Int64) throws {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        try rows.put(bytes, startMs: startMs, try scratch.encode(value, values))
    }

    /// The value of a key in the window that starts at a time; nil if there is none. With duplicates, the first one.
    @inlinable
    public func get(_ key: Key, startMs: Int64) throws -> Value? {
        let entry = rows.find(try scratch.encode(key, keys, in: rows.name), startMs: startMs)
        return entry < 0 ? nil : try values.read(rows.value(at: entry))
    }

    /// The values of a key in the windows that start in a range of times, both ends included, by start. Kafka Streams:
    /// `fetch`.
    @inlinable
    public func fetch(_ key: Key, from firstMs: Int64, through lastMs: Int64) throws -> StoreCursor<Point> {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        return points(rows.scan(bytes, from: firstMs, through: lastMs, descending: false))
    }

    /// The same values as of `fetch`, the last one first.
    @inlinable
    public func backwardFetch(_ key: Key, from firstMs: Int64, through lastMs: Int64) throws -> StoreCursor<Point> {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        return points(rows.scan(bytes, from: firstMs, through: lastMs, descending: true))
    }

    // Several keys

    /// The rows of the keys from one through another, nil for an open end, whose windows start in a range of times, both
    /// ends included; by key, then start. Kafka Streams: `fetch` with two keys.
    @inlinable
    public func fetch(
        keysFrom first: Key?,
        through last: Key?,
        from firstMs: Int64,
        through lastMs: Int64
    ) throws -> StoreCursor<Row> {
        let bounds = try scratch.encodeBounds(first, last, keys, in: rows.name)
        return cursor(rows.scan(bounds, from: firstMs, through: lastMs, descending: false))
    }

    /// The same rows as of `fetch(keysFrom:through:from:through:)`, the last one first.
    @inlinable
    public func backwardFetch(
        keysFrom first: Key?,
        through last: Key?,
        from firstMs: Int64,
        through lastMs: Int64
    ) throws -> StoreCursor<Row> {
        let bounds = try scratch.encodeBounds(first, last, keys, in: rows.name)
        return cursor(rows.scan(bounds, from: firstMs, through: lastMs, descending: true))
    }

    /// The rows whose windows start in a range of times, both ends included; by key, then start.
    @inlinable
    public func fetchAll(from firstMs: Int64, through lastMs: Int64) -> StoreCursor<Row> {
        cursor(rows.scan((nil, nil), from: firstMs, through: lastMs, descending: false))
    }

    /// The same rows as of `fetchAll`, the last one first.
    @inlinable
    public func backwardFetchAll(from firstMs: Int64, through lastMs: Int64) -> StoreCursor<Row> {
        cursor(rows.scan((nil, nil), from: firstMs, through: lastMs, descending: true))
    }

    /// All rows, by key, then start.
    @inlinable
    public func all() -> StoreCursor<Row> { fetchAll(from: 0, through: Int64.max) }

    /// All rows, the last one first.
    @inlinable
    public func backwardAll() -> StoreCursor<Row> { backwardFetchAll(from: 0, through: Int64.max) }

    @inlinable
    func points(_ scan: RowScan) -> StoreCursor<Point> {
        StoreCursor { [rows, values] in
            guard let entry = scan.next() else { return nil }
            return (rows.startMs(at: entry), try values.read(rows.value(at: entry)))
        }
    }

    @inlinable
    func cursor(_ scan: RowScan) -> StoreCursor<Row> {
        StoreCursor { [rows, keys, values] in
            guard let entry = scan.next() else { return nil }
            let key = Windowed(key: try keys.read(rows.key(at: entry)), window: rows.window(at: entry))
            return (key, try values.read(rows.value(at: entry)))
        }
    }
}
