import Foundation
import Measuring
import Testing

@Suite("A report of measurements")
struct ReportTests {
    private func environment(_ date: String) -> Environment {
        Environment(
            date: date,
            commit: "abc",
            processor: "processor",
            cores: 2,
            memoryBytes: 1 << 30,
            system: "system",
            kernel: "kernel",
            fileSystem: "ext4",
            compiler: "Swift 6"
        )
    }

    private func outcome(_ workload: String, guarantee: String = "exactlyOnce", seconds: [Double]) -> Outcome {
        var samples = Samples()
        samples.all = seconds.map { Sample(seconds: $0, cpuSeconds: $0, peakBytes: 1 << 20, commits: 3, records: 100) }
        return Outcome(workload: workload, guarantee: guarantee, threads: 1, commitMs: 100, samples: samples)
    }

    private func report(_ date: String, _ outcomes: [Outcome]) -> Report {
        var report = Report(in: environment(date))
        report.measurements = outcomes.compactMap(Throughput.init)
        return report
    }

    @Test("gives the slowest, the middle and the fastest run")
    func spread() throws {
        let throughput = try #require(Throughput(outcome("pipe", seconds: [4, 1, 2])))
        #expect(throughput.recordsPerSecond == Spread(min: 25, median: 50, max: 100))
        #expect(throughput.runs == 3)
    }

    @Test("has no entry for what never ran")
    func nothing() {
        #expect(Throughput(outcome("pipe", seconds: [])) == nil)
        #expect(Spread([]) == nil)
    }

    @Test("replaces the results of the same measurement, and keeps the others in their places")
    func merge() {
        let before = report("monday", [outcome("pipe", seconds: [1]), outcome("count", seconds: [1])])
        let after = report(
            "tuesday",
            [outcome("pipe", seconds: [2]), outcome("pipe", guarantee: "atLeastOnce", seconds: [3])]
        )
        let merged = before.merged(with: after)
        #expect(merged.measurements.map(\.workload) == ["pipe", "count", "pipe"])
        #expect(merged.measurements.map(\.recordsPerSecond.median) == [50, 100, 100.0 / 3])
        #expect(merged.measurements.map(\.measured) == ["tuesday", "monday", "tuesday"])
        #expect(merged.environments.map(\.date) == ["monday", "tuesday"])
    }

    @Test("forgets sessions of which no result is left")
    func forgets() {
        let merged = report("monday", [outcome("pipe", seconds: [1])])
            .merged(with: report("tuesday", [outcome("pipe", seconds: [2])]))
        #expect(merged.environments.map(\.date) == ["tuesday"])
    }
}
