/// One timed run.
package struct Sample: Sendable {
    package var seconds: Double
    /// Of all threads.
    package var cpuSeconds: Double
    /// The most memory that the process had in use; 0 if it is not known.
    package var peakBytes: Int
    package var commits: Int
    package var records: Int

    package init(seconds: Double, cpuSeconds: Double, peakBytes: Int, commits: Int, records: Int) {
        self.seconds = seconds
        self.cpuSeconds = cpuSeconds
        self.peakBytes = peakBytes
        self.commits = commits
        self.records = records
    }

    package var recordsPerSecond: Double { Double(records) / max(seconds, 1e-9) }

    /// How many records a second one core does that is never idle.
    package var recordsPerCPUSecond: Double { Double(records) / max(cpuSeconds, 1e-9) }
}

/// The runs of one measurement.
package struct Samples: Sendable {
    package var all: [Sample] = []

    package init() {}

    /// The run in the middle by speed.
    package var median: Sample? { sorted.isEmpty ? nil : sorted[sorted.count / 2] }
    package var slowest: Sample? { sorted.first }
    package var fastest: Sample? { sorted.last }

    /// How far the fastest and the slowest run are apart, in parts of the median.
    package var spread: Double {
        guard let median, let slowest, let fastest else { return 0 }
        return (fastest.recordsPerSecond - slowest.recordsPerSecond) / median.recordsPerSecond
    }

    private var sorted: [Sample] { all.sorted { $0.recordsPerSecond < $1.recordsPerSecond } }
}
