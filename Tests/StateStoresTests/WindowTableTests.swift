import MillracePrimitives
import MillraceStateStores
import Testing

extension WindowTable {
    fileprivate func row(_ entry: Int) -> TimedRow {
        let number =
            retainsDuplicates ? rows.bytes.key(at: entry).suffix(4).reduce(Int64(0)) { $0 << 8 | Int64($1) } : 0
        return TimedRow(
            key: Bytes(rows.key(at: entry)),
            time: startMs(at: entry),
            second: number,
            value: Bytes(rows.bytes.value(at: entry))
        )
    }

    fileprivate func put(_ row: TimedRow, token: Int64) {
        let (entry, isNew) = row.key.withUnsafeBytes { insertOrFind($0, startMs: row.time) }
        guard entry >= 0 else { return }
        rows.bytes.setValue(at: entry, row.value)
        rows.bytes.noteContext(at: entry, TouchContext(token: token))
        if isNew { rows.didAdd(entry, timeMs: row.time) }
    }

    fileprivate func append(_ row: TimedRow) {
        row.key.withUnsafeBytes { key in row.value.withUnsafeBytes { _ = append(key, startMs: row.time, $0) } }
    }

    fileprivate func find(_ row: TimedRow) -> Int {
        row.key.withUnsafeBytes { find($0, startMs: row.time) }
    }

    fileprivate func remove(_ row: TimedRow, token: Int64) {
        let entry = find(row)
        guard entry >= 0 else { return }
        rows.remove(at: entry)
        if rows.bytes.remembering == .dirtyEntries {
            rows.bytes.noteContext(at: entry, TouchContext(token: token))
        }
    }

    fileprivate func fetch(_ key: Bytes, _ times: ClosedRange<Int64>, descending: Bool) -> [TimedRow] {
        key.withUnsafeBytes {
            fetch($0, fromMs: times.lowerBound, throughMs: times.upperBound, descending: descending)
        }.map(row)
    }

    fileprivate func range(_ keys: (Bytes, Bytes), _ times: ClosedRange<Int64>, descending: Bool) -> [TimedRow] {
        keys.0.withUnsafeBytes { first in
            keys.1.withUnsafeBytes { last in
                fetchRange(
                    fromKey: first,
                    throughKey: last,
                    fromMs: times.lowerBound,
                    throughMs: times.upperBound,
                    descending: descending
                )
            }
        }.map(row)
    }

    /// The rows as a changelog has them, restored into another table.
    fileprivate func restored(showsEdge: Bool = false) -> WindowTable {
        let copy = WindowTable(
            retentionMs: rows.retentionMs,
            showsEdge: showsEdge,
            retainsDuplicates: retainsDuplicates
        )
        for entry in all() {
            var key = ByteWriter()
            appendChangelogKey(of: rows.bytes.key(at: entry), to: &key)
            copy.load(changelogKey: key.bytes, rows.bytes.value(at: entry))
        }
        return copy
    }
}

