/// How fast a workload ran.
public struct Throughput: Entry {
    public var workload: String
    /// `exactlyOnce`, `atLeastOnce`, `none`; `floor` for the same work by hand, `-` where no application runs.
    public var guarantee: String
    public var threads: Int
    /// 0 if nothing is committed.
    public var commitMillis: Int64
    public var records: Int
    public var recordsPerSecond: Spread
    /// Of the run in the middle, all threads.
    public var cpuSeconds: Double
    /// Of the run in the middle.
    public var recordsPerCPUSecond: Double
    /// 0 if it is not known.
    public var peakBytes: Int
    /// Null where the workload has no floor.
    public var ratioToFloor: Double?
    public var runs: Int
    public var measured = ""

    var subject: [String] { [workload, guarantee, "\(threads)", "\(commitMillis)"] }

    /// Nil if there was no run.
    public init?(_ outcome: Outcome) {
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
