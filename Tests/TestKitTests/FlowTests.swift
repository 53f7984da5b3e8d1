import Millrace
import MillraceTestKit
import Testing

@Suite("Deduplicate, throttle, batch, top")
struct FlowTests {
    private func driver(
        _ mode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        _ build: (StreamsBuilder) -> Void
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        build(builder)
        return try TopologyTestDriver(try builder.build(), commitMode: mode)
    }

    private func texts(_ driver: TopologyTestDriver, _ topic: String = "out") throws -> [String] {
        try driver.output(topic, keys: .utf8, values: .utf8).readAll().map { "\($0.key ?? "~")=\($0.value ?? "~")" }
    }

    @Test(
        "of records with one key and one id only the first passes, within the time, also out of order and after a crash"
    )
    func deduplicating() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .deduplicate(by: { _, value in String(value.prefix(1)) }, ids: .utf8, within: .milliseconds(100))
                .to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("k", "a1", at: 1_000)
        try input.pipe("k", "a2", at: 1_050)
        try input.pipe("j", "a3", at: 1_050)
        try input.pipe("k", "b1", at: 1_060)
        try input.pipe("k", "a4", at: 990)
        try driver.crash()
        try input.pipe("k", "a5", at: 1_100)
        try input.pipe("k", "a6", at: 1_101)
        #expect(try texts(driver) == ["k=a1", "j=a3", "k=b1", "k=a6"])
    }

    @Test("a record that is too late to be told from a repetition is dropped")
    func lateForDeduplication() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .deduplicate(within: .milliseconds(100), grace: .milliseconds(50)).to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "1", at: 1_000)
        try input.pipe("b", "2", at: 950)
        try input.pipe("c", "3", at: 949)
        #expect(try texts(driver) == ["a=1", "b=2"])
    }

    @Test("what is late is told by the times that reach the operator, and is handed to the stream of late records")
    func lateByItsOwnClock() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .mapTimestamps { record in Int64(record.value) ?? 0 }
                .deduplicate(within: .milliseconds(100), grace: .milliseconds(50), lateRecords: { $0.to("late") })
                .to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "1000", at: 1_000_000)
        try input.pipe("b", "950", at: 2_000_000)
        try driver.crash()
        try input.pipe("c", "949", at: 3_000_000)
        try input.pipe("a", "1100", at: 3_000_000)
        try input.pipe("a", "1201", at: 3_000_000)
        #expect(try texts(driver) == ["a=1000", "b=950", "a=1201"])
        #expect(try texts(driver, "late") == ["c=949"])
        #expect(driver.lateRecords == 1)
    }

    @Test("so many records of each key pass in each interval")
    func throttling() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8).throttle(to: 2, per: .seconds(1)).to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for (number, timestampMs) in [0, 10, 20, 999, 1_000, 1_001, 500, 1_002, 2_000].enumerated() {
            try input.pipe("a", "\(number)", at: Int64(timestampMs))
            if number == 4 { try driver.crash() }
        }
        try input.pipe("b", "0", at: 2_000)
        #expect(try texts(driver) == ["a=0", "a=1", "a=4", "a=5", "a=8", "b=0"])
    }

    @Test("a batch comes when it is full, or when its first value has waited long enough", arguments: TimeKind.allCases)
    func batching(kind: TimeKind) throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .batch(count: 3, within: .seconds(1), by: kind)
                .mapValues { $0.joined(separator: "+") }
                .to("out", values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("a", "5")] {
            try input.pipe(key, value, at: 100)
        }
        #expect(try texts(driver) == ["a=1+3+4"])
        try driver.crash()
        if kind == .wallClock {
            try driver.advanceWallClock(by: .milliseconds(1_000))
        } else {
            try input.pipe("c", "6", at: 1_100)
        }
        #expect(try texts(driver) == ["a=5", "b=2"])
    }

    @Test("a batch may be longer than any record may be, and costs no more for each value than a short one")
    func longBatch() throws {
        let driver = try driver(.afterEveryRecord) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .batch(count: 40, within: .seconds(1), by: .streamTime, store: "waiting")
                .mapValues { "\($0.count) \($0.reduce(0) { $0 + $1.utf8.count })" }
                .to("out", values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        let value = String(repeating: "x", count: 100_000)
        for number in 0..<41 {
            try input.pipe("a", value, at: 1)
            if number == 20 { try driver.crash() }
        }
        #expect(try texts(driver) == ["a=40 4000000"])
        try input.pipe("b", "y", at: 1_001)
        #expect(try texts(driver) == ["a=1 100000"])
    }

    @Test("the values with the greatest scores of each key are kept, the greatest first")
    func topOfStream() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .int64).groupByKey()
                .top(2, store: "best") { $0 }
                .toStream()
                .mapValues { best in best.map { $0.map(String.init).joined(separator: ",") } }
                .to("out", values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .int64)
        for value: Int64 in [5, -1, 7, 3, 7] { try input.pipe("a", value) }
        try driver.crash()
        try input.pipe("a", 6)
        try input.pipe("a", 9)
        #expect(try texts(driver) == ["a=5", "a=5,-1", "a=7,5", "a=7,7", "a=9,7"])
    }

    @Test("when a row leaves the first ones the next comes forward")
    func topOfTable() throws {
        let driver = try driver { builder in
            builder.table("in", keys: .utf8, values: .int64, store: "rows")
                .groupBy(keys: .utf8, values: .int64) { _, value in ("all", value) }
                .top(2) { Double($0) }
                .toStream()
                .mapValues { best in best.map { $0.map(String.init).joined(separator: ",") } }
                .to("out", keys: .utf8, values: .optional(.utf8))
        }
        let input = driver.input("in", keys: .utf8, values: .int64)
        for (key, value): (String, Int64?) in [
            ("a", 5), ("b", 3), ("c", 4), ("a", nil), ("c", 1), ("b", nil), ("c", nil),
        ] {
            try input.pipe(key, value)
        }
        #expect(try texts(driver) == ["all=5", "all=5,3", "all=5,4", "all=4,3", "all=3,1", "all=1", "all=~"])
    }

    @Test("scores keep their order as bits", arguments: [[-Double.infinity, -2.5, -0.0, 1e-300, 3, .infinity]])
    func scores(ascending: [Double]) {
        #expect(ascending.map(\.rankingBits) == ascending.map(\.rankingBits).sorted())
        #expect((-0.0).rankingBits == (0.0).rankingBits)
        #expect(
            [Int64.min, -1, 0, 1, .max].map(\.rankingBits) == [Int64.min, -1, 0, 1, .max].map(\.rankingBits).sorted()
        )
    }

    @Test("numbers that make no sense are found when the topology is built")
    func mistakes() {
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .utf8, values: .utf8)
        input.deduplicate(within: .zero, named: "once").to("a")
        input.throttle(to: 0, per: .seconds(1), named: "slow").to("b")
        input.groupByKey().batch(count: 0, within: .seconds(1), named: "many").to("c", values: .list(of: .utf8))
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.mistakes.count == 3, "\(String(describing: error))")
    }
}
