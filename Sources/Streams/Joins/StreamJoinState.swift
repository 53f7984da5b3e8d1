import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A join of two streams as its topology declares it.
@usableFromInline
struct StreamJoinDefinition: Sendable {
    @usableFromInline let name: String
    @usableFromInline let span: JoinSpan
    @usableFromInline let left: StoreDefinition
    /// The same as `left` if a stream is joined with itself.
    @usableFromInline let right: StoreDefinition
    /// Of a left or outer join.
    @usableFromInline let unmatched: StoreDefinition?
    @usableFromInline let retentionMs: Int64
}

/// What one task remembers for a join of two streams: the records of both sides, those without a partner, and how far
/// time has come.
///
/// The join's stream time and the time of the earliest unmatched record are registers, committed with the input offsets:
/// a crash changes no result. Owned by the task's thread.
///
/// When unmatched records leave is told as Kafka Streams does, which looks for them only when the last one that it looked
/// at may have closed, at most once in `emitInterval` of wall-clock time, and only at records that are not late: so
/// some leave later than their window closes, none earlier.
@usableFromInline
final class StreamJoinState: StreamTimeParticipant {
    @usableFromInline let name: String
    @usableFromInline let span: JoinSpan
    @usableFromInline let left: JoinWindowStore
    @usableFromInline let right: JoinWindowStore
    private let unmatched: UnmatchedRows?
    /// The greatest timestamp that came on either side, dropped records included; -1 before the first.
    @usableFromInline let streamTime: TaskRegister?
    /// Where to look for unmatched records: the time of the last one looked at, or of an earlier one that came since;
    /// `Int64.max` for none.
    private let earliestUnmatched: TaskRegister?
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let emitIntervalMs: Int64
    private var nextEmitMs: Int64 = 0
    private let emission: UnmatchedEmission
    private let failures: FailureHandling

    /// - Parameter emission: passes an unmatched record on.
    @usableFromInline
    init(_ definition: StreamJoinDefinition, in context: TaskContext, emission: UnmatchedEmission) {
        name = definition.name
        span = definition.span
        record = context.record
        failures = context.failures
        emitIntervalMs = context.emitIntervalMs
        self.emission = emission
        let retentionMs = definition.retentionMs
        left = context.store(named: definition.left.name) {
            JoinWindowStore(definition.left, retentionMs: retentionMs, in: context)
        }
        right = context.store(named: definition.right.name) {
            JoinWindowStore(definition.right, retentionMs: retentionMs, in: context)
        }
        unmatched = definition.unmatched.map { unmatched in
            context.store(named: unmatched.name) { UnmatchedRows(unmatched, in: context) }
        }
        if definition.unmatched == nil {
            streamTime = nil
            earliestUnmatched = nil
        } else {
            // Named after a store, as what outlives the program is.
            streamTime = context.register(named: "\(definition.left.name)-time", initial: -1)
            earliestUnmatched = context.register(named: "\(definition.left.name)-unmatched", initial: Int64.max)
        }
        context.enlist(self)
    }

    @inlinable
    func store(_ side: JoinSide) -> JoinWindowStore { side == .left ? left : right }

    /// Visits the records of the other side that a record joins, by time, then arrival.
    @usableFromInline
    func forEachPartner(
        of key: UnsafeRawBufferPointer,
        _ timeMs: Int64,
        on side: JoinSide,
        _ visit: (_ timeMs: Int64, _ value: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try store(side.other).forEachRecord(
            of: key,
            fromMs: max(0, timeMs - span.beforeMs(side)),
            throughMs: max(0, timeMs + span.afterMs(side)),
            visit
        )
    }

    /// Lets time go on to a record's; what comes is checked against it.
    @inlinable
    func observe(_ timeMs: Int64) {
        if let streamTime { streamTime.raise(to: timeMs) }
    }

    /// Passes on the unmatched records whose windows have closed, if it is time to look for them.
    ///
    /// - Parameter side: the side of the record under way.
    @usableFromInline
    func emitClosed(_ side: JoinSide, timeMs: Int64) throws {
        guard let streamTime, let earliestUnmatched, timeMs == streamTime.value else { return }
        // Without any, the interval begins anew all the same, as in Kafka Streams.
        if earliestUnmatched.value != Int64.max,
            earliestUnmatched.value + span.afterMs(side) + span.graceMs >= streamTime.value
        {
            return
        }
        let nowMs = record.pointee.wallClockMs
        guard nowMs >= nextEmitMs else { return }
        nextEmitMs = nowMs + emitIntervalMs
        earliestUnmatched.value = Int64.max
        var isLeftOpen = false
        var isRightOpen = false
        try unmatched?.visitAll { row in
            earliestUnmatched.value = row.timeMs
            if isLeftOpen, isRightOpen { return false }
            if isOpen(row, at: streamTime.value) {
                if row.side == .left { isLeftOpen = true } else { isRightOpen = true }
            } else {
                try emit(row)
            }
            return true
        }
    }

    private func isOpen(_ row: UnmatchedRows.Row, at streamTimeMs: Int64) -> Bool {
        row.timeMs + span.afterMs(row.side) + span.graceMs >= streamTimeMs
    }

    private func emit(_ row: UnmatchedRows.Row) throws {
        // The record under way is another one.
        try failures.passOn(heldBy: name) {
            try unmatched?.forEachValue(of: row) { value in try emission.run(row.side, row.key, value, row.timeMs) }
        }
        try unmatched?.remove(row)
    }

    /// Keeps a record that found no partner until its window closes.
    ///
    /// - Returns: false if that is so already.
    @usableFromInline
    func keepUnmatched(
        _ side: JoinSide,
        _ timeMs: Int64,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer
    ) throws -> Bool {
        guard let streamTime, let earliestUnmatched else { return true }
        if timeMs + span.afterMs(side) < streamTime.value { return false }
        try unmatched?.add(side, timeMs: timeMs, key: key, value: value)
        earliestUnmatched.value = min(earliestUnmatched.value, timeMs)
        return true
    }

    /// Forgets the records of the other side that have found a partner now.
    @usableFromInline
    func didMatch(_ otherSide: JoinSide, _ otherTimeMs: Int64, key: UnsafeRawBufferPointer) throws {
        try unmatched?.remove(otherSide, timeMs: otherTimeMs, key: key)
    }

    /// Lets time go on without records: what that closes leaves at once.
    @usableFromInline
    func advance(streamTimeMs: Int64) throws {
        guard let streamTime, let earliestUnmatched else { return }
        streamTime.raise(to: streamTimeMs)
        var earliestKept = Int64.max
        try unmatched?.visitAll { row in
            if isOpen(row, at: streamTime.value) {
                earliestKept = min(earliestKept, row.timeMs)
            } else {
                try emit(row)
            }
            return true
        }
        earliestUnmatched.value = earliestKept
    }
}

/// Passes on a record without a partner: its side, key and value in bytes, and its time. A closure in a struct, so that it
/// is wrapped in no further thunk.
@usableFromInline
struct UnmatchedEmission {
    @usableFromInline let run: (JoinSide, UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void

    @inlinable
    init(_ run: @escaping (JoinSide, UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void) {
        self.run = run
    }
}
