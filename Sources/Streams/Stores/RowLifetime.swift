import MillraceStateStores
import MillraceStreamsRuntime

/// How long the rows of one store live: a row whose timestamp is `timeToLiveMs` or more before the task's stream time is
/// too old. It is no longer seen from that moment on, and its owner removes it soon after.
///
/// The stream time is committed with the input offsets, and rows expire in an order that follows from the rows: a task
/// that begins again removes the same rows at the same records.
@usableFromInline
struct RowLifetime {
    /// How many rows one call of a store, or one record of an operator, removes: more than it can add, so that what is too
    /// old goes, and few, so that no record waits for it.
    @usableFromInline static let removedPerCall = 8

    @usableFromInline let timeToLiveMs: Int64
    @usableFromInline let expiry: RowExpiry
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>

    @usableFromInline
    init(of table: ByteTable, timeToLiveMs: Int64, in context: TaskContext) {
        self.timeToLiveMs = timeToLiveMs
        expiry = RowExpiry(table)
        record = context.record
    }

    @usableFromInline var memoryBytes: Int { expiry.memoryBytes }

    /// Rows with this timestamp and before are too old.
    @inlinable var expiredThroughMs: Int64 {
        let (time, isBeforeTime) = record.pointee.streamTimeMs.subtractingReportingOverflow(timeToLiveMs)
        return isBeforeTime ? Int64.min : time
    }

    /// When the life of a row with this timestamp ends.
    @inlinable
    func endMs(ofRowAt timestampMs: Int64) -> Int64 {
        let (end, isEndless) = timestampMs.addingReportingOverflow(timeToLiveMs)
        return isEndless ? Int64.max : end
    }

    /// Takes note of a row that was written.
    @inlinable
    func didWrite(_ entry: Int, timestampMs: Int64, oldMs: Int64?) {
        expiry.didWrite(entry, timestampMs: timestampMs, oldMs: oldMs)
    }

    /// The row that is to be removed next; nil if none is too old. The caller removes it, or is given it again.
    @inlinable
    func nextExpired() -> Int? {
        let lastMs = expiredThroughMs
        return expiry.earliestMs > lastMs ? nil : expiry.next(through: lastMs)
    }
}
