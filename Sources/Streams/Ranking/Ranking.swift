import MillraceStreamsRuntime

/// The rows of many groups in the order of their scores, in a store; the first of a group are read without the others.
@usableFromInline
struct Ranking<Key, Row>: Sendable {
    /// How many rows of a group make its result.
    let count: Int
    let keys: Serde<Key>
    let rows: Serde<Row>
    /// Whether rows behind the first ones may come forward again, because rows before them are taken away.
    let keepsAll: Bool

    @usableFromInline typealias Store = KeyValueStore<RankedKey, Int64>

    @usableFromInline
    init(count: Int, keys: Serde<Key>, rows: Serde<Row>, keepsAll: Bool) {
        self.count = count
        self.keys = keys
        self.rows = rows
        self.keepsAll = keepsAll
    }

    /// Takes an update into the store.
    ///
    /// - Returns: the first rows of the group, if they are others than before.
    @usableFromInline
    func update(
        _ key: Key,
        _ change: Change<Row>,
        in store: Store,
        _ score: (Row) throws -> UInt64
    ) throws -> [Row]? {
        guard let group = try keys.bytes(of: key) else { return nil }
        let before = try places(of: group, in: store)
        if let old = change.old, let place = try place(old, group, score) {
            let times = try store.get(place) ?? 0
            try store.put(place, times > 1 ? times - 1 : nil)
        }
        if let new = change.new, let place = try place(new, group, score) {
            try store.put(place, (try store.get(place) ?? 0) + 1)
            if !keepsAll { try prune(group, store) }
        }
        let after = try places(of: group, in: store)
        guard before != after else { return nil }
        return try after.map { try rows.value(of: $0) }
    }

    private func place(_ row: Row, _ group: [UInt8], _ score: (Row) throws -> UInt64) throws -> RankedKey? {
        guard let value = try rows.bytes(of: row) else { return nil }
        return RankedKey(group: group, bits: try score(row), value: value)
    }

    /// The bytes of the first rows; equal rows are there as often as they were added.
    private func places(of group: [UInt8], in store: Store) throws -> [[UInt8]] {
        var first: [[UInt8]] = []
        var cursor = try store.prefixScan(group, as: .rankedGroup)
        while first.count < count, let (place, times) = try cursor.next() {
            for _ in 0..<min(Int(times), count - first.count) { first.append(place.value) }
        }
        return first
    }

    /// Removes what will never be among the first again.
    private func prune(_ group: [UInt8], _ store: Store) throws {
        var left = count
        var cursor = try store.prefixScan(group, as: .rankedGroup)
        while let (place, times) = try cursor.next() {
            if left <= 0 {
                try store.delete(place)
            } else if times > left {
                try store.put(place, Int64(left))
            }
            left -= Int(times)
        }
    }
}
