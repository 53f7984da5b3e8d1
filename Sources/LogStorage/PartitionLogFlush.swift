import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

// Durability. One synchronisation serves all who wait for it; appends and reads go on meanwhile.
extension PartitionLog {
    /// Returns once every record before `offset` survives power loss; `Int64.max` stands for all there are.
    ///
    /// If a synchronisation fails, the kernel may have dropped what it could not write, and a second try would report
    /// success all the same. The log then takes no more writes.
    package func flush(upTo offset: Int64) throws(LogError) {
        let target = try state.withLock { (state) throws(LogError) -> Int64? in
            try checkWritable(state)
            let target = min(offset, state.logEndOffset)
            return state.durableEndOffset >= target ? nil : target
        }
        guard let target else { return }
        try flushing.withLock { (_) throws(LogError) in
            // Somebody else's synchronisation may have covered this one while it waited.
            try synchronize(unlessDurable: target)
        }
    }

    /// Whether a flush up to `offset` has nothing to do, and nothing to report.
    package func isDurable(upTo offset: Int64) -> Bool {
        state.withLock { state in
            let isWritable = !state.isClosed && !state.isClosing && state.failure == nil
            return isWritable && state.durableEndOffset >= min(offset, state.logEndOffset)
        }
    }

    /// Synchronises everything there is. `flushing` is held.
    func synchronize(unlessDurable target: Int64? = nil) throws(LogError) {
        let work = try state.withLock { (state) throws(LogError) -> FlushWork? in
            try checkWritable(state)
            if let target, state.durableEndOffset >= target { return nil }
            return FlushWork(state)
        }
        guard let work else { return }
        try synchronize(work)
    }

    /// What a synchronisation has to do, as seen under the lock.
    private struct FlushWork {
        var log: any File
        var end: Int64
        var hasNewData: Bool
        var directory: Bool
        var epochs: LeaderEpochs?

        init(_ state: borrowing LogState) {
            log = state.active.log
            end = state.logEndOffset
            hasNewData = state.logEndOffset > state.durableEndOffset
            directory = state.directoryHasChanged
            epochs = state.epochsHaveChanged ? state.epochs : nil
        }
    }

    private func synchronize(_ work: FlushWork) throws(LogError) {
        do throws(FileError) {
            // Recovery does not look before the durable end for epochs, so they have to be on disk first.
            if let epochs = work.epochs {
                try WholeFile.replace(directory.appending(LeaderEpochs.fileName), with: epochs.encoded, fileSystem)
            }
            if work.hasNewData { try work.log.synchronize() }
            if work.directory { try fileSystem.synchronizeDirectory(directory) }
        } catch {
            throw stopWrites(after: error)
        }
        state.withLock { state in
            state.durableEndOffset = max(state.durableEndOffset, work.end)
            if work.directory { state.directoryHasChanged = false }
            if let epochs = work.epochs, epochs == state.epochs { state.epochsHaveChanged = false }
        }
    }

    /// Remembers a failed synchronisation; other failures can be tried again.
    func stopWrites(after error: FileError) -> LogError {
        guard error.operation == .synchronize else { return .file(error) }
        state.withLock { state in
            if state.failure == nil { state.failure = error }
        }
        return .writesStopped(partition, error)
    }

    /// Seals the active segment and begins another, unless it is empty; returns whether it did.
    @discardableResult
    package func roll() throws(LogError) -> Bool {
        let base = state.withLock { $0.active.size > 0 ? $0.active.baseOffset : nil }
        guard let base else { return false }
        return try roll(replacing: base)
    }

    /// Seals the active segment if it is still the one that begins at `base`.
    @discardableResult
    func roll(replacing base: Int64) throws(LogError) -> Bool {
        try flushing.withLock { (_) throws(LogError) in
            let isCurrent = state.withLock { $0.active.baseOffset == base }
            guard isCurrent else { return false }
            // Most of the work is done beside the lock. Small batches may still slip in meanwhile, so the rest is done
            // under it.
            try synchronize()
            let (files, index, aborted, end) = state.withLock { state in
                (state.active.files, state.active.index, state.active.aborted, state.logEndOffset)
            }
            try writeIndexes(files, index, aborted)
            let snapshot = try state.withLock { (state) throws(LogError) in
                try checkWritable(state)
                return try seal(&state, indexedUpTo: end)
            }
            writeSnapshot(snapshot.bytes, at: snapshot.offset)
            return true
        }
    }

