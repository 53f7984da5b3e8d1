import MillracePrimitives
import Testing

@testable import MillraceStateStores

@Suite("Rows of a changelog")
struct ChangelogRowTests {
    @Test("rows taken in together leave the same table as one after the other", arguments: [UInt64(1), 2, 3])
    func together(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        // Past the size from which on memory is asked for ahead, with removals and values that grow.
        let rows = (0..<30_000).map { number -> (key: [UInt8], value: [UInt8]?, timestampMs: Int64) in
            let key = Array("key-\(random.next() % 9_000)".utf8)
            let value = random.next() % 5 == 0 ? nil : [UInt8](repeating: UInt8(number % 256), count: number % 70)
            return (key, value, Int64(number))
        }
        let (alone, together) = (ByteTable(), ByteTable())
        for start in stride(from: 0, to: rows.count, by: 32) {
            let part = rows[start..<min(start + 32, rows.count)]
            for row in part { withRows([row]) { alone.load(timestamped: $0) } }
            withRows(Array(part)) { together.load(timestamped: $0) }
        }
        #expect(alone.count == together.count, "seed \(seed)")
        for row in rows {
            let expected = row.key.withUnsafeBytes { key in alone.get(key).map(Array.init) }
            let found = row.key.withUnsafeBytes { key in together.get(key).map(Array.init) }
            #expect(found == expected, "seed \(seed), key \(row.key)")
        }
    }

    @Test("a row sets value and time, and one without a value removes the key")
    func meaning() {
        let table = ByteTable()
        withRows([([1], [7, 8], 42), ([2], [9], 43), ([2], nil, 44), ([3], nil, 45)]) { table.load(timestamped: $0) }
        #expect(table.count == 1)
        let value = [UInt8(1)].withUnsafeBytes { key in table.get(key).map(Array.init) }
        #expect(value == [0, 0, 0, 0, 0, 0, 0, 42, 7, 8])
    }

    private func withRows(
        _ rows: [(key: [UInt8], value: [UInt8]?, timestampMs: Int64)],
        _ body: (UnsafeBufferPointer<ChangelogRow>) -> Void
    ) {
        // The views stay good because the bytes lie in one block.
        var bytes: [UInt8] = []
        for row in rows { bytes += row.key + (row.value ?? []) }
        bytes.append(0)
        bytes.withUnsafeBytes { block in
            var position = 0
            func take(_ count: Int) -> UnsafeRawBufferPointer {
                defer { position += count }
                return UnsafeRawBufferPointer(rebasing: block[position..<position + count])
            }
            let views = rows.map { row in
                ChangelogRow(
                    key: take(row.key.count),
                    value: row.value.map { take($0.count) },
                    timestampMs: row.timestampMs
                )
            }
            views.withUnsafeBufferPointer(body)
        }
    }
}
