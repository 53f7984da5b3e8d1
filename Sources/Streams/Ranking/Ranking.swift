import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// How rows of many groups are ranked.
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
}

/// The rows of a task's groups in the order of their scores, in a store: its keys are places (see `RankedKey`), its values
/// how often there is such a row. Works on bytes: a row behind the first ones is told by comparing its place with theirs,
/// and only what is among the first is read.
///
/// Owned by the task's thread.
final class RankedRows<Key, Row> {
    private let ranking: Ranking<Key, Row>
    private let store: KeyValueRows
    /// What the places of the group under way begin with.
    private var group = ByteWriter()
    private var newPlace = ByteWriter()
    private var oldPlace = ByteWriter()
    private var pruned = ByteWriter()
    private var times = ByteWriter()
    private var before = ByteWriter()
    private var after = ByteWriter()

    init(_ ranking: Ranking<Key, Row>, in store: KeyValueRows) {
        self.ranking = ranking
        self.store = store
    }

    /// Turns to the group of a key; false if the key is written as null.
    func begin(_ key: Key) throws -> Bool {
        group.removeAll()
        group.append(UInt32(0))
        guard try ranking.keys.write(key, &group) else { return false }
        group.overwrite(at: 0, with: UInt32(group.count - MemoryLayout<UInt32>.size))
        newPlace.removeAll()
        oldPlace.removeAll()
        return true
    }

    /// Finds the place of the row that comes; there is none if it is nil or written as null.
    func placeNew(_ row: Row?, _ score: (Row) throws -> some RankingScore) throws {
        do { try place(row, score, &newPlace) } catch {
            newPlace.removeAll()
            throw error
        }
    }

    /// Finds the place of the row that goes; a row whose score fails had none.
    func placeOld(_ row: Row?, _ score: (Row) throws -> some RankingScore) {
        do { try place(row, score, &oldPlace) } catch { oldPlace.removeAll() }
    }

    private func place(_ row: Row?, _ score: (Row) throws -> some RankingScore, _ place: inout ByteWriter) throws {
        guard let row else { return }
        place.append(group.bytes)
        let scoreOffset = place.count
        place.append(UInt64(0))
        guard try ranking.rows.write(row, &place) else { return place.removeAll() }
        place.overwrite(at: scoreOffset, with: ~(try score(row).rankingBits))
    }

    /// Takes the update into the store: a row leaves its place, another takes one.
    ///
    /// - Returns: the first rows of the group, if they are others than before.
    func update() throws -> [Row]? {
        if oldPlace.count == 0 {
            guard newPlace.count > 0 else { return nil }
            let isAmongFirst = isAmongFirst()
            if isAmongFirst || ranking.keepsAll { try add() }
            return isAmongFirst ? try first() : nil
        }
        collect(&before)
        try remove()
        if newPlace.count > 0 { try add() }
        collect(&after)
        return RawBytes.compare(before.bytes, after.bytes) == 0 ? nil : try first()
    }

    /// Whether the new row comes before the last of the first ones, or these are not so many yet.
    private func isAmongFirst() -> Bool {
        var left = ranking.count
        let scan = store.scan(prefix: group.bytes, limit: ranking.count)
        while left > 0, let entry = scan.next() {
            if RawBytes.compare(newPlace.bytes, store.key(at: entry)) < 0 { return true }
            left -= times(at: entry)
        }
        return left > 0
    }

    /// The first rows; equal rows are there as often as they were added. What will never be among them again is removed.
    private func first() throws -> [Row] {
        var rows: [Row] = []
        var left = ranking.count
        let scan = store.scan(prefix: group.bytes, limit: ranking.keepsAll ? ranking.count : .max)
        while left > 0 || !ranking.keepsAll, let entry = scan.next() {
            let count = times(at: entry)
            let shown = min(count, left)
            for _ in 0..<shown { rows.append(try ranking.rows.read(row(at: entry))) }
            left -= shown
            if ranking.keepsAll || shown == count { continue }
            // The store must not have a key that lies in it.
            pruned.removeAll()
            pruned.append(store.key(at: entry))
            if shown > 0 {
                try put(pruned.bytes, times: shown)
            } else {
                try store.remove(at: entry, pruned.bytes, timestampMs: store.writeTimeMs)
            }
        }
        return rows
    }

    /// The bytes of the first rows, each after its length.
    private func collect(_ bytes: inout ByteWriter) {
        bytes.removeAll()
        var left = ranking.count
        let scan = store.scan(prefix: group.bytes, limit: ranking.count)
        while left > 0, let entry = scan.next() {
            let row = row(at: entry)
            for _ in 0..<min(times(at: entry), left) {
                bytes.append(UInt32(truncatingIfNeeded: row.count))
                bytes.append(row)
            }
            left -= times(at: entry)
        }
    }

    private func add() throws {
        let entry = store.find(newPlace.bytes)
        try put(newPlace.bytes, times: (entry < 0 ? 0 : times(at: entry)) + 1)
    }

    private func remove() throws {
        let entry = store.find(oldPlace.bytes)
        guard entry >= 0 else { return }
        let count = times(at: entry)
        if count > 1 { return try put(oldPlace.bytes, times: count - 1) }
        try store.remove(at: entry, oldPlace.bytes, timestampMs: store.writeTimeMs)
    }

    private func put(_ place: UnsafeRawBufferPointer, times count: Int) throws {
        times.removeAll()
        times.append(Int64(count))
        try store.put(place, times.bytes, timestampMs: store.writeTimeMs)
    }

    private func times(at entry: Int) -> Int {
        let value = store.value(at: entry)
        guard value.count == MemoryLayout<Int64>.size else { return 0 }
        return Int(clamping: Int64(bigEndian: value.loadUnaligned(as: Int64.self)))
    }

    /// The bytes of the row at an entry, behind its group and its score.
    private func row(at entry: Int) -> UnsafeRawBufferPointer {
        let key = store.key(at: entry)
        return UnsafeRawBufferPointer(rebasing: key[min(group.count + MemoryLayout<UInt64>.size, key.count)...])
    }
}
