import Millrace
import MillraceTestKit
import Testing

@Suite("Time to live in tables")
struct TableLifetimeTests {
    private func counts(cacheBytes: Int = 0, _ mode: TopologyTestDriver.CommitMode = .afterEveryRecord) throws
        -> TopologyTestDriver
    {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .count(store: StoreOptions(name: "counts", isCached: cacheBytes > 0, timeToLive: .milliseconds(100)))
            .toStream().to("out")
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheBytes
        return try TopologyTestDriver(try builder.build(), configuration: configuration, commitMode: mode)
    }

    private func pipe(_ key: String, at timestampMs: Int64, to driver: TopologyTestDriver) throws {
        try driver.input("in", keys: .utf8, values: .utf8).pipe(key, "x", at: timestampMs)
    }

    private func changes(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .int64).readAll().map { record in
            "\(record.key ?? "")=\(record.value.map(String.init) ?? "nil")@\(record.timestampMs)"
        }
    }

    @Test("A row past its time is passed on as a deletion with the time at which its life ended, and begins anew")
    func deletion() throws {
        let driver = try counts()
        try pipe("a", at: 1_000, to: driver)
        try pipe("b", at: 1_050, to: driver)
        try pipe("a", at: 1_060, to: driver)
        try pipe("c", at: 1_150, to: driver)
        try pipe("a", at: 1_200, to: driver)
        #expect(
            try changes(driver) == [
                "a=1@1000", "b=1@1050", "a=2@1060", "b=nil@1150", "c=1@1150", "a=nil@1160", "a=1@1200",
            ]
        )
    }

    @Test("A record past its time begins no row, and counts in one that there is")
    func lateRecords() throws {
        let driver = try counts()
        try pipe("a", at: 1_000, to: driver)
        try pipe("b", at: 900, to: driver)
        try pipe("a", at: 800, to: driver)
        #expect(try changes(driver) == ["a=1@1000", "a=2@1000"])
    }

    @Test("What is past its time is removed a few rows with each record, and not found meanwhile")
    func bounded() throws {
        let driver = try counts(.explicit)
        for number in 0..<20 { try pipe("k\(number)", at: 1_000, to: driver) }
        _ = try changes(driver)
        try pipe("new", at: 5_000, to: driver)
        #expect(try changes(driver).count == 9, "eight deletions, and the new row")
        #expect(try driver.store("counts", keys: .utf8, values: .int64).entries().map(\.key) == ["new"])
        try driver.commit()
        try driver.crash()
        try pipe("new", at: 5_000, to: driver)
        try pipe("new", at: 5_000, to: driver)
        let later = try changes(driver)
        #expect(later.filter { $0.hasSuffix("nil@1100") }.count == 12, "the rest, once, also after a restart")
    }

    @Test("With a cache, what comes out in the end is the same, also after crashes", arguments: UInt64(0)..<6)
    func crash(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let steady = try counts()
        let crashing = try counts(.explicit)
        let cached = try counts(cacheBytes: 1 << 20, .explicit)
        var nowMs: Int64 = 1_000
        for _ in 0..<400 {
            nowMs += Int64.random(in: 0...15, using: &random)
            if Int.random(in: 0..<50, using: &random) == 0 { nowMs += 300 }
            let lateMs: Int64 = Int.random(in: 0..<6, using: &random) == 0 ? 130 : 0
            let key = "k\(Int.random(in: 0..<30, using: &random))"
            for driver in [steady, crashing, cached] { try pipe(key, at: nowMs - lateMs, to: driver) }
            switch Int.random(in: 0..<30, using: &random) {
            case 0, 1: for driver in [crashing, cached] { try driver.commit() }
            case 2: for driver in [crashing, cached] { try driver.crash() }
            default: break
            }
        }
        for driver in [crashing, cached] {
            try driver.commit()
            try driver.crash()
        }
        func rows(_ driver: TopologyTestDriver) throws -> [String] {
            try driver.store("counts", keys: .utf8, values: .int64).entries().map {
                "\($0.key)=\($0.value)@\($0.timestampMs)"
            }
        }
        #expect(try changes(crashing) == changes(steady), "seed \(seed)")
        #expect(try rows(crashing) == rows(steady), "seed \(seed)")
        #expect(try rows(cached) == rows(steady), "seed \(seed)")
    }

    @Test("A source table forgets rows that its topic has not repeated for so long, and joins do not find them")
    func sourceTable() throws {
        let builder = StreamsBuilder()
        builder.table(
            "in",
            keys: .utf8,
            values: .utf8,
            store: StoreOptions(name: "t", isCached: false, timeToLive: .milliseconds(100))
        ).toStream().to("out")
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "1", at: 1_000)
        try input.pipe("a", "2", at: 1_090)
        try input.pipe("b", "1", at: 1_200)
        try input.pipe("b", "old", at: 1_100)
        let written = try driver.output("out", keys: .utf8, values: .utf8).readAll()
        #expect(written.map(\.value) == ["1", "2", nil, "1", nil], "a value past its time removes the row")
        #expect(try driver.store("t", keys: .utf8, values: .utf8).entries().isEmpty)
    }

    @Test("build() reports a time to live that is none")
    func mistake() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .count(store: StoreOptions(name: "counts", timeToLive: .zero), named: "count").toStream().to("out")
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(
            error?.mistakes.map(\.description) == [
                "count: the store \"counts\" cannot be made: its time to live, 0.0 seconds, is less than a millisecond"
            ]
        )
    }
}
