import Millrace
import MillraceTestKit
import Testing

@Suite("Punctuations")
struct PunctuationTests {
    /// Forwards the time at each punctuation.
    private struct Ticking: Processor {
        let context: ProcessorContext<String, String>
        let interval: Duration
        let kind: TimeKind
        let startMs: Int64?

        func start() throws {
            try context.schedule(every: interval, kind, from: startMs) { nowMs in
                try context.forward(Record(key: "tick", value: "\(nowMs)", timestampMs: nowMs))
            }
        }

        func process(_ record: Record<String, String>) throws {}
    }

    private func driver(
        every interval: Duration,
        _ kind: TimeKind,
        from startMs: Int64? = nil,
        clockMs: Int64 = 0,
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord
    ) throws -> TopologyTestDriver {
        try ProcessorTests.driver(commitMode: commitMode, startMs: clockMs) { lines in
            lines.process { Ticking(context: $0, interval: interval, kind: kind, startMs: startMs) }
                .to("out", keys: .utf8, values: .utf8)
        }
    }

    private func pipe(_ driver: TopologyTestDriver, at times: [Int64]) throws {
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for time in times { try input.pipe("a", "x", at: time) }
    }

    @Test("On the stream time the first comes after the first record, then one at each multiple of the interval passed")
    func streamTime() throws {
        let driver = try driver(every: .milliseconds(10), .streamTime)
        try driver.advanceWallClock(by: .seconds(5))
        try pipe(driver, at: [3, 9, 10, 5, 19, 47, 50])
        #expect(try ProcessorTests.values(driver) == ["3", "10", "47", "50"])
    }

    @Test("On the wall clock the first comes an interval after the beginning, one however far the clock has moved")
    func wallClock() throws {
        let driver = try driver(every: .milliseconds(10), .wallClock, clockMs: 1_003)
        try pipe(driver, at: [5_000])
        for milliseconds in [9, 1, 25, 4, 1] { try driver.advanceWallClock(by: .milliseconds(milliseconds)) }
        #expect(try ProcessorTests.values(driver) == ["1013", "1038", "1043"])
    }

    @Test("With a beginning the first comes then, and one that is past counts from there", arguments: TimeKind.allCases)
    func beginnings(_ kind: TimeKind) throws {
        let later = try driver(every: .milliseconds(10), kind, from: 25, clockMs: 2)
        let past = try driver(every: .milliseconds(10), kind, from: 1, clockMs: 22)
        switch kind {
        case .streamTime:
            try pipe(later, at: [2, 24, 25, 34, 35])
            try pipe(past, at: [22, 30, 31])
            #expect(try ProcessorTests.values(past) == ["22", "31"])
        case .wallClock:
            for milliseconds in [22, 1, 9, 1] { try later.advanceWallClock(by: .milliseconds(milliseconds)) }
            for milliseconds in [8, 1] { try past.advanceWallClock(by: .milliseconds(milliseconds)) }
            #expect(try ProcessorTests.values(past) == ["31"])
        }
        #expect(try ProcessorTests.values(later) == ["25", "35"])
    }

    @Test("A cancelled one does not come again")
    func cancels() throws {
        final class Once: Processor {
            let context: ProcessorContext<String, String>
            var schedule: Punctuation?
            init(_ context: ProcessorContext<String, String>) { self.context = context }
            func start() throws {
                schedule = try context.schedule(every: .milliseconds(1), .streamTime) { [unowned self] nowMs in
                    try context.forward(Record(key: "tick", value: "\(nowMs)", timestampMs: nowMs))
                    schedule?.cancel()
                }
            }
            func process(_ record: Record<String, String>) throws {}
        }
        let driver = try ProcessorTests.driver { $0.process { Once($0) }.to("out", keys: .utf8, values: .utf8) }
        try pipe(driver, at: [1, 2, 3])
        #expect(try ProcessorTests.values(driver) == ["1"])
    }

    @Test("After a crash the stream time and the next due time are those of the last commit, so that nothing differs")
    func survivesCrashes() throws {
        let times: [Int64] = [12, 18, 21, 25, 33]
        let steady = try driver(every: .milliseconds(10), .streamTime)
        try pipe(steady, at: times)
        let crashing = try driver(every: .milliseconds(10), .streamTime)
        for time in times {
            try pipe(crashing, at: [time])
            try crashing.crash()
        }
        #expect(try ProcessorTests.values(steady) == ["12", "21", "33"])
        #expect(try ProcessorTests.values(crashing) == ["12", "21", "33"])
    }

    @Test("An interval under a millisecond is refused at the task's beginning, with the operator's name")
    func refusesIntervals() throws {
        let error = #expect(throws: StreamsError.self) { try driver(every: .microseconds(10), .wallClock) }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("in-process schedules a punctuation"))
    }
}
