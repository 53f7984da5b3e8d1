import Foundation
import Measuring
import Testing

@Suite("A report of measurements")
struct ReportTests {
    private func object(_ report: Report) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any],
            "a report must be a JSON object"
        )
    }

    @Test("gives the slowest, the middle and the fastest run")
    func spread() throws {
        let throughput = try #require(Throughput(Sampled.outcome("pipe", seconds: [4, 1, 2])))
        #expect(throughput.recordsPerSecond == Spread(min: 25, median: 50, max: 100))
        #expect(throughput.runs == 3)
    }

    @Test("has no entry for what never ran")
    func nothing() {
        #expect(Throughput(Sampled.outcome("pipe", seconds: [])) == nil)
        #expect(GrowthPoint(curve: "keys", size: 1, Sampled.outcome("pipe", seconds: [])) == nil)
        #expect(Spread([]) == nil)
    }

    @Test("is JSON with one object a measurement, under the names that programs know")
    func shape() throws {
        let object = try object(Sampled.full)
        let measurements = try #require(object["measurements"] as? [[String: Any]])
        let names: Set = [
            "workload", "guarantee", "threads", "commitMillis", "recordsPerSecond", "cpuSeconds", "peakBytes",
        ]
        for measurement in measurements {
            #expect(names.isSubset(of: measurement.keys), "\(names.subtracting(measurement.keys)) are missing")
            let rate = try #require(measurement["recordsPerSecond"] as? [String: Double])
            #expect(Set(rate.keys) == ["min", "median", "max"])
        }
        #expect(measurements.filter { $0["workload"] as? String == "pipe" }.allSatisfy { $0["ratioToFloor"] is Double })
        let latencies = try #require(object["latencies"] as? [[String: Any]])
        #expect(names.union(["p50Millis", "p99Millis", "p999Millis", "maxMillis"]).isSubset(of: latencies[0].keys))
    }

    @Test("is read as it was written")
    func roundTrip() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Sampled.full.write(to: path)
        let read = try Report(contentsOf: path)
        #expect(read.measurements.count == Sampled.full.measurements.count)
        #expect(read.measurements.allSatisfy { $0.measured == "2026-01-02T03:04:05Z" })
        try Sampled.report("later", [Sampled.outcome("pipe", seconds: [1])]).write(to: path)
        let merged = try Report(contentsOf: path)
        #expect(merged.measurements.count == read.measurements.count)
        #expect(merged.environments.map(\.date) == ["2026-01-02T03:04:05Z", "later"])
    }

    @Test("takes the place of a file that is no report")
    func replaced() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "report-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{\"environment\": 1}".utf8).write(to: URL(fileURLWithPath: path))
        try Sampled.report("now", [Sampled.outcome("pipe", seconds: [1])]).write(to: path)
        #expect(try Report(contentsOf: path).measurements.map(\.workload) == ["pipe"])
    }

    @Test("replaces the results of the same measurement, and keeps the others in their places")
    func merge() {
        let before = Sampled.report(
            "monday",
            [Sampled.outcome("pipe", seconds: [1]), Sampled.outcome("count", seconds: [1])]
        )
        let after = Sampled.report(
            "tuesday",
            [
                Sampled.outcome("pipe", seconds: [2]),
                Sampled.outcome("pipe", guarantee: "atLeastOnce", seconds: [4]),
            ]
        )
        let merged = before.merged(with: after)
        #expect(merged.measurements.map(\.workload) == ["pipe", "count", "pipe"])
        #expect(merged.measurements.map(\.recordsPerSecond.median) == [50, 100, 25])
        #expect(merged.measurements.map(\.measured) == ["tuesday", "monday", "tuesday"])
        #expect(merged.environments.map(\.date) == ["monday", "tuesday"])
    }

    @Test("forgets sessions of which no result is left")
    func forgets() {
        let merged = Sampled.report("monday", [Sampled.outcome("pipe", seconds: [1])])
            .merged(with: Sampled.report("tuesday", [Sampled.outcome("pipe", seconds: [2])]))
        #expect(merged.environments.map(\.date) == ["tuesday"])
    }
}
