import Foundation

/// What was measured, in one session or in many, as it is kept in a file for programs and for the page.
package struct Report: Codable, Sendable {
    /// The sessions that the entries below come from.
    package private(set) var environments: [Environment] = []
    package var measurements: [Throughput] = []
    package var latencies: [Latency] = []
    package var starts: [Start] = []

    /// A session without results as yet.
    package init(in environment: Environment) {
        environments = [environment]
    }

    /// The results of a session, of which nothing else is to be kept.
    package init(_ outcomes: [Outcome], directory: String) {
        self.init(in: .current(directory: directory))
        measurements = outcomes.compactMap(Throughput.init)
    }

    /// The results of both: of the same measurement that of the newer report, with the sessions that are still needed.
    package func merged(with newer: Report) -> Report {
        var merged = self
        let newer = newer.stamped
        merged.measurements = stamped.measurements.merged(with: newer.measurements)
        merged.latencies = stamped.latencies.merged(with: newer.latencies)
        merged.starts = stamped.starts.merged(with: newer.starts)
        let needed = merged.dates
        merged.environments = (environments + newer.environments).filter { needed.contains($0.date) }
        return merged
    }

    /// Writes the results into a file that keeps what is there of other measurements. What is no report is replaced.
    package func write(to path: String) throws {
        let report = (try? Report(contentsOf: path))?.merged(with: self) ?? stamped
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(report).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Reads a report.
    package init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// The same with the session's date in the entries that have none.
    private var stamped: Report {
        var stamped = self
        guard let date = environments.last?.date else { return self }
        func stamp<Some: Entry>(_ entries: [Some]) -> [Some] {
            entries.map { entry in
                var entry = entry
                if entry.measured.isEmpty { entry.measured = date }
                return entry
            }
        }
        stamped.measurements = stamp(measurements)
        stamped.latencies = stamp(latencies)
        stamped.starts = stamp(starts)
        return stamped
    }

    private var dates: Set<String> {
        Set(measurements.map(\.measured) + latencies.map(\.measured) + starts.map(\.measured))
    }
}
