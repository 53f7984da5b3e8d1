import MillracePrimitives
import MillraceStateStores
import Testing

/// What a versioned table is, in a few lines: every version ever put, and the rules of what is found.
private struct VersionModel {
    let historyMs: Int64
    var observedMs: Int64?
    var versions: [Bytes: [Int64: Bytes?]] = [:]

    var horizonMs: Int64 { (observedMs ?? 0) - historyMs }

    func latest(_ key: Bytes) -> (value: Bytes, fromMs: Int64)? {
        guard let last = versions[key]?.max(by: { $0.key < $1.key }), let value = last.value else { return nil }
        return (value, last.key)
    }

    func get(_ key: Bytes, asOf timeMs: Int64) -> (value: Bytes, fromMs: Int64, toMs: Int64?)? {
        let times = (versions[key] ?? [:]).keys.sorted()
        guard let last = times.last else { return nil }
        if last > timeMs, timeMs < horizonMs { return nil }
        guard let from = times.last(where: { $0 <= timeMs }), let value = versions[key]?[from] ?? nil else {
            return nil
        }
        return (value, from, times.first { $0 > timeMs })
    }

    mutating func put(_ key: Bytes, _ value: Bytes?, _ timeMs: Int64) -> VersionPlacement {
        if observedMs != nil, timeMs < horizonMs { return .notPut }
        observedMs = max(observedMs ?? timeMs, timeMs)
        versions[key, default: [:]][timeMs] = .some(value)
        let next = versions[key]?.keys.filter { $0 > timeMs }.min()
        return next.map(VersionPlacement.until) ?? .latest
    }
}

/// A versioned table and the changelog that its owner would keep: the last value of each row.
private final class LoggedVersions {
    let table: VersionedTable
    var rows: [Bytes: Bytes] = [:]
    var droppedCount = 0

    init(historyMs: Int64) {
        table = VersionedTable(historyMs: historyMs)
    }

    func put(_ key: Bytes, _ value: Bytes?, _ timeMs: Int64) throws -> VersionPlacement {
        let placement = try key.withUnsafeBytes { key in
            try withBytes(value) { value in
                try table.put(key, value, at: timeMs) { key, validFromMs in
                    rows[row(Bytes(key), validFromMs)] = nil
                    droppedCount += 1
                }
            }
        }
        if placement != .notPut {
            rows[row(key, timeMs)] = value.map { [VersionedRow.valueMark] + $0 } ?? [VersionedRow.deletionMark]
        }
        return placement
    }

    private func row(_ key: Bytes, _ timeMs: Int64) -> Bytes {
        var writer = ByteWriter()
        key.withUnsafeBytes { VersionedRow.writeKey($0, validFromMs: timeMs, to: &writer) }
        return writer.array
    }

    func restored(shuffledBy random: inout SeededRandom) throws -> LoggedVersions {
        let restored = LoggedVersions(historyMs: table.historyMs)
        for (row, value) in rows.shuffled(using: &random) {
            try row.withUnsafeBytes { row in try value.withUnsafeBytes { try restored.table.restore(row: row, $0) } }
        }
        restored.rows = rows
        restored.droppedCount = droppedCount
        return restored
    }
}

