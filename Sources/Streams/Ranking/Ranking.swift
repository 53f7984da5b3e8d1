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

    /// Takes an update into the store: a row leaves its place, another takes one.
    ///
    /// - Returns: the first rows of the group, if they are others than before.
    func move(in group: [UInt8], from old: RankedKey?, to new: RankedKey?, _ store: Store) throws -> [Row]? {
        let before = try places(of: group, in: store)
        if let old {
            let times = try store.get(old) ?? 0
            try store.put(old, times > 1 ? times - 1 : nil)
        }
        if let new {
            try store.put(new, (try store.get(new) ?? 0) + 1)
            if !keepsAll { try prune(group, store) }
        }
        let after = try places(of: group, in: store)
        guard before != after else { return nil }
        return try after.map { try rows.value(of: $0) }
    }

    /// The place of a row; nil if it is written as null.
    func place<Score: RankingScore>(
        _ row: Row,
        _ group: [UInt8],
        _ score: (Row) throws -> Score
    ) throws -> RankedKey? {
        guard let value = try rows.bytes(of: row) else { return nil }
        return RankedKey(group: group, bits: try score(row).rankingBits, value: value)
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