    private func writeIndexes(
        _ files: SegmentFiles,
        _ index: SegmentIndex,
        _ aborted: [AbortedTransaction]
    ) throws(LogError) {
        var index = index
        index.seal()
        do throws(FileError) {
            try files.writeIndexes(index, aborted)
            // The names must be durable before recovery stops looking at this segment.
            try fileSystem.synchronizeDirectory(directory)
        } catch {
            throw stopWrites(after: error)
        }
    }

    /// Makes the next segment, after what came in since the indexes were written was made durable too.
    private func seal(
        _ state: inout LogState,
        indexedUpTo indexedEnd: Int64
    ) throws(LogError) -> (offset: Int64, bytes: [UInt8]) {
        let end = state.logEndOffset
        let files = SegmentFiles(baseOffset: end, directory: directory, fileSystem: fileSystem)
        do throws(FileError) {
            if state.durableEndOffset < end {
                try state.active.log.synchronize()
                state.durableEndOffset = end
            }
            if state.active.hasTornTail {
                try state.active.log.truncate(to: state.active.size)
                try state.active.log.synchronize()
                state.active.hasTornTail = false
            }
            var index = state.active.index
            index.seal()
            if end != indexedEnd {
                try state.active.files.writeIndexes(index, state.active.aborted)
                try fileSystem.synchronizeDirectory(directory)
            }
            let log = try fileSystem.open(files.path(.log), .create)
            state.sealed.append(
                SealedSegment(
                    files: state.active.files,
                    size: state.active.size,
                    largestTimestamp: index.maxTimestamp,
                    aborted: state.active.aborted,
                    lastWriteMs: state.active.lastWriteMs ?? time.milliseconds
                )
            )
            state.active = ActiveSegment(
                files: SegmentFiles(baseOffset: end, directory: directory, fileSystem: fileSystem, log: log),
                log: log
            )
            state.directoryHasChanged = true
        } catch {
            if error.operation == .synchronize {
                state.failure = state.failure ?? error
                throw .writesStopped(partition, error)
            }
            throw .file(error)
        }
        return (end, ProducerSnapshot.encode(state.producers.states))
    }

    /// Writes the producers' states at the beginning of a new segment. They only save reading: without the file, or with
    /// half of it, opening the log goes back to the snapshot before. So a failure, such as a full disk, is left to the
    /// append that follows to report.
    private func writeSnapshot(_ bytes: [UInt8], at offset: Int64) {
        let path = directory.appending(SegmentFileKind.snapshot.fileName(offset))
        do throws(FileError) {
            try WholeFile.write(bytes, to: path, fileSystem)
        } catch {
            try? fileSystem.removeFile(path)
        }
    }

    /// Closes the log. Later calls fail; closing twice is fine.
    ///
    /// - Parameter isClean: writes everything that opening after a clean stop relies on. If that fails, the log is closed
    ///   all the same, and has to be opened as after a crash.
    package func close(clean isClean: Bool) throws(LogError) {
        try flushing.withLock { (_) throws(LogError) in
            let wasClosed = state.withLock { $0.isClosed }
            if wasClosed { return }
            defer { closeFiles() }
            if isClean { try writeAll() }
        }
    }

    private func writeAll() throws(LogError) {
        // Nothing can be appended any more, so that what is written is the end.
        let torn = try state.withLock { (state) throws(LogError) -> (any File, Int64)? in
            try checkWritable(state)
            state.isClosing = true
            return state.active.hasTornTail ? (state.active.log, state.active.size) : nil
        }
        if let (file, size) = torn {
            try attempt { () throws(FileError) in
                try file.truncate(to: size)
                try file.synchronize()
            }
        }
        let work = state.withLock { FlushWork($0) }
        try synchronize(work)
        let (files, index, aborted, snapshot, end) = state.withLock { state in
            (
                state.active.files, state.active.index, state.active.aborted,
                ProducerSnapshot.encode(state.producers.states), state.logEndOffset
            )
        }
        try attempt { () throws(FileError) in
            let path = directory.appending(SegmentFileKind.snapshot.fileName(end))
            try WholeFile.write(snapshot, to: path, fileSystem)
        }
        try writeIndexes(files, index, aborted)
    }

    func closeFiles() {
        state.withLock { state in
            state.isClosed = true
            state.generation += 1
            for segment in state.sealed { segment.files.close() }
            state.active.files.close()
        }
    }
}
