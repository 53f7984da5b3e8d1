/// How long records took, from when each was due to be sent until a reader of committed data had it.
public struct Latency: Entry {
    /// A point of the curve.
    public struct Point: Codable, Sendable {
        /// So many percent of the records took no longer.
        public var percentile: Double
        public var millis: Spread

        public init(percentile: Double, millis: Spread) {
            self.percentile = percentile
            self.millis = millis
        }
    }

    public var workload = "latency"
    public var guarantee: String
    public var threads = 1
    public var commitMillis: Int64
    /// Sent in a second.
    public var recordsPerSecond: Spread
    /// How many were timed in a run.
    public var records: Int
    public var p50Millis: Spread
    public var p99Millis: Spread
    public var p999Millis: Spread
    public var maxMillis: Spread
    /// From the quickest record to the slowest.
    public var curve: [Point]
    public var cpuSeconds: Double
    public var peakBytes: Int
    public var commits: Int
    public var runs: Int
    public var measured = ""

    var subject: [String] { [workload, guarantee, "\(threads)", "\(commitMillis)"] }

    /// Of a curve that has the points 50, 99, 99.9 and 100; nil without one of them.
    public init?(
        guarantee: String,
        commitMillis: Int64,
        recordsPerSecond: Double,
        records: Int,
        curve: [Point],
        cpuSeconds: Double,
        peakBytes: Int,
        commits: Int,
        runs: Int
    ) {
        func millis(_ percentile: Double) -> Spread? { curve.first { $0.percentile == percentile }?.millis }
        guard let p50 = millis(50), let p99 = millis(99), let p999 = millis(99.9), let slowest = millis(100) else {
            return nil
        }
        self.guarantee = guarantee
        self.commitMillis = commitMillis
        self.recordsPerSecond = Spread(min: recordsPerSecond, median: recordsPerSecond, max: recordsPerSecond)
        self.records = records
        p50Millis = p50
        p99Millis = p99
        p999Millis = p999
        maxMillis = slowest
        self.curve = curve
        self.cpuSeconds = cpuSeconds
        self.peakBytes = peakBytes
        self.commits = commits
        self.runs = runs
    }

    /// What the slowest of a hundred records may take at most: one and a half commit intervals, and 3 ms.
    public var targetMillis: Double { 1.5 * Double(commitMillis) + 3 }
}
