import Millrace
import MillraceTestKit
import Testing

@Suite("Timers of keys")
struct KeyTimerTests {
    /// Sets a timer as the record's value says: a clock (`s` or `w`) and a time, or `x` to take it away. Values are what
    /// came of timers.
    private struct Alarms: Processor {
        let context: ProcessorContext<String, String>
        let timers: KeyTimers<String>

        init(_ context: ProcessorContext<String, String>, _ timers: KeyTimers<String>) {
            self.context = context
            self.timers = timers
            timers.onTimer { timer in
                try context.forward(
                    Record(key: timer.key, value: "\(timer.dueMs)@\(timer.nowMs)", timestampMs: timer.nowMs)
                )
                if timer.key == "again" { try timers.set(timer.key, at: timer.dueMs, timer.kind) }
                if timer.key == "first" { try timers.cancel("second", timer.kind) }
            }
        }

        func process(_ record: Record<String, String>) throws {
            for command in record.value.split(separator: " ") {
                let kind = command.first == "w" ? TimeKind.wallClock : .streamTime
                if let time = Int64(command.dropFirst()) {
                    try timers.set(record.key, at: time, kind)
                } else {
                    try timers.cancel(record.key, kind)
                }
            }
        }
    }

    private func driver(
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        cacheMaximumBytes: Int = 10 << 20
    ) throws -> TopologyTestDriver {
        let timers = Stores.timers("timers", keys: .utf8)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).process(stores: timers) { Alarms($0, $1) }
            .to("out", keys: .utf8, values: .utf8)
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheMaximumBytes
        return try TopologyTestDriver(try builder.build(), configuration: configuration, commitMode: commitMode)
    }

    private func pipe(_ driver: TopologyTestDriver, _ key: String, _ value: String, at timestampMs: Int64) throws {
        try driver.input("in", keys: .utf8, values: .utf8).pipe(key, value, at: timestampMs)
    }

    private func fired(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map { "\($0.key ?? "-") \($0.value ?? "-")" }
    }

    @Test("On the stream time a timer runs after the record that reaches it, in the order of due times, then of keys")
    func streamTime() throws {
        let driver = try driver()
        for (key, due) in [("c", 20), ("b", 30), ("a", 20), ("d", 40)] { try pipe(driver, key, "s\(due)", at: 1) }
        try pipe(driver, "-", "", at: 19)
        #expect(try fired(driver) == [])
        try pipe(driver, "-", "", at: 35)
        #expect(try fired(driver) == ["a 20@35", "c 20@35", "b 30@35"])
        try pipe(driver, "-", "", at: 40)
        #expect(try fired(driver) == ["d 40@40"])
    }

    @Test("On the wall clock a timer runs as the clock reaches it")
    func wallClock() throws {
        let driver = try driver()
        try pipe(driver, "a", "w1000 s5", at: 1)
        try driver.advanceWallClock(by: .milliseconds(999))
        #expect(try fired(driver) == [])
        try driver.advanceWallClock(by: .milliseconds(1))
        #expect(try fired(driver) == ["a 1000@1000"])
    }

    @Test("Setting replaces, cancelling takes away, and the two clocks do not meet")
    func replaces() throws {
        let driver = try driver()
        try pipe(driver, "a", "s10 s20", at: 1)
        try pipe(driver, "b", "s20 s10", at: 1)
        try pipe(driver, "c", "s10 w10 sx", at: 1)
        try pipe(driver, "-", "", at: 15)
        #expect(try fired(driver) == ["b 10@15"])
        try driver.advanceWallClock(by: .seconds(1))
        try pipe(driver, "-", "", at: 100)
        #expect(try fired(driver) == ["c 10@1000", "a 20@100"])
    }

    @Test(
        "A timer for a time that is past runs after the record; one that sets itself again waits for the clock to move"
    )
    func past() throws {
        let driver = try driver()
        try pipe(driver, "-", "", at: 50)
        try pipe(driver, "again", "s10", at: 50)
        #expect(try fired(driver) == ["again 10@50"])
        try pipe(driver, "-", "", at: 50)
        #expect(try fired(driver) == [])
        try pipe(driver, "-", "", at: 51)
        #expect(try fired(driver) == ["again 10@51"])
    }

    @Test("A timer may take away another one that is due at the same time")
    func cancelsWhileFiring() throws {
        let driver = try driver()
        for key in ["second", "first", "third"] { try pipe(driver, key, "s10", at: 1) }
        try pipe(driver, "-", "", at: 10)
        #expect(try fired(driver) == ["first 10@10", "third 10@10"])
    }

    @Test("Timers survive a crash, cached or not, and those that ran do not run again", arguments: [0, 10 << 20])
    func survivesCrashes(_ cacheMaximumBytes: Int) throws {
        let driver = try driver(cacheMaximumBytes: cacheMaximumBytes)
        try pipe(driver, "a", "s10 w500", at: 1)
        try pipe(driver, "b", "s20", at: 1)
        try pipe(driver, "-", "", at: 15)
        try driver.crash()
        try pipe(driver, "-", "", at: 19)
        try driver.crash()
        try pipe(driver, "-", "", at: 20)
        try driver.advanceWallClock(by: .milliseconds(500))
        #expect(try fired(driver) == ["a 10@15", "b 20@20", "a 500@500"])
    }

    @Test("A crash at any point of a commit changes nothing", arguments: TopologyTestDriver.CrashPoint.allCases)
    func crashPoints(_ point: TopologyTestDriver.CrashPoint) throws {
        let driver = try driver(commitMode: .explicit)
        for (key, time) in [("a", 10), ("b", 12), ("c", 31), ("d", 32), ("e", 60)] as [(String, Int64)] {
            try pipe(driver, key, "s\(time + 5)", at: time)
            try driver.crash(at: point)
        }
        try driver.commit()
        #expect(try fired(driver) == ["a 15@31", "b 17@31", "c 36@60", "d 37@60"])
    }

    @Test("Many timers on one key and on many keys run in order")
    func many() throws {
        let driver = try driver(commitMode: .explicit)
        for number in 0..<3_000 { try pipe(driver, "k\(number % 1_500)", "s\(5_000 + number * 7 % 1_500)", at: 1) }
        try pipe(driver, "-", "", at: 10_000)
        let due = try fired(driver).compactMap { Int($0.split(separator: " ")[1].prefix { $0 != "@" }) }
        #expect(due.count == 1_500)
        #expect(due == due.sorted())
    }
}
