/// One timed run.
struct Sample {
    var seconds: Double
    /// Of all threads.
    var cpuSeconds: Double
    /// The most memory that the process had in use.
    var peakBytes: Int
    var commits: Int
    var records: Int

    var recordsPerSecond: Double { Double(records) / max(seconds, 1e-9) }
}

/// The runs of one measurement.
struct Samples {
    var all: [Sample] = []

    /// The run in the middle by speed.
    var median: Sample? { sorted.isEmpty ? nil : sorted[sorted.count / 2] }
    var slowest: Sample? { sorted.first }
    var fastest: Sample? { sorted.last }

    private var sorted: [Sample] { all.sorted { $0.recordsPerSecond < $1.recordsPerSecond } }
}
