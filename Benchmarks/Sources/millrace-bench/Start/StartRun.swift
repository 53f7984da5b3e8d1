/// How long an application with many partitions took to start, in a process of its own: milliseconds from the moment
/// before the broker was opened.
struct StartRun: Codable {
    /// Until the broker was open: the engine's own share.
    var openMillis: Double
    /// Until the application had its tasks, its stores filled.
    var runningMillis: Double
    /// Until it had processed a record that lay there.
    var firstRecordMillis: Double
    /// Partitions of all topics that the broker opened, those of changelogs and its own included.
    var partitions: Int
    var cpuSeconds: Double
    var peakBytes: Int
}

/// What the application of a start has.
enum StartKind: String, CaseIterable, Codable {
    /// 1,000 input partitions.
    case stateless
    /// 1,000 input partitions, and a store of 100,000 keys with a changelog of as many partitions.
    case store
}

/// How the process before has ended.
enum StartAfter: String, CaseIterable, Codable {
    /// The application was stopped, and the broker closed.
    case stop
    /// The process was killed while it processed.
    case crash
}