@Suite("A window table does what a list of rows does")
struct WindowTableTests {
    @Test(
        "Random puts and removals are read back in every way, with and without a record cache",
        arguments: UInt64(0)..<8
    )
    func randomOperations(seed: UInt64) {
        var draw = Draw(seed: seed, keyCount: 0)
        let retention = Int64([0, 1, 30, 100, 1000][draw.below(5)])
        let showsEdge = seed % 3 == 0
        let isCached = seed % 2 == 0
        let table = WindowTable(
            retentionMs: retention,
            showsEdge: showsEdge,
            cacheBytesMax: isCached ? 1 << 20 : nil
        )
        var model = TimedModel(retention: retention, showsEdge: showsEdge, isCached: isCached)
        var cache = CacheModel()
        let keys = timedKeys([4, 15, 40][draw.below(3)])
        var now: Int64 = 0
        for step in 0..<1500 {
            let comment: Comment = "seed \(seed), step \(step)"
            if draw.below(10) == 0 { now += Int64(draw.below(20)) }
            if draw.below(400) == 0 { now += 2 * retention }
            let time = max(0, now - Int64(draw.below(60)))
            let row = TimedRow(key: keys[draw.below(keys.count)], time: time, second: 0, value: draw.shortValue())
            let place = CacheModel.Row(key: row.key, time: time, second: 0)
            switch draw.below(20) {
            case 0..<10:
                if model.isVisible(time) { cache.wrote(place) }
                model.put(row)
                table.put(row, token: Int64(step))
            case 10..<13:
                let entry = table.find(row)
                let expected = model.find(row.key, time, 0).flatMap { model.isVisible(time) ? $0 : nil }
                #expect((entry >= 0) == (expected != nil), comment)
                if expected != nil {
                    cache.wrote(place)
                    model.remove(row.key, time, 0)
                    table.remove(row, token: Int64(step))
                }
            case 13..<17:
                let times = time...(time + Int64(draw.below(40)))
                let expected = model.visible.filter { $0.key == row.key && times.contains($0.time) }
                #expect(table.fetch(row.key, times, descending: false) == expected, comment)
                #expect(table.fetch(row.key, times, descending: true) == expected.reversed(), comment)
                let last = keys[draw.below(keys.count)]
                let within = model.visible.filter {
                    !$0.key.lexicographicallyPrecedes(row.key) && !last.lexicographicallyPrecedes($0.key)
                        && times.contains($0.time)
                }
                #expect(table.range((row.key, last), times, descending: false) == within, comment)
                #expect(table.range((row.key, last), times, descending: true) == within.reversed(), comment)
            case 17..<19:
                #expect(table.all().map(table.row) == model.visible, comment)
                let closed = model.visibleByTime.filter { $0.time <= time }
                let emitted = table.starting(fromMs: table.rows.visibleFromMs, throughMs: time).map(table.row)
                #expect(emitted == closed, comment)
            default:
                guard isCached else { continue }
                let expected = cache.flush(&model)
                var visited: [TimedFlush] = []
                table.rows.flush { dirty in
                    let start = Bytes(dirty.key.suffix(8)).reduce(Int64(0)) { $0 << 8 | Int64($1) }
                    visited.append(
                        TimedFlush(
                            row: CacheModel.Row(key: Bytes(dirty.key.dropLast(8)), time: start, second: 0),
                            old: dirty.oldValue.map { Bytes($0) },
                            new: dirty.newValue.map { Bytes($0) }
                        )
                    )
                }
                #expect(visited == expected, comment)
            }
        }
        if isCached {
            table.rows.flush { _ in }
            _ = cache.flush(&model)
        }
        let copy = table.restored(showsEdge: showsEdge)
        let visible = model.visible
        if visible.contains(where: { $0.time == model.observed }) {
            #expect(copy.all().map(copy.row) == visible, "seed \(seed), restored")
        }
    }

    @Test(
        "Rows of one key and start are kept apart and come in order of arrival, also after a restore",
        arguments: 0..<6
    )
    func duplicates(seed: UInt64) {
        var draw = Draw(seed: seed, keyCount: 0)
        let retention = Int64([10, 100, 500][draw.below(3)])
        var table = WindowTable(retentionMs: retention, retainsDuplicates: true)
        var model = TimedModel(retention: retention, showsEdge: false)
        let keys = timedKeys(12)
        var now: Int64 = 0
        for step in 0..<1500 {
            let comment: Comment = "seed \(seed), step \(step)"
            if draw.below(8) == 0 { now += Int64(draw.below(10)) }
            let time = max(0, now - Int64(draw.below(30)))
            let key = keys[draw.below(keys.count)]
            if draw.below(3) > 0 {
                // Rows that come too late are not put, and take no number.
                let second = (model.rows.map(\.second).max() ?? -1) + 1
                let row = TimedRow(key: key, time: time, second: second, value: [UInt8(step & 255)])
                model.put(row)
                table.append(row)
            } else {
                let times = time...(time + Int64(draw.below(40)))
                let expected = model.visible.filter { $0.key == key && times.contains($0.time) }
                #expect(table.fetch(key, times, descending: false) == expected, comment)
                #expect(table.fetch(key, times, descending: true) == expected.reversed(), comment)
            }
            if step == 1000, model.visible.contains(where: { $0.second == model.rows.last?.second }) {
                table = table.restored()
            }
        }
        #expect(table.all().map(table.row) == model.visible, "seed \(seed)")
    }

