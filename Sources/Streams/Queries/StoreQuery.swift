import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// What the views of all kinds of stores have in common: a store of a running application, and how it is asked.
struct StoreQuery: Sendable {
    let application: StreamsApplication
    let store: String
    let kind: StoreFormat.Kind
    var options: QueryOptions

    /// All partitions of the store.
    func partitions() throws(QueryError) -> Range<Int32> { 0..<(try application.partitionCount(ofStore: store)) }

    /// Asks a partition, by default the one that holds a key.
    func ask<Answer: Sendable>(
        _ partition: Int32?,
        key: [UInt8],
        isOrdered: Bool = false,
        _ body: @escaping @Sendable (any QueriedStore) -> Answer
    ) async throws(QueryError) -> Answer {
        try await ask(try place(of: key, partition).lowerBound, isOrdered: isOrdered, body)
    }

    /// Asks a partition.
    func ask<Answer: Sendable>(
        _ partition: Int32,
        isOrdered: Bool = false,
        _ body: @escaping @Sendable (any QueriedStore) -> Answer
    ) async throws(QueryError) -> Answer {
        try await application.ask(store, kind, partition: partition, options, isOrdered: isOrdered, body)
    }

    /// The partition that is asked for a key: by default the one that holds it.
    func place(of key: [UInt8], _ partition: Int32?) throws(QueryError) -> Range<Int32> {
        let place: Int32
        if let partition { place = partition } else { place = try application.partition(ofStore: store, for: key) }
        return place..<(place + 1)
    }

    /// How long the windows of a window store are.
    var windowSizeMs: Int64 { application.topology.graph.stores[store]?.format.sizes["windowSizeMs"] ?? 0 }

    /// The row of a key in a partition, nil if there is none, and whether the row keys of the store are no longer.
    func row<Row>(
        _ rowKey: [UInt8],
        key: [UInt8],
        partition: Int32?,
        _ decode: (StoredRow) throws -> Row
    ) async throws(QueryError) -> (row: Row?, isWhole: Bool) {
        let (page, isWhole) = try await ask(partition, key: key) { store in
            (store.page(of: rowKey), key.count + store.timesCount == rowKey.count)
        }
        guard page.count > 0 else { return (nil, isWhole) }
        do {
            return (try page.withRow(at: 0, decode), isWhole)
        } catch {
            throw .serde(store: store, reason: "\(error)")
        }
    }

    /// A page of the rows of a partition, of at most so many rows.
    func page(_ range: StoredRange, of partition: Int32, rowCountMax: Int) async throws(QueryError) -> StoredPage {
        let limits = PageLimits(options.isolation, rowCountMax: max(1, rowCountMax))
        return try await ask(partition, isOrdered: true) { $0.page(range, limits) }
    }

    /// A key as it lies in the store.
    func encode<Key>(_ key: Key, _ keys: Serde<Key>) throws(QueryError) -> [UInt8] {
        do {
            if let bytes = try keys.bytes(of: key) { return bytes }
        } catch {
            throw .serde(store: store, reason: "\(error)")
        }
        throw .serde(store: store, reason: "a key cannot be null")
    }

    /// A key that may be open as it lies in the store.
    func encode<Key>(optional key: Key?, _ keys: Serde<Key>) throws(QueryError) -> [UInt8]? {
        guard let key else { return nil }
        return try encode(key, keys)
    }
}
