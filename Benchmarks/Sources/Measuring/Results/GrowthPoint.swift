/// What a record costs when one thing grows.
package struct GrowthPoint: Entry {
    /// What grows: `records`, `keys`, `partitions`, `recordBytes`, `operators` or `stores`.
    package var curve: String
    /// What runs.
    package var workload: String
    package var guarantee: String
    package var threads: Int
    package var commitMillis: Int64
    /// How much of it there is.
    package var size: Int64
    /// Processed in a run.
    package var records: Int
    package var nanosecondsPerRecord: Spread
    /// Of the run in the middle, all threads.
    package var cpuSeconds: Double
    package var peakBytes: Int
    package var runs: Int
    package var measured = ""

    var subject: [String] { [curve, "\(size)"] }

    /// Nil if there was no run.
    package init?(curve: String, size: Int64, _ outcome: Outcome) {
        guard let median = outcome.samples.median,
            let time = Spread(outcome.samples.all.map { 1e9 / $0.recordsPerSecond })
        else { return nil }
        self.curve = curve
        self.size = size
        workload = outcome.workload
        guarantee = outcome.guarantee
        threads = outcome.threads
        commitMillis = outcome.commitMs
        records = median.records
        nanosecondsPerRecord = time
        cpuSeconds = median.cpuSeconds
        peakBytes = median.peakBytes
        runs = outcome.samples.all.count
    }
}
