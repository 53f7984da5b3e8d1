/// How long an application took to start.
public struct Start: Entry {
    public var workload = "start"
    /// `stateless` or `store`.
    public var kind: String
    /// What happened before: `stop` or `crash`.
    public var after: String
    /// Of all topics that the broker opened.
    public var partitions: Int
    /// Until the broker was open.
    public var openMillis: Spread
    /// Until the application was running.
    public var runningMillis: Spread
    /// Until it had processed a record.
    public var firstRecordMillis: Spread
    public var cpuSeconds: Double
    public var peakBytes: Int
    public var runs: Int
    public var measured = ""

    var subject: [String] { [workload, kind, after] }

    public init(
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
