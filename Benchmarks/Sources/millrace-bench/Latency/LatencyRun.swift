import Histogram

/// How long the records of one run took, from when each was due to be sent until a reader of committed data had it.
struct LatencyRun {
    /// The percentiles that are kept of a run: those that people ask for, and points between them for a curve.
    static let percentiles = [
        0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 100,
    ]

    /// In microseconds, three digits kept.
    private var histogram = Histogram<UInt32>(
        highestTrackableValue: 100_000_000,
        numberOfSignificantValueDigits: .three
    )
    /// Of all threads: producer, application, consumer.
    var cpuSeconds = 0.0
    var peakBytes = 0
    var commits = 0

    var records: UInt64 { histogram.totalCount }

    /// Counts a record.
    mutating func record(nanoseconds: Int64) {
        histogram.record(min(UInt64(max(nanoseconds, 0) / 1_000), histogram.highestTrackableValue))
    }

    /// The latency within which so many percent of the records arrived, in milliseconds.
    func milliseconds(at percentile: Double) -> Double {
        Double(histogram.valueAtPercentile(percentile)) / 1_000
    }
}
