import MillraceFileIO
import MillracePrimitives
import Synchronization

/// What the retention settings took away.
package struct RetentionReport: Hashable, Sendable {
    /// The log's first offset now.
    package var logStartOffset: Int64
    package var segmentsRemoved = 0
    package var bytesRemoved: Int64 = 0
}

// Retention: whole segments go from the front, by age and by size (LE-86). Together with compaction (`compact,delete`)
// both apply, each to what the other has left.
extension PartitionLog {
    /// Removes the segments that are too old, or too many, by the log's settings; the active one too, after beginning
    /// another. A log that is only compacted is left alone.
    ///
    /// A segment is as old as its newest record, by the record's timestamp. If its records have none, it is as old as its
    /// last append by the broker's clock (or as the opening of the log since).
    @discardableResult
    package func applyRetention(now: Int64) throws(LogError) -> RetentionReport {
        var expiry = state.withLock { Expiry($0, now: now) }
        if expiry.takesActive {
            // Only what is sealed can go. Batches that come in between are newer, and stay.
            try roll(replacing: expiry.activeBase)
            expiry = state.withLock { Expiry($0, now: now) }
        }
        var report = RetentionReport(logStartOffset: logStartOffset)
        guard let end = expiry.end else { return report }
        report.logStartOffset = try deleteRecords(before: end)
        report.segmentsRemoved = expiry.segmentCount
        report.bytesRemoved = expiry.bytes
        return report
    }

    /// Seals the active segment if its first batch came `segment.ms` ago, or `max.compaction.lag.ms` in a compacted log;
    /// returns whether it did. Appends look for themselves, by the records' timestamps; this is for a log that gets none,
    /// so that its last records can be compacted and removed in time.
    @discardableResult
    package func rollIfDue(now: Int64) throws(LogError) -> Bool {
        let due = state.withLock { state -> Int64? in
            guard !state.isClosed, let first = state.active.firstWriteMs else { return nil }
            let configuration = state.configuration
            let isCompacted = configuration.cleanupPolicy.contains(.compact)
            let limit =
                isCompacted ? min(configuration.segmentMs, configuration.maxCompactionLagMs) : configuration.segmentMs
            let (age, overflow) = now.subtractingReportingOverflow(first)
            return !overflow && age > limit ? state.active.baseOffset : nil
        }
        guard let due else { return false }
        return try roll(replacing: due)
    }

    /// The segments that the settings do not keep, as seen under the lock.
    private struct Expiry {
        /// The offset after the last of them; nil if there are none.
        var end: Int64?
        var segmentCount = 0
        var bytes: Int64 = 0
        /// Whether the active segment is among them.
        var takesActive = false
        var activeBase: Int64

        init(_ state: borrowing LogState, now: Int64) {
            activeBase = state.active.baseOffset
            let configuration = state.configuration
            guard configuration.cleanupPolicy.contains(.delete), !state.isClosed, !state.isClosing else { return }
            let total = state.sealed.reduce(state.active.size) { $0 + $1.size }
            // How much may go by size alone.
            var excess = configuration.retentionBytes >= 0 ? total - configuration.retentionBytes : -1

            func isExpired(size: Int64, largestTimestamp: Int64, lastWriteMs: Int64) -> Bool {
                if configuration.retentionMs >= 0 {
                    let newest = largestTimestamp >= 0 ? largestTimestamp : lastWriteMs
                    let (age, overflow) = now.subtractingReportingOverflow(newest)
                    if !overflow, age > configuration.retentionMs { return true }
                }
                return configuration.retentionBytes >= 0 && excess >= size
            }
            for (index, segment) in state.sealed.enumerated() {
                guard
                    isExpired(
                        size: segment.size,
                        largestTimestamp: segment.largestTimestamp,
                        lastWriteMs: segment.lastWriteMs
                    )
                else { return }
                excess -= segment.size
                segmentCount += 1
                bytes += segment.size
                end = index + 1 < state.sealed.count ? state.sealed[index + 1].baseOffset : state.active.baseOffset
            }
            guard state.active.size > 0, let lastWrite = state.active.lastWriteMs else { return }
            takesActive = isExpired(
                size: state.active.size,
                largestTimestamp: state.active.index.maxTimestamp,
                lastWriteMs: lastWrite
            )
        }
    }
}
