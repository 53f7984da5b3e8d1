/// How long records took, from when each was due to be sent until a reader of committed data had it.
package struct Latency: Entry {
    /// A point of the curve.
    package struct Point: Codable, Sendable {
        /// So many percent of the records took no longer.
        package var percentile: Double
        package var millis: Spread

        package init(percentile: Double, millis: Spread) {
            self.percentile = percentile
            self.millis = millis
        }
    }

    package var workload = "latency"
    package var guarantee: String
    package var threads = 1
    package var commitMillis: Int64
    /// Sent in a second.
    package var recordsPerSecond: Spread
    /// How many were timed in a run.
    package var records: Int
    package var p50Millis: Spread
    package var p99Millis: Spread
    package var p999Millis: Spread
    package var maxMillis: Spread
    /// From the quickest record to the slowest.
    package var curve: [Point]
    package var cpuSeconds: Double
    package var peakBytes: Int
    package var commits: Int
    package var runs: Int
    package var measured = ""

    var subject: [String] { [workload, guarantee, "\(threads)", "\(commitMillis)"] }

    /// Of a curve that has the points 50, 99, 99.9 and 100; nil without one of them.
    package init?(
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
    package var targetMillis: Double { 1.5 * Double(commitMillis) + 3 }
}
