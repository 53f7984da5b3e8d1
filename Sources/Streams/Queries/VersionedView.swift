import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The values that each key of a versioned store of a running application has had, for reading: those of a versioned table,
/// or of a processor's own store.
///
///     let prices = application.versions(of: "prices", keys: .utf8, values: .float64)
///     let then = try await prices.get("tea", asOf: noonMs)
///
/// Reads are as those of `KeyValueView`. What lies before the history is not known, except a value that is still valid.
public struct VersionedView<Key, Value>: Sendable {
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
    public func with(_ options: QueryOptions) -> VersionedView {
        var view = self
        view.options = options
        return view
    }

    /// The partition that holds a key, if its records are spread by their keys.
    public func partition(of key: Key) throws(QueryError) -> Int32 {
        try query.application.partition(ofStore: store, for: try query.encode(key, keys))
    }

    /// The latest value of a key; nil if there is none. Kafka Streams: `VersionedKeyQuery`.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func get(_ key: Key, partition: Int32? = nil) async throws(QueryError) -> VersionedValue<Value>? {
        try await version(of: key, asOf: nil, partition)
    }

    /// The value that a key had at a time, in milliseconds since 1970; nil if it had none, or if that is not known any
    /// more. Kafka Streams: `VersionedKeyQuery.asOf`.
    ///
    /// - Parameter partition: where the key is; nil for where its records are if they are spread by their keys.
    public func get(
        _ key: Key,
        asOf timestampMs: Int64,
        partition: Int32? = nil
    ) async throws(QueryError) -> VersionedValue<Value>? {
        try await version(of: key, asOf: timestampMs, partition)
    }

    /// The values that a key had at any moment from one time through another, in milliseconds since 1970, as far as they
    /// are known; the newest first. Kafka Streams: `MultiVersionedKeyQuery`.
    ///
    /// Many versions are read in several pages, which may be of different moments.
    ///
    /// - Parameters:
    ///   - isAscending: whether the oldest comes first instead.
    ///   - countMax: how many are wanted at most.
    ///   - partition: where the key is; nil for where its records are if they are spread by their keys.
    public func versions(
        of key: Key,
        from firstMs: Int64 = Int64.min,
        through lastMs: Int64 = Int64.max,
        ascending isAscending: Bool = false,
        limit countMax: Int = .max,
        partition: Int32? = nil
    ) async throws(QueryError) -> [VersionedValue<Value>] {
        let bytes = try query.encode(key, keys)
        var range = StoredVersionRange(firstMs: firstMs, lastMs: lastMs, isAscending: isAscending)
        var found: [VersionedValue<Value>] = []
        while found.count < countMax {
            let limits = PageLimits(options.isolation, rowCountMax: countMax - found.count)
            let wanted = range
            let page = try await query.ask(partition, key: bytes) { store in
                (store as? any QueriedVersions)?.page(of: bytes, wanted, limits) ?? StoredVersionPage()
            }
            for version in page.versions { found.append(try decode(version)) }
            guard let rest = page.rest else { break }
            range = rest
        }
        return found
    }

    private func version(
        of key: Key,
        asOf timestampMs: Int64?,
        _ partition: Int32?
    ) async throws(QueryError) -> VersionedValue<Value>? {
        let bytes = try query.encode(key, keys)
        let version = try await query.ask(partition, key: bytes) { store in
            (store as? any QueriedVersions)?.version(of: bytes, asOf: timestampMs)
        }
        guard let version else { return nil }
        return try decode(version)
    }

    private func decode(_ version: CopiedVersion) throws(QueryError) -> VersionedValue<Value> {
        do {
            return VersionedValue(
                try values.value(of: version.value),
                validFromMs: version.validFromMs,
                validToMs: version.validToMs
            )
        } catch {
            throw .serde(store: store, reason: "\(error)")
        }
    }
}

extension StreamsApplication {
    /// The values over time of a versioned store, such as that of a versioned table, while the application runs.
    ///
    /// - Parameters:
    ///   - store: the store's name.
    ///   - keys: how its keys are written.
    ///   - values: how its values are read.
    ///   - options: what reads see and wait for.
    public func versions<Key, Value>(
        of store: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        options: QueryOptions = QueryOptions()
    ) -> VersionedView<Key, Value> {
        VersionedView(StoreQuery(application: self, store: store, kind: .versioned, options: options), keys, values)
    }

    /// The values over time of a versioned store of a processor, while the application runs.
    public func versions<Key, Value>(
        of store: StoreReference<VersionedStore<Key, Value>>,
        options: QueryOptions = QueryOptions()
    ) -> VersionedView<Key, Value> {
        versions(of: store.name, keys: store.serdes.keys, values: store.serdes.values, options: options)
    }
}
