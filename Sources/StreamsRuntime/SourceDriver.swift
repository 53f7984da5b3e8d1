import MillracePrimitives
import MillraceRecordFormat

/// The record loop of a source: decodes the records of a batch in place and pushes them through the operators.
///
/// One closure call a stretch of records; everything within is specialised for the types of the source. Throws what an
/// operator throws, with `TaskContext.record` saying at which record.
public struct SourceDriver {
    let drive: (UnsafeMutablePointer<RecordCursor>, DriveLimits) throws -> Void
    /// Nil if the next record's time is the timestamp that the log has for it.
    let head: HeadTimestamp?

    /// Wraps a record loop.
    public init(
        head: HeadTimestamp? = nil,
        _ drive: @escaping (UnsafeMutablePointer<RecordCursor>, DriveLimits) throws -> Void
    ) {
        self.head = head
        self.drive = drive
    }
}

/// Looks at the next record's time, where that is not the timestamp that the log has for it.
public struct HeadTimestamp {
    let read: (RecordCursor, _ startOffset: Int64, _ partitionTimeMs: Int64) throws -> Int64

    /// Wraps a function of the cursor before the record, the offset before which records are skipped, and the greatest
    /// timestamp of the partition so far. It gives `Int64.min` for a record that is to be met at once, because it has no
    /// time, and `Int64.max` if there is no record.
    public init(
        _ read: @escaping (RecordCursor, _ startOffset: Int64, _ partitionTimeMs: Int64) throws -> Int64
    ) {
        self.read = read
    }
}

/// How far one call of a source's record loop may go. It also ends with a record that moves the task's stream time to
/// where a punctuation is due.
public struct DriveLimits {
    /// Records before this offset are skipped.
    public var startOffset: Int64
    /// Stops before a record that is later than this, in milliseconds: another partition of the task has its turn.
    public var maximumTimestamp: Int64
    /// Stops after this many records, so that the clock can be looked at.
    public var maximumCount: Int

    /// Sets limits.
    public init(startOffset: Int64, maximumTimestamp: Int64, maximumCount: Int) {
        self.startOffset = startOffset
        self.maximumTimestamp = maximumTimestamp
        self.maximumCount = maximumCount
    }
}

/// The record that a task is working on.
public struct CurrentRecord {
    /// Its offset in `TaskContext.partition`.
    public var offset: Int64 = -1
    /// Its timestamp, in milliseconds since 1970.
    public var timestamp: Int64 = -1
    /// The task's stream time: the greatest timestamp of the records that it has processed, in milliseconds; -1 before the
    /// first.
    public var streamTimeMs: Int64 = PartitionMetadata.noTime
    /// The greatest timestamp of the records processed of the partition at work.
    public var partitionTimeMs: Int64 = PartitionMetadata.noTime
    /// The wall clock, in milliseconds since 1970, as it was when the record's slice of work began: operators never ask a
    /// clock.
    public var wallClockMs: Int64 = 0
    /// Whether an operator asked for a commit since the last one.
    public var isCommitRequested = false
    /// How many records were processed since the counter was read.
    public var processed = 0
    /// Its encoded headers; valid while the record is processed.
    public var headers = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The encoded headers that the source record came with, while an operator has put others in their place.
    public var sourceHeaders: UnsafeRawBufferPointer?
    /// Its encoded key; valid while the record is processed.
    public var key: UnsafeRawBufferPointer?
    /// Its encoded value; valid while the record is processed.
    public var value: UnsafeRawBufferPointer?

    /// How many records came too late for every window that they belong to, since the task began.
    @usableFromInline package var lateRecords = 0
    /// How many updates the task's caches have taken: orders them across keys.
    @usableFromInline package var cachedUpdates: Int64 = 0
    /// Whether the record is one of a global topic, whose operators alone may change global stores.
    @usableFromInline package var feedsGlobalStore = false
    /// Whether a cache of the task ever took an update that came with headers, so that it must look for them.
    @usableFromInline package var hasCachedHeaders = false

    init() {}

    /// Notes a timestamp greater than all before it in the partition.
    @inlinable
    package mutating func advanceTime(to timestamp: Int64) {
        partitionTimeMs = timestamp
        if timestamp > streamTimeMs { streamTimeMs = timestamp }
    }
}
