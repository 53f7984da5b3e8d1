import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The sessions of a session store of a running application, for reading: those of an aggregation by sessions, or of a
/// processor's own store.
///
///     let visits = application.sessions(of: "visits", keys: .utf8, values: .int64)
///     for try await row in try visits.fetch("alice") { print(row.key.window, row.value) }
///
/// Reads are as those of `KeyValueView`; sessions past their retention are not there. Of several keys, sessions come in
/// the order of the bytes of key, end and start together, as the rows of a `WindowView` do.
public struct SessionView<Key, Value>: Sendable {
    private var query: StoreQuery
    private let keys: Serde<Key>
    private let values: Serde<Value>

    init(_ query: StoreQuery, _ keys: Serde<Key>, _ values: Serde<Value>) {
        self.query = query
        self.keys = keys
        self.values = values
    }

    /// The store's name.
    public var store: String { query.store }

    /// What reads see and wait for.
    public var options: QueryOptions {
        get { query.options }
        set { query.options = newValue }
    }

    /// The same store, read in another way.
    public func with(_ options: QueryOptions) -> SessionView {
        var view = self
        view.options = options
        return view
    }

    /// The partition that holds the sessions of a key, if its records are spread by their keys.
    public func partition(of key: Key) throws(QueryError) -> Int32 {
        try query.application.partition(ofStore: store, for: try query.encode(key, keys))
    }

    /// The value of a session; nil if there is none. Kafka Streams: `fetchSession`.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func get(_ key: Key, _ session: Window, partition: Int32? = nil) async throws(QueryError) -> Value? {
        let bytes = try query.encode(key, keys)
        let rowKey = bytes + TimedRange.bytes(session.endMs) + TimedRange.bytes(session.startMs)
        return try await query.row(rowKey, key: bytes, partition: partition, decode).row?.value
    }

    /// The sessions of a key, by end, then start. Kafka Streams: `fetch` and `backwardFetch`.
    public func fetch(
        _ key: Key,
        descending isDescending: Bool = false,
        partition: Int32? = nil
    ) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        try findSessions(
            key,
            earliestEndMs: 0,
            latestStartMs: Int64.max,
            descending: isDescending,
            partition: partition
        )
    }

    /// The sessions of a key that end at a time or later and start at a time or earlier, by end, then start.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func findSessions(
        _ key: Key,
        earliestEndMs: Int64,
        latestStartMs: Int64,
        descending isDescending: Bool = false,
        partition: Int32? = nil
    ) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        let bytes = try query.encode(key, keys)
        let range = TimedRange.rows(
            of: bytes,
            from: earliestEndMs,
            through: Int64.max,
            descending: isDescending
        ) { TimedRange.time(1, $0) <= latestStartMs }
        return rows(range, try query.place(of: bytes, partition))
    }

    /// The sessions of the keys from one through another, nil for an open end, that end at a time or later and start at a
    /// time or earlier.
    public func findSessions(
        keysFrom first: Key? = nil,
        through last: Key? = nil,
        earliestEndMs: Int64 = 0,
        latestStartMs: Int64 = Int64.max,
        descending isDescending: Bool = false
    ) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        let range = TimedRange.rows(
            from: try query.encode(optional: first, keys),
            through: try query.encode(optional: last, keys),
            descending: isDescending
        ) { TimedRange.time(0, $0) >= earliestEndMs && TimedRange.time(1, $0) <= latestStartMs }
        return rows(range, try query.partitions())
    }

    /// All sessions.
    public func all(descending isDescending: Bool = false) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        try findSessions(keysFrom: nil, through: nil, descending: isDescending)
    }

    private func rows(_ range: StoredRange, _ partitions: Range<Int32>) -> StoreRows<WindowRow<Key, Value>> {
        StoreRows(query: query, range: range, partitions: partitions, decode: decode)
    }

    private var decode: @Sendable (StoredRow) throws -> WindowRow<Key, Value> {
        { [keys, values] row in
            let window = Window(startMs: TimedRange.time(1, row.times), endMs: TimedRange.time(0, row.times))
            return WindowRow(
                key: Windowed(key: try keys.read(row.key), window: window),
                value: try values.read(row.value),
                timestampMs: row.timestampMs
            )
        }
    }
}

extension StreamsApplication {
    /// The sessions of a session store, such as that of an aggregation by sessions, while the application runs.
    ///
    /// - Parameters:
    ///   - store: the store's name.
    ///   - keys: how the keys of its records are written and read.
    ///   - values: how its values are read.
    ///   - options: what reads see and wait for.
    public func sessions<Key, Value>(
        of store: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        options: QueryOptions = QueryOptions()
    ) -> SessionView<Key, Value> {
        SessionView(StoreQuery(application: self, store: store, kind: .session, options: options), keys, values)
    }

    /// The sessions of a session store of a processor, while the application runs.
    public func sessions<Key, Value>(
        of store: StoreReference<SessionStore<Key, Value>>,
        options: QueryOptions = QueryOptions()
    ) -> SessionView<Key, Value> {
        sessions(of: store.name, keys: store.serdes.keys, values: store.serdes.values, options: options)
    }
}
