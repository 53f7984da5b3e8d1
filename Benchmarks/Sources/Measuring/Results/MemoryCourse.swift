/// How much memory a long run had in use as it went on.
package struct MemoryCourse: Entry {
    /// The memory when so many records were processed.
    package struct Point: Codable, Sendable {
        package var records: Int
        /// In memory, mapped files included.
        package var residentBytes: Int
        /// Without files: what the process itself has allocated.
        package var anonymousBytes: Int
        /// The most that was ever in memory until then.
        package var peakBytes: Int

        package init(records: Int, residentBytes: Int, anonymousBytes: Int, peakBytes: Int) {
            self.records = records
            self.residentBytes = residentBytes
            self.anonymousBytes = anonymousBytes
            self.peakBytes = peakBytes
        }
    }

    package var workload = "memory"
    package var guarantee: String
    package var threads = 1
    package var commitMillis: Int64
    package var recordsPerSecond: Spread
    package var cpuSeconds: Double
    package var peakBytes: Int
    package var points: [Point]
    package var measured = ""

    var subject: [String] { [workload, guarantee] }

    package init(
        guarantee: String,
        commitMillis: Int64,
        recordsPerSecond: Double,
        cpuSeconds: Double,
        peakBytes: Int,
        points: [Point]
    ) {
        self.guarantee = guarantee
        self.commitMillis = commitMillis
        self.recordsPerSecond = Spread(min: recordsPerSecond, median: recordsPerSecond, max: recordsPerSecond)
        self.cpuSeconds = cpuSeconds
        self.peakBytes = peakBytes
        self.points = points
    }
}
