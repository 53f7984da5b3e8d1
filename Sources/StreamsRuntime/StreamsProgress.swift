import MillracePrimitives
import Synchronization

/// How far an application has come; a snapshot.
public struct StreamsProgress: Hashable, Sendable {
    /// Records taken from source topics since the start, internal ones included.
    public var recordsProcessed = 0
    /// What was left out because it failed: a record, or one operator's work on it. Kafka: `dropped-records`.
    public var recordsSkipped = 0
    /// Records that came too late for every window that they belong to. Kafka counts them as dropped records, too.
    public var recordsLate = 0
    /// Records read from changelogs to fill stores.
    public var recordsRestored = 0
    /// Commits since the start.
    public var commits = 0
    /// Tasks that are assigned now.
    public var tasks = 0

    /// Nothing yet.
    public init() {}
}

/// One thread's share of the progress: written by the thread, once a batch, read by anyone. Outlives the thread's replacement.
final class ThreadProgress: Sendable {
    let recordsProcessed = Atomic<Int>(0)
    let recordsSkipped = Atomic<Int>(0)
    let recordsLate = Atomic<Int>(0)
    let recordsRestored = Atomic<Int>(0)
    let commits = Atomic<Int>(0)
    /// How often a commit was due with everything read and committed.
    let timesSettled = Atomic<Int>(0)
    let tasks = Atomic<Int>(0)
    /// Whether the thread has nothing left to do; kept by applications that end with their input.
    let isIdle = Atomic<Bool>(false)
    /// What wakes the thread while it waits for records.
    let wakeup = Mutex<Wakeup?>(nil)

    /// Grows whenever the thread gets anywhere.
    var advances: Int { commits.load(ordering: .relaxed) + timesSettled.load(ordering: .relaxed) }

    func add(to progress: inout StreamsProgress) {
        progress.recordsProcessed += recordsProcessed.load(ordering: .relaxed)
        progress.recordsSkipped += recordsSkipped.load(ordering: .relaxed)
        progress.recordsLate += recordsLate.load(ordering: .relaxed)
        progress.recordsRestored += recordsRestored.load(ordering: .relaxed)
        progress.commits += commits.load(ordering: .relaxed)
        progress.tasks += tasks.load(ordering: .relaxed)
    }
}
