import DequeModule
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// The fetched records of one input partition of a task, and the place up to which they were processed.
package final class PartitionQueue {
    package let partition: TopicPartition
    /// After how long without records the source is idle, in milliseconds; nil if it never is.
    let idleAfterMs: Int64?
    private let driver: SourceDriver
    private let record: UnsafeMutablePointer<CurrentRecord>

    private var pending: Deque<FetchedRecords> = []
    private var current: FetchedRecords?
    private var nextRun = 0
    private let cursor: UnsafeMutablePointer<RecordCursor>
    private var hasCursor = false

    /// The offset of the next record to process; what is committed.
    package private(set) var position: Int64?
    /// The greatest timestamp of the records processed, in milliseconds; -1 before the first.
    package private(set) var timeMs = PartitionMetadata.noTime
    /// The wall clock at the last record, or when the task began.
    private var silentSinceMs: Int64 = 0
    /// Where the time without records goes on after a restart: the stream time that the task had reached.
    private var resumedMs = PartitionMetadata.noTime
    /// The leader epoch of the records under way, remembered with a commit.
    private(set) var leaderEpoch: Int32?
    /// An upper bound of the records that wait here.
    private(set) var bufferedRecords = 0
    /// The end of the partition as the last fetch saw it.
    private(set) var knownEnd: Int64 = -1
    var isPaused = false
    /// Until when the task waits for a record here, by the wall clock, since it has come to the partition's end; nil while
    /// there are records.
    var waitsUntilMs: Int64?

    init(
        partition: TopicPartition,
        idleAfterMs: Int64?,
        driver: SourceDriver,
        record: UnsafeMutablePointer<CurrentRecord>
    ) {
        self.partition = partition
        self.idleAfterMs = idleAfterMs
        self.driver = driver
        self.record = record
        cursor = .allocate(capacity: 1)
    }

    deinit {
        cursor.deallocate()
    }

    /// Queues what a poll brought.
    package func enqueue(_ records: FetchedRecords) {
        knownEnd = records.lastStableOffset
        bufferedRecords += records.recordCount
        pending.append(records)
    }

    /// Begins at an offset, where nothing was committed before.
    package func begin(at offset: Int64) {
        position = offset
    }

    /// Takes up the partition's time where it was at the last commit.
    func restore(timeMs: Int64) {
        self.timeMs = timeMs
    }

    /// Begins to wait for records, at a stream time that may be the outcome of waiting before a restart.
    func beginWaiting(wallClockMs: Int64, streamTimeMs: Int64) {
        silentSinceMs = wallClockMs
        if timeMs >= 0 { resumedMs = streamTimeMs }
    }

    /// What the queue says about the time while no record comes.
    var idleSource: IdleTime.Source {
        IdleTime.Source(
            idleAfterMs: idleAfterMs,
            timeMs: max(timeMs, resumedMs),
            silentSinceMs: silentSinceMs,
            hasMore: prepare() || (position ?? 0) < knownEnd
        )
    }

    /// Notes that the partition holds records up to an offset, so that the first of them are waited for.
    func expect(until end: Int64) {
        knownEnd = end
    }

    /// Forgets what was fetched; processing goes on at `position`.
    func clear() {
        pending.removeAll()
        current = nil
        hasCursor = false
        bufferedRecords = 0
        isPaused = false
    }

    /// Whether a record waits. Moves the position over what holds no records, such as markers.
    package func prepare() -> Bool {
        while true {
            if hasCursor, cursor.pointee.remaining > 0 { return true }
            hasCursor = false
            if let current, nextRun < current.runs.count {
                cursor.initialize(to: current.cursor(ofRun: nextRun))
                leaderEpoch = current.runs[nextRun].leaderEpoch
                nextRun += 1
                hasCursor = true
                continue
            }
            if let finished = current {
                position = finished.nextOffset
                bufferedRecords -= finished.recordCount
                current = nil
            }
            guard let next = pending.popFirst() else { return false }
            current = next
            nextRun = 0
            // After a reset the log may go on elsewhere, also before the place that was reached.
            position = next.startOffset
        }
    }

    /// The time of the next record, as its source tells it; `prepare()` has returned true.
    package func headTimestamp() throws -> Int64 {
        if let head = driver.head { return try head.read(cursor.pointee, current?.startOffset ?? 0, timeMs) }
        var ahead = cursor.pointee
        return try ahead.next()?.timestamp ?? Int64.max
    }

    /// Processes a stretch of records; `prepare()` has returned true. On an error the record that failed counts as
    /// passed, and its offset is in the task's `CurrentRecord`.
    func process(until maximumTimestamp: Int64, maximumCount: Int) throws {
        guard let current else { return }
        let limits = DriveLimits(
            startOffset: current.startOffset,
            maximumTimestamp: maximumTimestamp,
            maximumCount: maximumCount
        )
        record.pointee.offset = -1
        record.pointee.partitionTimeMs = timeMs
        defer {
            timeMs = record.pointee.partitionTimeMs
            silentSinceMs = record.pointee.wallClockMs
            resumedMs = PartitionMetadata.noTime
            if record.pointee.offset >= 0 { position = record.pointee.offset + 1 }
        }
        try withExtendedLifetime(current) { try driver.drive(cursor, limits) }
    }
}
