import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

// Compaction's last step: the new segment takes the old ones' place, on disk and in memory.
extension PartitionLog {
    /// Removes the snapshots of producers' states that were taken before `end`. One that was taken within a transaction
    /// tells that it is open, and the marker that says otherwise may be among what goes. The next replacement makes the
    /// removal durable before its own.
    func removeSnapshots(before end: Int64) throws(CleaningInterruption) {
        do throws(FileError) {
            for entry in try fileSystem.contents(of: directory) {
                guard let file = SegmentFileKind.parse(entry.name), file.kind == .snapshot, file.baseOffset < end else {
                    continue
                }
                try fileSystem.removeFile(directory.appending(entry.name))
            }
        } catch {
            throw .failed(.file(error))
        }
    }

    /// How far the replacement of a group has come, which decides what is done with the new files if it fails.
    enum SwapProgress {
        /// They can be removed.
        case undecided
        /// They stay, for the log to be opened with.
        case decided
        /// The log uses them.
        case installed
    }

    /// Puts a new segment in the place of a group, unless the log has changed there meanwhile.
    func replace(
        _ group: [CleaningPlan.Segment],
        by segment: SealedSegment,
        _ swap: SegmentSwap,
        _ plan: CleaningPlan,
        _ progress: inout SwapProgress
    ) throws(CleaningInterruption) {
        let isDone: Bool
        do throws(LogError) {
            isDone = try flushing.withLock { (_) throws(LogError) -> Bool in
                let isThere = try state.withLock { (state) throws(LogError) in
                    try checkWritable(state)
                    // What was cut off may be what something older was to be removed for.
                    return state.range(of: group) != nil && state.truncationCount == plan.truncationCount
                }
                guard isThere else { return false }
                do throws(FileError) {
                    try swap.decide()
                    progress = .decided
                    try swap.makeDecisionDurable()
                } catch {
                    throw stopWrites(after: error)
                }
                // Nobody else takes segments away without `flushing`, so they are still there.
                let old = state.withLock { state -> [SegmentFiles] in
                    guard let range = state.range(of: group) else { return [] }
                    let old = state.sealed[range].map(\.files)
                    state.sealed.replaceSubrange(range, with: [segment])
                    state.generation += 1
                    state.readPositions.removeAll()
                    return old
                }
                precondition(!old.isEmpty, "segments go under the lock that is held")
                progress = .installed
                pendingSwap.withLock { $0 = swap }
                for files in old { files.close() }
                try completePendingSwap()
                return true
            }
        } catch {
            throw .failed(error)
        }
        guard isDone else { throw .replaced }
    }

    /// Gives the files of a replacement their final names. `flushing` is held. A failure leaves it to the next call; the
    /// log can be read meanwhile.
    func completePendingSwap() throws(LogError) {
        guard let swap = pendingSwap.withLock({ $0 }) else { return }
        try state.withLock { (state) throws(LogError) in try checkWritable(state) }
        do throws(FileError) {
            try swap.complete()
        } catch {
            throw stopWrites(after: error)
        }
        let files = state.withLock { state in state.sealed.first { $0.baseOffset == swap.baseOffset }?.files }
        files?.setSuffix(.none)
        pendingSwap.withLock { $0 = nil }
    }
}
