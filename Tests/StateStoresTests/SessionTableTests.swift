import MillracePrimitives
import MillraceStateStores
import Testing

extension SessionTable {
    fileprivate func row(_ entry: Int) -> TimedRow {
        TimedRow(
            key: Bytes(rows.key(at: entry)),
            time: endMs(at: entry),
            second: startMs(at: entry),
            value: Bytes(rows.bytes.value(at: entry))
        )
    }

    fileprivate func put(_ row: TimedRow, token: Int64) {
        let (entry, isNew) = row.key.withUnsafeBytes { insertOrFind($0, startMs: row.second, endMs: row.time) }
        guard entry >= 0 else { return }
        rows.bytes.setValue(at: entry, row.value)
        rows.bytes.noteContext(at: entry, TouchContext(token: token))
        if isNew { rows.didAdd(entry, timeMs: row.time) }
    }

    fileprivate func find(_ row: TimedRow) -> Int {
        row.key.withUnsafeBytes { find($0, startMs: row.second, endMs: row.time) }
    }
}

@Suite("A session table does what a list of sessions does")
struct SessionTableTests {
    @Test("Random sessions are put, merged and read back in every way", arguments: UInt64(0)..<8)
    func randomOperations(seed: UInt64) {
        var draw = Draw(seed: seed, keyCount: 0)
        let retention = Int64([0, 20, 100, 1000][draw.below(4)])
        let showsEdge = seed % 3 == 0
        let isCached = seed % 2 == 0
        let table = SessionTable(retentionMs: retention, showsEdge: showsEdge, cacheBytesMax: isCached ? 1 << 20 : nil)
        var model = TimedModel(retention: retention, showsEdge: showsEdge, isCached: isCached)
        var cache = CacheModel()
        let keys = timedKeys([4, 15, 40][draw.below(3)])
        var now: Int64 = 0
        for step in 0..<1500 {
            let comment: Comment = "seed \(seed), step \(step)"
            if draw.below(10) == 0 { now += Int64(draw.below(20)) }
            let end = max(0, now - Int64(draw.below(60)))
            let start = max(0, end - Int64(draw.below(20)))
            let row = TimedRow(key: keys[draw.below(keys.count)], time: end, second: start, value: draw.shortValue())
            switch draw.below(20) {
            case 0..<9:
                if model.isVisible(end) { cache.wrote(CacheModel.Row(key: row.key, time: end, second: start)) }
                model.put(row)
                table.put(row, token: Int64(step))
            case 9..<13:
                // What a record at `start` touches goes, as when sessions merge.
                let touched = row.key.withUnsafeBytes {
                    table.findSessions($0, earliestEndMs: start - 10, latestStartMs: start + 10)
                }.map(table.row)
                let expected = model.visible.filter {
                    $0.key == row.key && $0.time >= start - 10 && $0.second <= start + 10
                }
                #expect(touched == expected, comment)
                for gone in touched {
                    let entry = table.find(gone)
                    table.rows.remove(at: entry)
                    if isCached { table.rows.bytes.noteContext(at: entry, TouchContext(token: Int64(step))) }
                    model.remove(gone.key, gone.time, gone.second)
                    cache.wrote(CacheModel.Row(key: gone.key, time: gone.time, second: gone.second))
                }
            case 13..<16:
                let ofKey = model.visible.filter { $0.key == row.key }
                #expect(row.key.withUnsafeBytes { table.fetch($0) }.map(table.row) == ofKey, comment)
                let descending = row.key.withUnsafeBytes { table.fetch($0, descending: true) }.map(table.row)
                #expect(descending == ofKey.reversed(), comment)
                #expect((table.find(row) >= 0) == ofKey.contains { $0.time == end && $0.second == start }, comment)
            case 16..<19:
                #expect(table.all().map(table.row) == model.visible, comment)
                let closed = model.visibleByTime.filter { $0.time <= end }
                #expect(
                    table.ending(fromMs: table.rows.visibleFromMs, throughMs: end).map(table.row) == closed,
                    comment
                )
            default:
                guard isCached else { continue }
                let expected = cache.flush(&model)
                var visited: [Bytes?] = []
                table.rows.flush { dirty in visited.append(dirty.newValue.map { Bytes($0) }) }
                #expect(visited == expected.map(\.new), comment)
            }
        }
        if isCached {
            table.rows.flush { _ in }
            _ = cache.flush(&model)
        }
        let copy = SessionTable(retentionMs: retention, showsEdge: showsEdge)
        for entry in table.all() {
            copy.load(changelogKey: table.rows.bytes.key(at: entry), table.rows.bytes.value(at: entry))
        }
        if model.visible.contains(where: { $0.time == model.observed }) {
            #expect(copy.all().map(copy.row) == model.visible, "seed \(seed), restored")
        }
    }

    @Test("Sessions that come and go for ever take the memory of those that are there")
    func endlessMerging() {
        let table = SessionTable(retentionMs: 1_000_000)
        var row = TimedRow(key: [1], time: 0, second: 0, value: [1])
        for time in Int64(0)..<20_000 {
            let old = table.find(row)
            if old >= 0 { table.rows.remove(at: old) }
            row.time = time
            table.put(row, token: 0)
        }
        #expect(table.all().map(table.row) == [row])
        #expect(table.rows.memoryBytes < 100_000, "\(table.rows.memoryBytes) bytes for one session")
    }
}
