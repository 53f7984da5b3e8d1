import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// The rows of a key-value store of a running application, for reading: what Kafka Streams calls an interactive query.
///
///     let counts = application.keyValues(of: "word-counts", keys: .utf8, values: .int64)
///     let count = try await counts.get("stream")
///     for try await row in counts.range(from: "a", through: "c") { print(row.key, row.value) }
///
/// Each read of one key, and each page of a range, is of one moment between two records of a task. Reads of the same view
/// one after the other may see different moments. Only the partitions that this instance of the application has can be
/// read here.
public struct KeyValueView<Key, Value>: Sendable {
    /// The store's name.
    public let store: String
    /// What reads see and wait for.
    public var options: QueryOptions

    private let application: StreamsApplication
    private let keys: Serde<Key>
    private let values: Serde<Value>

    init(
        _ application: StreamsApplication,
        _ store: String,
        _ keys: Serde<Key>,
        _ values: Serde<Value>,
        _ options: QueryOptions
    ) {
        self.application = application
        self.store = store
        self.keys = keys
        self.values = values
        self.options = options
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
        let bytes = try encode(key)
        let place: Int32
        if let partition { place = partition } else { place = try application.partition(ofStore: store, for: bytes) }
        let row = try await ask(partition: place) { $0.row(of: bytes) }
        guard let row else { return nil }
        return try decode(row)
    }

    /// The partition that holds a key, if its records are spread by their keys.
    public func partition(of key: Key) throws(QueryError) -> Int32 {
        try application.partition(ofStore: store, for: try encode(key))
    }

    /// The rows from one key through another, both included, in the order of the keys' bytes; nil for an open end. They are
    /// read in pages while one goes through them.
    public func range(
        from first: Key? = nil,
        through last: Key? = nil,
        descending isDescending: Bool = false
    ) throws(QueryError) -> KeyValueSequence<Key, Value> {
        let lower: [UInt8]? = if let first { try encode(first) } else { nil }
        let upper: StoredKeyRange.Upper = if let last { .through(try encode(last)) } else { .open }
        return KeyValueSequence(
            view: self,
            range: StoredKeyRange(lower: lower, upper: upper, isDescending: isDescending),
            partitionCount: try application.partitionCount(ofStore: store)
        )
    }

    /// All rows.
    public func all(descending isDescending: Bool = false) throws(QueryError) -> KeyValueSequence<Key, Value> {
        try range(descending: isDescending)
    }

    /// The rows whose keys begin with the bytes of another.
    public func prefix(
        _ prefix: Key,
        descending isDescending: Bool = false
    ) throws(QueryError) -> KeyValueSequence<Key, Value> {
        KeyValueSequence(
            view: self,
            range: StoredKeyRange(prefix: try encode(prefix), isDescending: isDescending),
            partitionCount: try application.partitionCount(ofStore: store)
        )
    }

    /// How many rows there are, in all partitions.
    public func count() async throws(QueryError) -> Int {
        var sum = 0
        for partition in 0..<(try application.partitionCount(ofStore: store)) {
            sum += try await ask(partition: partition) { $0.queriedTable.count }
        }
        return sum
    }

    func page(_ range: StoredKeyRange, of partition: Int32) async throws(QueryError) -> StoredPage {
        try await ask(partition: partition) { $0.page(range) }
    }

    private func ask<Answer: Sendable>(
        partition: Int32,
        _ body: @escaping @Sendable (any KeyValueQueries) -> Answer
    ) async throws(QueryError) -> Answer {
        let name = store
        return try await application.ask(store, partition: partition, options) { store in
            guard let rows = store as? any KeyValueQueries else { return .failure(.otherKind(store: name)) }
            return .success(body(rows))
        }
    }

    private func encode(_ key: Key) throws(QueryError) -> [UInt8] {
        do {
            if let bytes = try keys.bytes(of: key) { return bytes }
        } catch {
            throw .serde(store: store, reason: "\(error)")
        }
        throw .serde(store: store, reason: "a key cannot be null")
    }

    func decode(_ row: StoredRow) throws(QueryError) -> KeyValueRow<Key, Value> {
        do {
            return KeyValueRow(
                key: try keys.value(of: row.key),
                value: try values.value(of: row.value),
                timestampMs: row.timestampMs
            )
        } catch {
            throw .serde(store: store, reason: "\(error)")
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
    /// The rows of a key-value store, such as that of an aggregation or a table, while the application runs.
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
        KeyValueView(self, store, keys, values, options)
    }
}

extension KeyValueState: KeyValueQueries {
    @usableFromInline package var queriedTable: ByteTable { table }
    @usableFromInline package var areRowsTimestamped: Bool { true }
}

extension KeyValueRows: KeyValueQueries {
    @usableFromInline package var queriedTable: ByteTable { table }
    @usableFromInline package var areRowsTimestamped: Bool { isTimestamped }
}
