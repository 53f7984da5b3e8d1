/// What a pass of the cleaner may look at, as seen under the log's lock.
struct CleaningPlan: Sendable {
    /// A segment that takes no more batches, as it was.
    struct Segment: Sendable {
        var files: SegmentFiles
        var size: Int64
        /// No batch of it reaches beyond this offset: the next segment's first.
        var endOffset: Int64
        var aborted: [AbortedTransaction]
        var lastWriteMs: Int64

        var baseOffset: Int64 { files.baseOffset }
    }

    var configuration: LogConfiguration
    /// All that hold something before `end`, from the log's first on.
    var segments: [Segment]
    /// From here on nothing was compacted yet.
    var dirtyStart: Int64
    /// From here on nothing may be: it is not stable, too young, or in the active segment.
    var end: Int64
    /// Of the segments before the first one with something new, and from it on up to `end`.
    var cleanBytes: Int64 = 0
    var dirtyBytes: Int64 = 0
    /// All aborted transactions that began before `end`.
    var aborted: [AbortedTransaction]
    /// Of every producer that is known.
    var lastOfProducers: [Int64: LastOfProducer]
    var truncationCount: Int

    /// Nil if the log is not to be compacted, or has nothing new that may be.
    init?(_ state: borrowing LogState, now: Int64) {
        guard state.configuration.cleanupPolicy.contains(.compact), !state.isClosed, !state.isClosing else {
            return nil
        }
        configuration = state.configuration
        dirtyStart = max(min(state.cleanedEndOffset, state.logEndOffset), state.logStartOffset)
        var end = min(state.lastStableOffset, state.active.baseOffset)
        if configuration.deliberateFaults.contains(.cleanUnstable) { end = state.active.baseOffset }
        var all: [Segment] = []
        for (index, segment) in state.sealed.enumerated() {
            let next = index + 1 < state.sealed.count ? state.sealed[index + 1].baseOffset : state.active.baseOffset
            all.append(
                Segment(
                    files: segment.files,
                    size: segment.size,
                    endOffset: next,
                    aborted: segment.aborted,
                    lastWriteMs: segment.lastWriteMs
                )
            )
            guard configuration.minCompactionLagMs > 0, next > dirtyStart else { continue }
            let newest = segment.largestTimestamp >= 0 ? segment.largestTimestamp : segment.lastWriteMs
            let (age, overflow) = now.subtractingReportingOverflow(newest)
            // A clock that was set back makes records look younger, never older.
            if !overflow, age < configuration.minCompactionLagMs { end = min(end, max(segment.baseOffset, dirtyStart)) }
        }
        guard dirtyStart < end else { return nil }
        self.end = end
        segments = all.filter { $0.baseOffset < end }
        for segment in segments {
            if segment.endOffset <= dirtyStart { cleanBytes += segment.size } else { dirtyBytes += segment.size }
        }
        aborted = (state.sealed.flatMap(\.aborted) + state.active.aborted).filter { $0.firstOffset < end }
        lastOfProducers = state.producers.states.mapValues { producer in
            if let newest = producer.recent.newest { return .data(lastOffset: newest.lastOffset) }
            return .marker(epoch: producer.epoch)
        }
        truncationCount = state.truncationCount
    }
}

extension LogState {
    /// Where the segments of a group stand; nil if they do not any more.
    func range(of group: [CleaningPlan.Segment]) -> Range<Int>? {
        guard let first = group.first, let start = sealed.firstIndex(where: { $0.files === first.files }) else {
            return nil
        }
        let range = start..<start + group.count
        guard range.upperBound <= sealed.count else { return nil }
        let isSame = zip(range, group).allSatisfy { sealed[$0].files === $1.files }
        return isSame ? range : nil
    }
}
