/// What was measured, with its runs, beside the floor of the same session.
public struct Outcome: Sendable {
    public var workload: String
    /// What is promised: `exactlyOnce`, `atLeastOnce`, `none`, or `floor`; `-` where no application runs.
    public var guarantee: String
    public var threads: Int
    /// 0 if nothing is committed.
    public var commitMs: Int64
    public var samples: Samples
    /// The median of the floor's runs, if the workload has a floor.
    public var floor: Sample?

    public init(
        workload: String,
        guarantee: String,
        threads: Int,
        commitMs: Int64,
        samples: Samples,
        floor: Sample? = nil
    ) {
        self.workload = workload
        self.guarantee = guarantee
        self.threads = threads
        self.commitMs = commitMs
        self.samples = samples
        self.floor = floor
    }

    /// How much of the floor's speed is reached; nil without a floor.
    public var ratioToFloor: Double? {
        guard let floor, let median = samples.median else { return nil }
        return median.recordsPerSecond / floor.recordsPerSecond
    }
}
