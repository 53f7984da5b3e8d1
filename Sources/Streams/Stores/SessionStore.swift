import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// A store of values by key and session, for processors: what Kafka Streams calls `SessionStore`.
///
///     let visits = Stores.session("visits", keys: .utf8, values: .int64, retention: .seconds(3600))
///
/// A session begins with its first record and ends with its last one; both times belong to it. It can be found as long as
/// its end is later than the greatest end ever put less the retention; one that is put after that is left out.
///
/// Valid as long as the task that it was got in; used by that task's thread alone.
public struct SessionStore<Key, Value> {
    /// A session and its value.
    public typealias Row = (key: Windowed<Key>, value: Value)

    @usableFromInline let rows: SessionRows
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let scratch: Scratch

    init(_ rows: SessionRows, keys: Serde<Key>, values: Serde<Value>) {
        self.rows = rows
        self.keys = keys
        self.values = values
        scratch = Scratch()
    }

    /// The store's name.
    public var name: String { rows.name }

    // One session

    /// Sets the value of a session; nil removes it.
    @inlinable
    public func put(_ key: Key, _ session: Window, _ value: Value?) throws {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        try rows.put(bytes, session, try scratch.encode(value, values))
    }

    /// Removes a session.
    @inlinable
    public func remove(_ key: Key, _ session: Window) throws {
        try rows.put(try scratch.encode(key, keys, in: rows.name), session, nil)
    }

    /// The value of a session; nil if there is none. Kafka Streams: `fetchSession`.
    @inlinable
    public func get(_ key: Key, _ session: Window) throws -> Value? {
        let entry = rows.find(try scratch.encode(key, keys, in: rows.name), session)
        return entry < 0 ? nil : try values.read(rows.value(at: entry))
    }

    // The sessions of a key

    /// The sessions of a key, by end, then start. Kafka Streams: `fetch`.
    @inlinable
    public func fetch(_ key: Key) throws -> StoreCursor<Row> {
        try findSessions(key, earliestEndMs: 0, latestStartMs: Int64.max)
    }

    /// The same sessions as of `fetch`, the last one first.
    @inlinable
    public func backwardFetch(_ key: Key) throws -> StoreCursor<Row> {
        try backwardFindSessions(key, earliestEndMs: 0, latestStartMs: Int64.max)
    }

    /// The sessions of a key that end at a time or later and start at a time or earlier, by end, then start.
    @inlinable
    public func findSessions(_ key: Key, earliestEndMs: Int64, latestStartMs: Int64) throws -> StoreCursor<Row> {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        return cursor(
            rows.scan(bytes, earliestEndMs: earliestEndMs, latestStartMs: latestStartMs, descending: false)
        )
    }

    /// The same sessions as of `findSessions`, the last one first.
    @inlinable
    public func backwardFindSessions(
        _ key: Key,
        earliestEndMs: Int64,
        latestStartMs: Int64
    ) throws -> StoreCursor<Row> {
        let bytes = try scratch.encode(key, keys, in: rows.name)
        return cursor(rows.scan(bytes, earliestEndMs: earliestEndMs, latestStartMs: latestStartMs, descending: true))
    }

    // The sessions of several keys

    /// The sessions of the keys from one through another, nil for an open end, that end at a time or later and start at a
    /// time or earlier; by key, then end, then start.
    @inlinable
    public func findSessions(
        keysFrom first: Key?,
        through last: Key?,
        earliestEndMs: Int64 = 0,
        latestStartMs: Int64 = Int64.max
    ) throws -> StoreCursor<Row> {
        let bounds = try scratch.encodeBounds(first, last, keys, in: rows.name)
        return cursor(
            rows.scan(bounds, earliestEndMs: earliestEndMs, latestStartMs: latestStartMs, descending: false)
        )
    }

    /// The same sessions as of `findSessions(keysFrom:through:)`, the last one first.
    @inlinable
    public func backwardFindSessions(
        keysFrom first: Key?,
        through last: Key?,
        earliestEndMs: Int64 = 0,
        latestStartMs: Int64 = Int64.max
    ) throws -> StoreCursor<Row> {
        let bounds = try scratch.encodeBounds(first, last, keys, in: rows.name)
        return cursor(
            rows.scan(bounds, earliestEndMs: earliestEndMs, latestStartMs: latestStartMs, descending: true)
        )
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
