import Measuring
import Testing

@Suite("Latency")
struct LatencyTests {
    @Test("is counted from even intervals, whatever was sent when")
    func schedule() {
        let schedule = Schedule(startNanoseconds: 1_000, recordsPerSecond: 10_000, records: 5)
        #expect((0..<5).map { schedule.due($0) } == [1_000, 101_000, 201_000, 301_000, 401_000])
        #expect([999, 1_000, 100_999, 101_000, 301_001].map { schedule.count(dueAt: $0) } == [0, 1, 1, 2, 4])
        #expect(schedule.count(dueAt: 1_000_000_000) == 5, "no more than there are")
    }

    @Test("is kept to three digits, up to the slowest record")
    func run() {
        var run = LatencyRun()
        for millisecond in 1...1_000 { run.record(nanoseconds: Int64(millisecond) * 1_000_000) }
        #expect(run.records == 1_000)
        for (percentile, expected) in [(50.0, 500.0), (99, 990), (99.9, 999), (100, 1_000)] {
            let found = run.milliseconds(at: percentile)
            #expect(abs(found - expected) <= expected / 1_000, "\(percentile) % within \(found) ms")
        }
    }

    @Test("of a record that came before it was due is nothing, and one too long to keep is the longest")
    func extremes() {
        var run = LatencyRun()
        run.record(nanoseconds: -5)
        run.record(nanoseconds: .max)
        #expect(run.milliseconds(at: 50) == 0)
        #expect(run.milliseconds(at: 100) >= 100_000)
    }
}
