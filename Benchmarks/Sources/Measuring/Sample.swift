/// One timed run.
public struct Sample: Sendable {
    public var seconds: Double
    /// Of all threads.
    public var cpuSeconds: Double
    /// The most memory that the process had in use; 0 if it is not known.
    public var peakBytes: Int
    public var commits: Int
    public var records: Int

    public init(seconds: Double, cpuSeconds: Double, peakBytes: Int, commits: Int, records: Int) {
        self.seconds = seconds
        self.cpuSeconds = cpuSeconds
        self.peakBytes = peakBytes
        self.commits = commits
        self.records = records
    }

    public var recordsPerSecond: Double { Double(records) / max(seconds, 1e-9) }

    /// How many records a second one core does that is never idle.
    public var recordsPerCPUSecond: Double { Double(records) / max(cpuSeconds, 1e-9) }
}

/// The runs of one measurement.
public struct Samples: Sendable {
    public var all: [Sample] = []

    public init() {}

    /// The run in the middle by speed.
    public var median: Sample? { sorted.isEmpty ? nil : sorted[sorted.count / 2] }
    public var slowest: Sample? { sorted.first }
    public var fastest: Sample? { sorted.last }

    /// How far the fastest and the slowest run are apart, in parts of the median.
    public var spread: Double {
        guard let median, let slowest, let fastest else { return 0 }
        return (fastest.recordsPerSecond - slowest.recordsPerSecond) / median.recordsPerSecond
    }

    private var sorted: [Sample] { all.sorted { $0.recordsPerSecond < $1.recordsPerSecond } }
}
