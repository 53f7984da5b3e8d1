import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The rows of a window store of a running application, for reading: those of a windowed aggregation, or of a processor's
/// own store.
///
///     let perMinute = application.windows(of: "per-minute", keys: .utf8, values: .int64)
///     for try await row in try perMinute.fetch("stream", from: start, through: end) { print(row.key.window, row.value) }
///
/// Reads are as those of `KeyValueView`; rows past their retention are not there. Of several keys, rows come in the order
/// of the bytes of key and start together: by key, then start, except that among the windows of a key there may come those
/// of a longer key that begins with it, if the bytes that follow look like a time.
public struct WindowView<Key, Value>: Sendable {
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
    public func with(_ options: QueryOptions) -> WindowView {
        var view = self
        view.options = options
        return view
    }

    /// The partition that holds the windows of a key, if its records are spread by their keys.
    public func partition(of key: Key) throws(QueryError) -> Int32 {
        try query.application.partition(ofStore: store, for: try query.encode(key, keys))
    }

    /// The value of a key in the window that starts at a time; nil if there is none. In a store with duplicates, the first
    /// one.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func get(_ key: Key, startMs: Int64, partition: Int32? = nil) async throws(QueryError) -> Value? {
        let bytes = try query.encode(key, keys)
        let rowKey = bytes + TimedRange.bytes(startMs)
        let (row, isWhole) = try await query.row(rowKey, key: bytes, partition: partition, decode)
        guard row == nil, !isWhole else { return row?.value }
        // Rows with duplicates have a number after the start.
        var found = try fetch(key, from: startMs, through: startMs, partition: partition).first(1).makeAsyncIterator()
        return try await found.next()?.value
    }

    /// The rows of a key in the windows that start in a range of times, both ends included, by start. Kafka Streams:
    /// `fetch` and `backwardFetch`, or a `WindowKeyQuery`.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func fetch(
        _ key: Key,
        from firstMs: Int64 = 0,
        through lastMs: Int64 = Int64.max,
        descending isDescending: Bool = false,
        partition: Int32? = nil
    ) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        let bytes = try query.encode(key, keys)
        let range = TimedRange.rows(of: bytes, from: firstMs, through: lastMs, descending: isDescending) { _ in true }
        return rows(range, try query.place(of: bytes, partition))
    }

    /// The rows of the keys from one through another, nil for an open end, in the windows that start in a range of times,
    /// both ends included. Kafka Streams: `fetch` with two keys, `fetchAll`, or a `WindowRangeQuery`.
    public func fetch(
        keysFrom first: Key? = nil,
        through last: Key? = nil,
        from firstMs: Int64 = 0,
        through lastMs: Int64 = Int64.max,
        descending isDescending: Bool = false
    ) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        let range = TimedRange.rows(
            from: try query.encode(optional: first, keys),
            through: try query.encode(optional: last, keys),
            descending: isDescending
        ) { times in
            let startMs = TimedRange.time(0, times)
            return startMs >= firstMs && startMs <= lastMs
        }
        return rows(range, try query.partitions())
    }

    /// All rows.
    public func all(descending isDescending: Bool = false) throws(QueryError) -> StoreRows<WindowRow<Key, Value>> {
        try fetch(keysFrom: nil, through: nil, descending: isDescending)
    }

    private func rows(_ range: StoredRange, _ partitions: Range<Int32>) -> StoreRows<WindowRow<Key, Value>> {
        StoreRows(query: query, range: range, partitions: partitions, decode: decode)
    }

    private var decode: @Sendable (StoredRow) throws -> WindowRow<Key, Value> {
        { [keys, values, sizeMs = query.windowSizeMs] row in
            let startMs = TimedRange.time(0, row.times)
            return WindowRow(
                key: Windowed(
                    key: try keys.read(row.key),
                    window: Window(startMs: startMs, endMs: startMs.addingSaturated(sizeMs))
                ),
                value: try values.read(row.value),
                timestampMs: row.timestampMs
            )
        }
    }
}

/// A row of a window or session store.
public struct WindowRow<Key, Value> {
    /// The key with its window or session.
    public var key: Windowed<Key>
    /// The value.
    public var value: Value
    /// The value's timestamp in milliseconds since 1970; -1 in a store without timestamps.
    public var timestampMs: Int64
}

extension WindowRow: Equatable where Key: Equatable, Value: Equatable {}
extension WindowRow: Sendable where Key: Sendable, Value: Sendable {}

extension StreamsApplication {
    /// The rows of a window store, such as that of a windowed aggregation, while the application runs.
    ///
    /// - Parameters:
    ///   - store: the store's name.
    ///   - keys: how the keys of its records are written and read.
    ///   - values: how its values are read.
    ///   - options: what reads see and wait for.
    public func windows<Key, Value>(
        of store: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        options: QueryOptions = QueryOptions()
    ) -> WindowView<Key, Value> {
        WindowView(StoreQuery(application: self, store: store, kind: .window, options: options), keys, values)
    }

    /// The rows of a window store of a processor, while the application runs.
    public func windows<Key, Value>(
        of store: StoreReference<WindowStore<Key, Value>>,
        options: QueryOptions = QueryOptions()
    ) -> WindowView<Key, Value> {
        windows(of: store.name, keys: store.serdes.keys, values: store.serdes.values, options: options)
    }
}
