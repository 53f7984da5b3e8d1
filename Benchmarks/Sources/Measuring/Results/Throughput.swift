/// How fast a workload ran.
package struct Throughput: Entry {
    package var workload: String
    /// `exactlyOnce`, `atLeastOnce`, `none`; `floor` for the same work by hand, `-` where no application runs.
    package var guarantee: String
    package var threads: Int
    /// 0 if nothing is committed.
    package var commitMillis: Int64
    package var records: Int
    package var recordsPerSecond: Spread
    /// Of the run in the middle, all threads.
    package var cpuSeconds: Double
    /// Of the run in the middle.
    package var recordsPerCPUSecond: Double
    /// 0 if it is not known.
    package var peakBytes: Int
    /// Null where the workload has no floor.
    package var ratioToFloor: Double?
    package var runs: Int
    package var measured = ""

    var subject: [String] { [workload, guarantee, "\(threads)", "\(commitMillis)"] }

    /// Nil if there was no run.
    package init?(_ outcome: Outcome) {
        guard let median = outcome.samples.median,
            let rate = Spread(outcome.samples.all.map(\.recordsPerSecond))
        else { return nil }
        workload = outcome.workload
        guarantee = outcome.guarantee
        threads = outcome.threads
        commitMillis = outcome.commitMs
        records = median.records
        recordsPerSecond = rate
        cpuSeconds = median.cpuSeconds
        recordsPerCPUSecond = median.recordsPerCPUSecond
        peakBytes = median.peakBytes
        ratioToFloor = outcome.ratioToFloor
        runs = outcome.samples.all.count
    }
}
