import MillracePrimitives
import MillraceStateStores
import Testing

@Suite("Rows expire by timestamp, then key")
struct RowExpiryTests {
    /// A table whose rows have a time, and what watches over it.
    private final class Expiring {
        let table: ByteTable
        let expiry: RowExpiry
        var model: [Bytes: Int64] = [:]

        init(remembering: ByteTable.Remembering) {
            table = ByteTable(remembering: remembering)
            expiry = RowExpiry(table)
        }

        func put(_ key: Bytes, _ timeMs: Int64) {
            let oldMs = key.withUnsafeBytes { table.get($0).flatMap { TimestampedValue.timestampMs($0) } }
            let entry = key.withUnsafeBytes { table.insertOrFind($0).entry }
            Bytes([1, 2]).withUnsafeBytes { table.setTimestampedValue(at: entry, timestampMs: timeMs, $0) }
            expiry.didWrite(entry, timestampMs: timeMs, oldMs: oldMs)
            model[key] = timeMs
        }

        func remove(_ key: Bytes) {
            #expect(table.remove(key) == (model.removeValue(forKey: key) != nil))
        }

        /// Removes up to so many rows, and says which.
        func expire(through lastMs: Int64, limit: Int) -> [Bytes] {
            var gone: [Bytes] = []
            while gone.count < limit, let entry = expiry.next(through: lastMs) {
                gone.append(Bytes(table.key(at: entry)))
                table.remove(at: entry)
            }
            return gone
        }

        func expireModel(through lastMs: Int64, limit: Int) -> [Bytes] {
            let due = model.filter { $0.value <= lastMs }
                .sorted { ($0.value, $0.key[0]) < ($1.value, $1.key[0]) }
                .prefix(limit).map(\.key)
            for key in due { model[key] = nil }
            return due
        }
    }

    @Test(
        "Random writes, removals and expiries take the rows that a sorted list would take",
        arguments: [[], .dirtyEntries] as [ByteTable.Remembering],
        UInt64(0)..<8
    )
    func model(remembering: ByteTable.Remembering, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let expiring = Expiring(remembering: remembering)
        var nowMs: Int64 = 0
        for step in 0..<4_000 {
            nowMs += Int64.random(in: 0...2, using: &random)
            let key = Bytes([UInt8.random(in: 0..<60, using: &random)])
            switch Int.random(in: 0..<10, using: &random) {
            case 0: expiring.remove(key)
            case 1: expiring.put(key, nowMs - Int64.random(in: 0...40, using: &random))
            case 2:
                let limit = Int.random(in: 1...20, using: &random)
                let lastMs = nowMs - Int64.random(in: 10...30, using: &random)
                let gone = expiring.expire(through: lastMs, limit: limit)
                #expect(gone == expiring.expireModel(through: lastMs, limit: limit), "seed \(seed), step \(step)")
            case 3 where !remembering.isEmpty && step % 7 == 0: _ = expiring.table.flushed()
            default: expiring.put(key, nowMs)
            }
        }
        #expect(expiring.expire(through: nowMs, limit: 100) == expiring.expireModel(through: nowMs, limit: 100))
        #expect(expiring.table.isEmpty, "seed \(seed)")
    }

    @Test("A row that is written to a million times takes no more memory than one that is written to once")
    func bounded() {
        let expiring = Expiring(remembering: [])
        for timeMs in 0..<100_000 {
            expiring.put([1], Int64(timeMs))
            if timeMs % 3 == 0 { expiring.put([2], Int64(-timeMs)) }
        }
        #expect(expiring.expiry.memoryBytes < 10_000)
        #expect(expiring.expire(through: -99_999, limit: 10) == [[2]])
        #expect(expiring.expire(through: 99_998, limit: 10) == [])
        #expect(expiring.expire(through: 99_999, limit: 10) == [[1]])
    }
}
