import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization
import SystemPackage

// Taking records away: from the front, from the end, or all of them.
extension PartitionLog {
    /// Moves the log's start to `offset` and removes the segments that lie before it as a whole; returns the start.
    ///
    /// The start is durable once the caller has written it to the data directory's checkpoint.
    @discardableResult
    package func deleteRecords(before offset: Int64) throws(LogError) -> Int64 {
        let isWhole = try state.withLock { (state) throws(LogError) in
            try checkWritable(state)
            guard offset <= state.logEndOffset, offset >= 0 else {
                throw .outOfRange(partition, offset: offset, first: state.logStartOffset, end: state.logEndOffset)
            }
            return offset == state.logEndOffset && offset > state.logStartOffset
        }
        // With a new segment to go on in, what is deleted can leave the disk.
        if isWhole { try roll() }
        return try flushing.withLock { (_) throws(LogError) in
            try completePendingSwap()
            let (start, removed) = try state.withLock { (state) throws(LogError) in
                try checkWritable(state)
                return (max(offset, state.logStartOffset), state.moveStart(to: offset))
            }
            for segment in removed {
                do throws(FileError) {
                    try segment.files.remove()
                    try fileSystem.removeFile(segment.files.path(.snapshot))
                    // One after the other, so that power loss leaves no hole between segments.
                    try fileSystem.synchronizeDirectory(directory)
                } catch {
                    throw stopWrites(after: error)
                }
            }
            return start
        }
    }

    /// Cuts the log before the batch that holds `offset`, durably, and returns its end then. Producers and transactions
    /// are as they were at that point.
    ///
    /// Before it is called, the data directory's recovery point must be lowered to `offset` at least: a log that ends
    /// before its recovery point is taken for damaged.
    @discardableResult
    package func truncate(to offset: Int64) throws(LogError) -> Int64 {
        try flushing.withLock { (_) throws(LogError) in
            try completePendingSwap()
            // Nobody may append or plan a read while segments come and go, so the lock is held throughout.
            return try state.withLock { (state) throws(LogError) in
                try checkWritable(state)
                guard offset >= state.logStartOffset else {
                    throw .outOfRange(partition, offset: offset, first: state.logStartOffset, end: state.logEndOffset)
                }
                guard offset < state.logEndOffset else { return state.logEndOffset }
                do throws(LogError) {
                    state = try truncated(state, to: offset)
                } catch {
                    // The files are between two states; opening the log again finds out which.
                    state.isClosed = true
                    throw error
                }
                return state.logEndOffset
            }
        }
    }

    private func truncated(_ state: LogState, to offset: Int64) throws(LogError) -> LogState {
        let index = state.sealedIndex(of: offset)
        let target = index.map { state.sealed[$0].files } ?? state.active.files
        let size = index.map { state.sealed[$0].size } ?? state.active.size
        let aborted = index.map { state.sealed[$0].aborted } ?? state.active.aborted
        let (position, end) = try boundary(in: target, size: size, of: offset)

        var later = state.sealed.map(\.files) + [state.active.files]
        later.removeAll { $0.baseOffset <= target.baseOffset }
        do throws(FileError) {
            // As in recovery: what comes later goes first.
            for files in later.reversed() {
                try files.remove()
                try fileSystem.removeFile(files.path(.snapshot))
            }
            try fileSystem.synchronizeDirectory(directory)
            let log = try target.log()
            try log.truncate(to: position)
            try log.synchronize()
            // Loading builds these again, but could not tell which transactions had been aborted.
            try target.writeIndexes(SegmentIndex(), aborted.filter { $0.lastOffset < end })
            try fileSystem.removeFile(target.path(.offsetIndex))
            try fileSystem.removeFile(target.path(.timeIndex))
            try WholeFile.replace(directory.appending(LeaderEpochs.fileName), with: state.epochs.encoded, fileSystem)
        } catch {
            throw .file(error)
        }
        var loader = LogLoader(
            directory: directory,
            partition: partition,
            configuration: state.configuration,
            fileSystem: fileSystem,
            now: time.milliseconds,
            wasCleanShutdown: true
        )
        var reloaded = try loader.load(recoveryPoint: 0, logStartOffset: state.logStartOffset)
        reloaded.generation = state.generation + 1
        // What comes in the place of what was cut off was never cleaned.
        reloaded.truncationCount = state.truncationCount + 1
        reloaded.cleanedEndOffset = min(state.cleanedEndOffset, offset)
        for files in state.sealed.map(\.files) + [state.active.files] { files.close() }
        return reloaded
    }

    /// Where the batch begins that holds `offset`, and that batch's base offset.
    private func boundary(
        in files: SegmentFiles,
        size: Int64,
        of offset: Int64
    ) throws(LogError) -> (position: Int64, offset: Int64) {
        var found: (Int64, Int64)?
        var end = files.baseOffset
        let walked = try LogLoader.walk(files, size: size) { batch, position in
            if found == nil, batch.header.lastOffset >= offset { found = (position, end) }
            end = batch.header.nextOffset
        }
        return found ?? (size, walked.end)
    }

    /// Deletes the log with all its files. The directory first gets a name that no log has, so that a crash cannot leave
    /// half a log behind: a broker removes directories that end in `-delete` when it starts.
    package func delete() throws(LogError) {
        try flushing.withLock { (_) throws(LogError) in
            let wasClosed = state.withLock { $0.isClosed }
            if wasClosed { throw LogError.closed(partition) }
            closeFiles()
            let parent = directory.removingLastComponent()
            let stamp = String(UInt64(bitPattern: time.milliseconds), radix: 16)
            let suffix = String(repeating: "0", count: max(0, 32 - stamp.count)) + stamp
            let doomed = parent.appending("\(partition).\(suffix)-delete")
            try attempt { () throws(FileError) in
                try fileSystem.rename(directory, to: doomed)
                try fileSystem.synchronizeDirectory(parent)
                try fileSystem.removeDirectory(doomed)
            }
        }
    }
}

extension LogState {
    /// Lets the log begin at `offset`, if that is later than now, and returns the segments that are not needed any more.
    mutating func moveStart(to offset: Int64) -> [SealedSegment] {
        logStartOffset = max(offset, logStartOffset)
        if epochs.truncate(toStart: logStartOffset) { epochsHaveChanged = true }
        var removed: [SealedSegment] = []
        while let oldest = sealed.first {
            let next = sealed.count > 1 ? sealed[1].baseOffset : active.baseOffset
            guard next <= logStartOffset else { break }
            removed.append(oldest)
            sealed.removeFirst()
        }
        if !removed.isEmpty { generation += 1 }
        return removed
    }
}
