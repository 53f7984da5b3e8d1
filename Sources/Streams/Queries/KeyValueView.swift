import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The rows of a key-value store of a running application, for reading: what Kafka Streams calls an interactive query.
///
///     let counts = application.keyValues(of: "word-counts", keys: .utf8, values: .int64)
///     let count = try await counts.get("stream")
///     for try await row in try counts.range(from: "a", through: "c") { print(row.key, row.value) }
///
/// Each read of one key, and each page of a range, is of one moment between two records of a task. Reads of the same view
/// one after the other may see different moments. Only the partitions that this instance of the application has can be
/// read here. Rows past their time to live are not there.
///
/// Of a global store, a read sees the copy of one thread, which holds what is committed only.
public struct KeyValueView<Key, Value>: Sendable {
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
    public func with(_ options: QueryOptions) -> KeyValueView {
        var view = self
        view.options = options
        return view
    }

    /// The value of a key; nil if there is none.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func get(_ key: Key, partition: Int32? = nil) async throws(QueryError) -> Value? {
        try await row(of: key, partition: partition)?.value
    }

    /// The row of a key, with its timestamp; nil if there is none.
    public func row(of key: Key, partition: Int32? = nil) async throws(QueryError) -> KeyValueRow<Key, Value>? {
        let bytes = try query.encode(key, keys)
        return try await query.row(bytes, key: bytes, partition: partition, decode).row
    }

    /// The partition that holds a key, if its records are spread by their keys.
    public func partition(of key: Key) throws(QueryError) -> Int32 {
        try query.application.partition(ofStore: store, for: try query.encode(key, keys))
    }

    /// The rows from one key through another, both included, in the order of the keys' bytes; nil for an open end.
    public func range(
        from first: Key? = nil,
        through last: Key? = nil,
        descending isDescending: Bool = false
    ) throws(QueryError) -> StoreRows<KeyValueRow<Key, Value>> {
        let lower = try query.encode(optional: first, keys)
        let upper = try query.encode(optional: last, keys).map(StoredRange.Upper.through) ?? .open
        return try rows(StoredRange(lower: lower, upper: upper, isDescending: isDescending))
    }

    /// All rows.
    public func all(descending isDescending: Bool = false) throws(QueryError) -> StoreRows<KeyValueRow<Key, Value>> {
        try range(descending: isDescending)
    }

    /// The rows whose keys begin with the bytes of another.
    public func prefix(
        _ prefix: Key,
        descending isDescending: Bool = false
    ) throws(QueryError) -> StoreRows<KeyValueRow<Key, Value>> {
        try rows(StoredRange(prefix: try query.encode(prefix, keys), isDescending: isDescending))
    }

    /// How many rows there are, in all partitions, those included that are past their time to live and not removed yet.
    public func approximateCount() async throws(QueryError) -> Int {
        var sum = 0
        for partition in try query.partitions() { sum += try await query.ask(partition) { $0.queriedTable.count } }
        return sum
    }

    private func rows(_ range: StoredRange) throws(QueryError) -> StoreRows<KeyValueRow<Key, Value>> {
        StoreRows(query: query, range: range, partitions: try query.partitions(), decode: decode)
    }

    private var decode: @Sendable (StoredRow) throws -> KeyValueRow<Key, Value> {
        { [keys, values] row in
            KeyValueRow(key: try keys.read(row.key), value: try values.read(row.value), timestampMs: row.timestampMs)
        }
    }
}

/// A row of a key-value store.
public struct KeyValueRow<Key, Value> {
    /// The key.
    public var key: Key
    /// The value.
    public var value: Value
    /// The value's timestamp in milliseconds since 1970; -1 in a store without timestamps.
    public var timestampMs: Int64
}

extension KeyValueRow: Equatable where Key: Equatable, Value: Equatable {}
extension KeyValueRow: Sendable where Key: Sendable, Value: Sendable {}

extension StreamsApplication {
    /// The rows of a key-value store, such as that of an aggregation, a table or a global table, while the application
    /// runs.
    ///
    /// - Parameters:
    ///   - store: the store's name.
    ///   - keys: how its keys are written and read.
    ///   - values: how its values are read.
    ///   - options: what reads see and wait for.
    public func keyValues<Key, Value>(
        of store: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        options: QueryOptions = QueryOptions()
    ) -> KeyValueView<Key, Value> {
        KeyValueView(StoreQuery(application: self, store: store, kind: .keyValue, options: options), keys, values)
    }

    /// The rows of a key-value store of a processor, while the application runs.
    public func keyValues<Key, Value>(
        of store: StoreReference<KeyValueStore<Key, Value>>,
        options: QueryOptions = QueryOptions()
    ) -> KeyValueView<Key, Value> {
        keyValues(of: store.name, keys: store.serdes.keys, values: store.serdes.values, options: options)
    }

    /// The rows of a key-value store of a processor, while the application runs.
    public func keyValues<Key, Value>(
        of store: StoreReference<TimestampedKeyValueStore<Key, Value>>,
        options: QueryOptions = QueryOptions()
    ) -> KeyValueView<Key, Value> {
        keyValues(of: store.name, keys: store.serdes.keys, values: store.serdes.values, options: options)
    }
}