    @Test("Rows past retention are hidden to the millisecond; at its edge a table for closed windows still shows them")
    func retentionEdge() {
        for (showsEdge, visible) in [(false, [Int64]()), (true, [0])] {
            let table = WindowTable(retentionMs: 50, showsEdge: showsEdge)
            table.put(TimedRow(key: [1], time: 0, second: 0, value: [1]), token: 0)
            table.put(TimedRow(key: [1], time: 49, second: 0, value: [1]), token: 0)
            #expect(table.all().map(table.row).map(\.time) == [0, 49])
            table.put(TimedRow(key: [2], time: 50, second: 0, value: [1]), token: 0)
            #expect(table.all().map(table.row).map(\.time) == visible + [49, 50])
            #expect((table.find(TimedRow(key: [1], time: 0, second: 0, value: [])) >= 0) == showsEdge)
            #expect(table.fetch([1], 0...60, descending: false).map(\.time) == visible + [49])
        }
    }

    @Test("Expired rows leave memory without being flushed as deletions")
    func expiry() {
        let table = WindowTable(retentionMs: 100, cacheBytesMax: 1 << 30)
        for time in Int64(0)..<20_000 {
            table.put(TimedRow(key: [1, 2, 3], time: time, second: 0, value: [7]), token: time)
            guard time % 100 == 99 else { continue }
            var flushed: [Flushed] = []
            table.rows.flush { flushed.append(Flushed($0)) }
            #expect(flushed.count == 100 && flushed.allSatisfy { $0.old == nil && $0.new == [7] }, "at \(time)")
        }
        #expect(table.rows.bytes.count < 1500, "rows that nobody can see: \(table.rows.bytes.count - 100)")
        #expect(table.all().count == 100)
    }

    @Test("Without a record cache, expired rows leave memory as new ones come")
    func expiryWithoutCache() {
        let table = WindowTable(retentionMs: 100)
        for time in Int64(0)..<5_000 {
            table.put(TimedRow(key: [1, 2, 3], time: time, second: 0, value: [7]), token: time)
            #expect(table.rows.bytes.count <= 101, "at \(time)")
        }
    }

    @Test("Rows that are held stay to be emitted although they are past retention, and go when they are let go")
    func holding() {
        let table = WindowTable(retentionMs: 10)
        table.rows.hold(from: 5)
        for time in Int64(0)..<10 { table.put(TimedRow(key: [1], time: time, second: 0, value: [7]), token: 0) }
        for key in UInt8(0)..<50 { table.put(TimedRow(key: [key], time: 1000, second: 0, value: [7]), token: 0) }
        #expect(table.starting(fromMs: 5, throughMs: 9).map(table.row).map(\.time) == [5, 6, 7, 8, 9])
        #expect(table.all().count == 50)
        table.rows.hold(from: 1000)
        table.rows.expire(maximumCount: 100)
        #expect(table.rows.bytes.count == 50)
    }

    @Test("A key that is no row's key is left out when a changelog is read")
    func foreignChangelogKeys() {
        let table = WindowTable(retentionMs: 10)
        [UInt8](repeating: 1, count: 11).withUnsafeBytes { table.load(changelogKey: $0, $0) }
        #expect(table.all().count == 0)
    }
}
