import Millrace
import MillraceTestKit
import Testing

@Suite("Idle sources")
struct IdleSourceTests {
    /// Forwards the stream time whenever it has moved on by 10 s.
    private struct Clock: Processor {
        let context: ProcessorContext<String, String>

        func start() throws {
            try context.schedule(every: .seconds(10), .streamTime) { nowMs in
                try context.forward(Record(key: "time", value: "\(nowMs)", timestampMs: nowMs))
            }
        }

        func process(_ record: Record<String, String>) throws {}
    }

    private func driver(
        rekeys: Bool = false,
        others: [String] = [],
        _ configure: (inout StreamsConfiguration) -> Void = { _ in }
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        var stream = builder.stream("in", keys: .utf8, values: .utf8, idleAfter: .seconds(30))
        for other in others { stream = stream.merge(builder.stream(other, keys: .utf8, values: .utf8)) }
        if rekeys { stream = stream.repartition(named: "through") }
        stream.process { Clock(context: $0) }.to("out", keys: .utf8, values: .utf8)
        return try TopologyTestDriver(try builder.build())
    }

    private func pipe(_ driver: TopologyTestDriver, to topic: String = "in", at timestampMs: Int64) throws {
        try driver.input(topic, keys: .utf8, values: .utf8).pipe("a", "x", at: timestampMs)
    }

    private func advance(_ driver: TopologyTestDriver, _ seconds: Int...) throws {
        for seconds in seconds { try driver.advanceWallClock(by: .seconds(seconds)) }
    }

    @Test("When no record has come for the pause, the stream time goes on with the wall clock")
    func goesOn() throws {
        let driver = try driver()
        try pipe(driver, at: 100_000)
        try advance(driver, 29, 1, 9, 1, 10)
        #expect(try ProcessorTests.values(driver) == ["100000", "110000", "120000"])
    }

    @Test("A record begins the pause anew; if it is earlier than the time reached, it is late and time stands")
    func recordsInterrupt() throws {
        let driver = try driver()
        try pipe(driver, at: 100_000)
        try advance(driver, 45)
        try pipe(driver, at: 101_000)
        try advance(driver, 29, 16)
        #expect(try ProcessorTests.values(driver) == ["100000", "115000"])
        try advance(driver, 10)
        #expect(try ProcessorTests.values(driver) == ["126000"])
    }

    @Test("What lies behind a repartition topic goes on as well")
    func inherits() throws {
        let driver = try driver(rekeys: true)
        try pipe(driver, at: 100_000)
        try advance(driver, 45)
        #expect(try ProcessorTests.values(driver) == ["100000", "115000"])
    }

    @Test("A source that still has records coming is not overtaken")
    func doesNotOvertake() throws {
        let driver = try driver(others: ["busy"])
        try pipe(driver, at: 100_000)
        for step in 0..<5 {
            try pipe(driver, to: "busy", at: 100_000 + Int64(step))
            try advance(driver, 20)
        }
        #expect(try ProcessorTests.values(driver) == ["100000"])
    }

    @Test("After a crash the stream time is not behind what it had reached")
    func survivesCrashes() throws {
        let driver = try driver()
        try pipe(driver, at: 100_000)
        try advance(driver, 45)
        try driver.crash()
        try advance(driver, 31)
        #expect(try ProcessorTests.values(driver) == ["100000", "115000"])
        try advance(driver, 5)
        #expect(try ProcessorTests.values(driver) == ["121000"])
    }

    @Test("Records that wait for late rows of a table leave as time goes on, those of a table's source too")
    func releasesGrace() throws {
        let builder = StreamsBuilder()
        let table = builder.table(
            "table",
            keys: .utf8,
            values: .utf8,
            store: .versioned("history", historyRetention: .seconds(60)),
            idleAfter: .seconds(30)
        )
        builder.stream("in", keys: .utf8, values: .utf8)
            .join(table, grace: .seconds(20)) { "\($0)+\($1)" }
            .to("out", values: .utf8)
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("table", keys: .utf8, values: .utf8).pipe("a", "row", at: 90_000)
        try pipe(driver, at: 100_000)
        try driver.input("table", keys: .utf8, values: .utf8).pipe("a", "late", at: 100_000)
        try advance(driver, 49)
        #expect(try ProcessorTests.values(driver).isEmpty)
        try driver.crash()
        try advance(driver, 50)
        #expect(try ProcessorTests.values(driver) == ["x+late"])
    }

    @Test("A pause of nothing is found when the topology is built")
    func refusesNoPause() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8, idleAfter: .zero, named: "source").to("out")
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.mistakes == [.invalidIdlePause(operator: "source")])
    }
}
