import Foundation

/// A session's results as they are kept in a file, for programs.
package struct Report: Codable {
    /// One measurement.
    struct Entry: Codable {
        struct Rate: Codable {
            var min: Double
            var median: Double
            var max: Double
        }

        var workload: String
        var guarantee: String
        var threads: Int
        var commitMillis: Int64
        var recordsPerSecond: Rate
        /// Of the run in the middle, all threads.
        var cpuSeconds: Double
        var peakBytes: Int
        /// Null where the workload has no floor.
        var ratioToFloor: Double?
        var runs: Int
    }

    /// The machine and what was built with what.
    struct Environment: Codable {
        var date: String
        var processor: String
        var cores: Int
        var memoryBytes: UInt64
        var system: String
        var compiler: String
        var records: Int64
    }

    var environment: Environment
    var measurements: [Entry]

    package init(_ outcomes: [Outcome], records: Int64) {
        environment = Environment(records: records)
        measurements = outcomes.compactMap { outcome in
            guard let median = outcome.samples.median, let slowest = outcome.samples.slowest,
                let fastest = outcome.samples.fastest
            else { return nil }
            return Entry(
                workload: outcome.workload,
                guarantee: outcome.guarantee,
                threads: outcome.threads,
                commitMillis: outcome.commitMs,
                recordsPerSecond: Entry.Rate(
                    min: slowest.recordsPerSecond,
                    median: median.recordsPerSecond,
                    max: fastest.recordsPerSecond
                ),
                cpuSeconds: median.cpuSeconds,
                peakBytes: median.peakBytes,
                ratioToFloor: outcome.ratioToFloor,
                runs: outcome.samples.all.count
            )
        }
    }

    package func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

extension Report.Environment {
    init(records: Int64) {
        self.records = records
        date = ISO8601DateFormatter().string(from: Date())
        cores = ProcessInfo.processInfo.activeProcessorCount
        memoryBytes = ProcessInfo.processInfo.physicalMemory
        system = ProcessInfo.processInfo.operatingSystemVersionString
        #if compiler(>=6.4)
        compiler = "Swift 6.4 or newer"
        #elseif compiler(>=6.3)
        compiler = "Swift 6.3"
        #else
        compiler = "Swift 6.2"
        #endif
        let description = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        processor =
            description.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    }
}
