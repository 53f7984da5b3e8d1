/// What was measured, with its runs, beside the floor of the same session.
package struct Outcome: Sendable {
    package var workload: String
    /// What is promised: `exactlyOnce`, `atLeastOnce`, `none`, or `floor`; `-` where no application runs.
    package var guarantee: String
    package var threads: Int
    /// 0 if nothing is committed.
    package var commitMs: Int64
    package var samples: Samples
    /// The median of the floor's runs, if the workload has a floor.
    package var floor: Sample?

    package init(
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
    package var ratioToFloor: Double? {
        guard let floor, let median = samples.median else { return nil }
        return median.recordsPerSecond / floor.recordsPerSecond
    }
}