private func withBytes<Result>(_ bytes: Bytes?, _ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result {
    guard let bytes else { return try body(nil) }
    return try bytes.withUnsafeBytes { try body($0) }
}

private func expectEqual(_ logged: LoggedVersions, _ model: VersionModel, at timesMs: [Int64], _ comment: Comment) {
    for key in (0..<8).map({ Bytes([UInt8($0)]) }) {
        key.withUnsafeBytes { bytes in
            let latest = logged.table.get(bytes)
            #expect(latest.map { Bytes($0.value) } == model.latest(key)?.value, comment)
            #expect(latest?.validFromMs == model.latest(key)?.fromMs, comment)
            for timeMs in timesMs {
                let found = logged.table.get(bytes, asOf: timeMs)
                let expected = model.get(key, asOf: timeMs)
                #expect(found.map { Bytes($0.value) } == expected?.value, "\(comment), key \(key) as of \(timeMs)")
                #expect(found?.validFromMs == expected?.fromMs, "\(comment), key \(key) as of \(timeMs)")
                #expect(found?.validToMs == expected?.toMs, "\(comment), key \(key) as of \(timeMs)")
            }
        }
    }
}

@Suite("A versioned table knows what each key held at any time of its history")
struct VersionedTableTests {
    @Test(
        "Random puts, deletions and reads, also out of order, give what the model gives, and so does a table that was restored",
        arguments: [0, 1, 40, 1_000] as [Int64],
        UInt64(0)..<6
    )
    func model(historyMs: Int64, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var logged = LoggedVersions(historyMs: historyMs)
        var model = VersionModel(historyMs: historyMs)
        var nowMs: Int64 = 0
        for step in 0..<1_500 {
            nowMs += Int64.random(in: 0...6, using: &random)
            if step % 400 == 399 { nowMs += historyMs * 2 }
            let key = Bytes([UInt8.random(in: 0..<8, using: &random)])
            let lateness = Int64.random(in: 0..<4, using: &random) == 0 ? Int64.random(in: 0...60, using: &random) : 0
            let count = Int.random(in: 0...(step % 7 == 0 ? 90 : 12), using: &random)
            let value =
                Int.random(in: 0..<5, using: &random) == 0 ? nil : Bytes(repeating: UInt8(step % 251), count: count)
            let placement = try logged.put(key, value, nowMs - lateness)
            #expect(placement == model.put(key, value, nowMs - lateness), "seed \(seed), step \(step)")
            if step % 100 == 0 { logged = try logged.restored(shuffledBy: &random) }
            if step % 50 == 0 {
                let timesMs = [nowMs - historyMs - 1, nowMs - historyMs, nowMs - historyMs / 2, nowMs - 1, nowMs]
                expectEqual(logged, model, at: timesMs, "seed \(seed), step \(step)")
            }
        }
        #expect(logged.droppedCount > 0, "seed \(seed): versions were dropped")
    }

    @Test("A put says whether its version is the latest, when it ends, or that it came too late")
    func placements() throws {
        let logged = LoggedVersions(historyMs: 100)
        #expect(try logged.put([1], [10], 50) == .latest)
        #expect(try logged.put([1], [20], 30) == .until(50))
        #expect(try logged.put([1], [30], 50) == .latest, "it replaces the version of the same time")
        #expect(try logged.put([2], [1], 200) == .latest)
        #expect(try logged.put([1], [40], 100) == .latest, "at the very beginning of the history")
        #expect(try logged.put([1], [50], 99) == .notPut)
    }

    @Test("The latest version is found however old it is, an earlier one within the history only")
    func oldLatest() throws {
        let logged = LoggedVersions(historyMs: 100)
        _ = try logged.put([1], [10], 0)
        _ = try logged.put([2], [10], 0)
        _ = try logged.put([2], [20], 950)
        _ = try logged.put([3], [30], 1_000)
        func get(_ key: UInt8, _ timeMs: Int64) -> Bytes? {
            [key].withUnsafeBytes { logged.table.get($0, asOf: timeMs).map { Bytes($0.value) } }
        }
        #expect(get(1, 5) == [10])
        #expect(get(2, 900) == [10])
        #expect(get(2, 899) == nil)
    }

    @Test("The versions of a key between two times come newest first, each with its beginning and end")
    func versions() throws {
        let logged = LoggedVersions(historyMs: 1_000)
        for (timeMs, value) in [(10, 1), (20, 2), (40, 4)] as [(Int64, UInt8)] {
            _ = try logged.put([7], [value], timeMs)
        }
        _ = try logged.put([7], nil, 30)
        func versions(_ firstMs: Int64, _ lastMs: Int64, ascending: Bool = false) -> [String] {
            var found: [String] = []
            [UInt8(7)].withUnsafeBytes { key in
                logged.table.forEachVersion(of: key, from: firstMs, through: lastMs, ascending: ascending) { version in
                    let end = version.validToMs.map { "\($0)" } ?? "-"
                    found.append("\(version.value[0]):\(version.validFromMs)-\(end)")
                    return true
                }
            }
            return found
        }
        #expect(versions(0, 100) == ["4:40--", "2:20-30", "1:10-20"])
        #expect(versions(15, 25) == ["2:20-30", "1:10-20"])
        #expect(versions(20, 25) == ["2:20-30"], "a version does not cover the moment at which it ends")
        #expect(versions(30, 39) == [])
        for (firstMs, lastMs) in [(0, 100), (15, 25), (20, 25), (30, 39)] as [(Int64, Int64)] {
            #expect(versions(firstMs, lastMs, ascending: true) == versions(firstMs, lastMs).reversed())
        }
    }

    @Test("Memory does not grow with the number of versions put, also of keys that are never written to again")
    func bounded() throws {
        let logged = LoggedVersions(historyMs: 100)
        func key(_ number: Int) -> Bytes { withUnsafeBytes(of: UInt32(number)) { Bytes($0) } }
        for number in 0..<500 {
            for version in 0..<20 { _ = try logged.put(key(number), Bytes(repeating: 1, count: 40), Int64(version)) }
        }
        for timeMs in 200..<4_000 { _ = try logged.put(key(1), Bytes(repeating: 2, count: 40), Int64(timeMs)) }
        #expect(
            logged.rows.count < 500 + 120,
            "the latest version of each key, and the history of the one that changed"
        )
        let memoryBytes = logged.table.memoryBytes
        for timeMs in 4_000..<20_000 { _ = try logged.put(key(1), Bytes(repeating: 2, count: 40), Int64(timeMs)) }
        #expect(logged.table.memoryBytes <= memoryBytes * 2)
    }

    @Test("A key whose latest version is a deletion is gone once that lies before the history")
    func deletedKeysGo() throws {
        let logged = LoggedVersions(historyMs: 100)
        for number in UInt8(0)..<50 {
            _ = try logged.put([number], [1], 0)
            _ = try logged.put([number], nil, 10)
        }
        for timeMs in 200..<300 { _ = try logged.put([99], [1], Int64(timeMs)) }
        #expect(logged.table.count == 1)
    }

    @Test("A row that no versioned store wrote is refused")
    func invalidRow() {
        let table = VersionedTable(historyMs: 10)
        let row = Bytes(repeating: 0, count: 8)
        for (row, value) in [([1, 2], [1]), (row, []), (row, [0, 1]), (row, [2])] as [(Bytes, Bytes)] {
            #expect(throws: VersionedTableError.invalidRow) {
                try row.withUnsafeBytes { row in try value.withUnsafeBytes { try table.restore(row: row, $0) } }
            }
        }
    }
}
