/// How long an application took to start.
package struct Start: Entry {
    package var workload = "start"
    /// `stateless` or `store`.
    package var kind: String
    /// What happened before: `stop` or `crash`.
    package var after: String
    /// Of all topics that the broker opened.
    package var partitions: Int
    /// Until the broker was open.
    package var openMillis: Spread
    /// Until the application was running.
    package var runningMillis: Spread
    /// Until it had processed a record.
    package var firstRecordMillis: Spread
    package var cpuSeconds: Double
    package var peakBytes: Int
    package var runs: Int
    package var measured = ""

    var subject: [String] { [workload, kind, after] }

    package init(
        kind: String,
        after: String,
        partitions: Int,
        openMillis: Spread,
        runningMillis: Spread,
        firstRecordMillis: Spread,
        cpuSeconds: Double,
        peakBytes: Int,
        runs: Int
    ) {
        self.kind = kind
        self.after = after
        self.partitions = partitions
        self.openMillis = openMillis
        self.runningMillis = runningMillis
        self.firstRecordMillis = firstRecordMillis
        self.cpuSeconds = cpuSeconds
        self.peakBytes = peakBytes
        self.runs = runs
    }
}
