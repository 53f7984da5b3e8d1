import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization
import SystemPackage

/// How a pass of the cleaner works.
package struct CleaningOptions: Sendable {
    /// How much memory the keys of the new part may take, in bytes; what does not fit is left to the next pass. Kafka:
    /// `log.cleaner.dedupe.buffer.size`.
    package var keyMemoryBytes = 32 << 20

    package init() {}
}

/// How much a log needs to be compacted.
package struct CleaningNeed: Hashable, Sendable {
    /// The bytes of the segments that were compacted before, and of those that can be now.
    package var cleanBytes: Int64
    package var dirtyBytes: Int64
    /// Whether something has waited for longer than `max.compaction.lag.ms`, or makes up `min.cleanable.dirty.ratio`.
    package var isDue: Bool

    /// The new part of the whole; between logs, the greater one is more urgent.
    package var dirtyRatio: Double {
        dirtyBytes == 0 ? 0 : Double(dirtyBytes) / Double(cleanBytes + dirtyBytes)
    }
}

/// What a pass of the cleaner did.
package struct CleaningReport: Hashable, Sendable {
    /// Every key before this offset has one record at most, but for undecided ones.
    package var cleanedEndOffset: Int64
    /// Whether the memory for keys ended the pass early: there is more to do.
    package var didFillMemory = false
    /// Whether the caller's pace stopped it early; what was replaced until then stays.
    package var wasStopped = false
    package var bytesRead: Int64 = 0
    package var bytesBefore: Int64 = 0
    package var bytesAfter: Int64 = 0
    package var segmentsBefore = 0
    package var segmentsAfter = 0
}

// Compaction. A pass looks at the part of the log that no pass has seen (the dirty part) and remembers each key's last
// offset; then it reads the log from its beginning and writes it anew, without the records that a later one replaces.
// It reads and writes beside the lock, which is held only to plan and to put the new segments in place of the old.
//
// What may go depends on which transactions are decided, and nothing may go on the strength of a marker that power loss
// can take away: the log is flushed first. The active segment, and what is not stable, are not touched.
extension PartitionLog {
    /// Whether, and how urgently, the log is to be compacted; nil if its policy does not say so or nothing can be.
    package func cleaningNeed(now: Int64) throws(LogError) -> CleaningNeed? {
        guard let plan = state.withLock({ CleaningPlan($0, now: now) }) else { return nil }
        var need = CleaningNeed(cleanBytes: plan.cleanBytes, dirtyBytes: plan.dirtyBytes, isDue: false)
        need.isDue = need.dirtyRatio > plan.configuration.minCleanableDirtyRatio
        if !need.isDue, plan.configuration.maxCompactionLagMs < Int64.max {
            let oldest = try oldestTimestamp(in: plan)
            need.isDue = oldest.map { age(of: $0, now: now) > plan.configuration.maxCompactionLagMs } ?? false
        }
        return need
    }

    /// Compacts the log as far as it can be; nil if there is nothing to do. Deterministic; one call at a time does
    /// something, a second one returns nil.
    ///
    /// - Parameters:
    ///   - now: what delete horizons and compaction lags are counted from.
    ///   - beforeRemoval: called once it is decided up to where records may go, before any does: what other logs rely on
    ///     in these records has to be made durable there.
    ///   - pace: called with so many bytes read or written; may sleep. False ends the pass.
    package func clean(
        now: Int64,
        options: CleaningOptions = CleaningOptions(),
        beforeRemoval: () throws(LogError) -> Void = {},
        pace: (Int) -> Bool = { _ in true }
    ) throws(LogError) -> CleaningReport? {
        let outcome = cleaning.withLockIfAvailable { _ in
            Result { () throws(LogError) in
                try pass(now: now, options, beforeRemoval, pace)
            }
        }
        return try outcome?.get()
    }

    private func pass(
        now: Int64,
        _ options: CleaningOptions,
        _ beforeRemoval: () throws(LogError) -> Void,
        _ pace: (Int) -> Bool
    ) throws(LogError) -> CleaningReport? {
        try flushing.withLock { (_) throws(LogError) in try completePendingSwap() }
        let planned = try state.withLock { (state) throws(LogError) in
            try checkWritable(state)
            return CleaningPlan(state, now: now)
        }
        guard let plan = planned else { return nil }
        try flush(upTo: Int64.max)
        try beforeRemoval()

        var report = CleaningReport(cleanedEndOffset: plan.dirtyStart)
        do throws(CleaningInterruption) {
            let (keys, keysEnd) = try readKeys(plan, options, &report, pace)
            let rules = BatchFilter.Rules(
                keys: keys,
                keysEnd: keysEnd,
                end: plan.end,
                now: now,
                deleteRetentionMs: plan.configuration.deleteRetentionMs,
                lastOfProducers: plan.lastOfProducers
            )
            var filter = BatchFilter(rules, CleanedTransactions(plan.aborted))
            var decompressor = Decompressor()
            var hasRemovedSnapshots = false
            let sources = plan.segments.filter { $0.baseOffset < keysEnd }
            for group in try groups(of: sources, plan) {
                try clean(group, plan, &filter, &decompressor, &hasRemovedSnapshots, &report, pace)
            }
            report.cleanedEndOffset = keysEnd
            state.withLock { state in
                if state.truncationCount == plan.truncationCount { state.cleanedEndOffset = keysEnd }
            }
        } catch {
            switch error {
            case .stopped, .replaced: report.wasStopped = true
            case .failed(let error): throw error
            }
        }
        return report
    }

    /// The last offset of each key of the dirty part, as far as memory allows, and up to where that is.
    private func readKeys(
        _ plan: CleaningPlan,
        _ options: CleaningOptions,
        _ report: inout CleaningReport,
        _ pace: (Int) -> Bool
    ) throws(CleaningInterruption) -> (KeyOffsetMap, end: Int64) {
        let keys = KeyOffsetMap(limit: options.keyMemoryBytes)
        var transactions = CleanedTransactions(plan.aborted.filter { $0.lastOffset >= plan.dirtyStart })
        var decompressor = Decompressor()
        var end = plan.dirtyStart
        var isFull = false
        for segment in plan.segments where segment.endOffset > plan.dirtyStart && !isFull {
            try read(segment, &report, pace) { (batch) throws(RecordFormatError) in
                let header = batch.header
                guard !isFull, header.nextOffset <= plan.end, header.lastOffset >= plan.dirtyStart else { return }
                if !header.attributes.isControl, !transactions.readData(header) {
                    let taken = try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
                        try Self.put(header, records, from: plan.dirtyStart, into: keys)
                    }
                    if let taken {
                        isFull = true
                        end = max(end, taken)
                        return
                    }
                }
                end = header.nextOffset
            }
        }
        report.didFillMemory = isFull
        return (keys, isFull ? end : plan.end)
    }

    /// Puts a batch's keys into the map. Returns where it was full; nil if all were taken.
    private static func put(
        _ header: RecordBatchHeader,
        _ records: UnsafeRawBufferPointer,
        from start: Int64,
        into keys: KeyOffsetMap
    ) throws(RecordFormatError) -> Int64? {
        var cursor = RecordCursor(header, records: records)
        while let record = try cursor.next() {
            guard record.offset >= start, let key = record.key else { continue }
            if !keys.put(key, record.offset) { return record.offset }
        }
        return nil
    }

    /// Writes a group of segments anew as one, and puts it in their place if anything has changed.
    private func clean(
        _ group: [CleaningPlan.Segment],
        _ plan: CleaningPlan,
        _ filter: inout BatchFilter,
        _ decompressor: inout Decompressor,
        _ hasRemovedSnapshots: inout Bool,
        _ report: inout CleaningReport,
        _ pace: (Int) -> Bool
    ) throws(CleaningInterruption) {
        guard let first = group.first else { return }
        let swap = SegmentSwap(
            baseOffset: first.baseOffset,
            replaced: group.dropFirst().map(\.baseOffset),
            directory: directory,
            fileSystem: fileSystem
        )
        var cleaned: CleanedSegment
        do throws(FileError) {
            cleaned = try CleanedSegment(
                baseOffset: first.baseOffset,
                directory: directory,
                fileSystem: fileSystem,
                indexIntervalBytes: plan.configuration.indexIntervalBytes
            )
        } catch {
            swap.abandon()
            throw .failed(.file(error))
        }
        var progress = SwapProgress.undecided
        defer {
            switch progress {
            case .undecided:
                cleaned.files.close()
                swap.abandon()
            case .decided: cleaned.files.close()
            case .installed: break
            }
        }
        let sizeBefore = group.reduce(0) { $0 + $1.size }
        var written: Int64 = 0
        for segment in group {
            var failure: LogError?
            try read(segment, &report, pace) { (batch) throws(RecordFormatError) in
                guard failure == nil, let bytes = try filter.filter(batch, &decompressor) else { return }
                let header = try RecordBatchHeader(reading: bytes)
                guard cleaned.hasRoom(for: bytes.count) else {
                    throw RecordFormatError.batchTooLarge(size: Int(cleaned.size) + bytes.count, limit: Int(Int32.max))
                }
                do throws(FileError) {
                    try cleaned.append(header, bytes)
                } catch {
                    failure = .file(error)
                }
            }
            if let failure { throw .failed(failure) }
            guard pace(Int(cleaned.size - written)) else { throw .stopped }
            written = cleaned.size
        }
        let outcome = filter.takeOutcome()
        report.bytesBefore += sizeBefore
        report.segmentsBefore += group.count
        report.segmentsAfter += 1
        guard outcome.hasChanged || group.count > 1 else {
            report.bytesAfter += sizeBefore
            return
        }
        if !hasRemovedSnapshots {
            try removeSnapshots(before: plan.end)
            hasRemovedSnapshots = true
        }
        // Those whose marker was not looked at are as they were.
        let aborted = outcome.aborted + group.flatMap(\.aborted).filter { $0.lastOffset >= plan.end }
        let largestTimestamp: Int64
        do throws(FileError) {
            largestTimestamp = try cleaned.finish(aborted)
        } catch {
            throw .failed(.file(error))
        }
        // From here on they have this name, or will be looked for under it in vain, which costs a longer look.
        cleaned.files.setSuffix(.swap)
        let segment = SealedSegment(
            files: cleaned.files,
            size: cleaned.size,
            largestTimestamp: largestTimestamp,
            aborted: aborted,
            lastWriteMs: group.map(\.lastWriteMs).max() ?? first.lastWriteMs
        )
        try replace(group, by: segment, swap, plan, &progress)
        report.bytesAfter += segment.size
    }

    /// Removes the snapshots of producers' states that were taken before `end`. One that was taken within a transaction
    /// tells that it is open, and the marker that says otherwise may be among what goes. The next replacement makes the
    /// removal durable before its own.
    private func removeSnapshots(before end: Int64) throws(CleaningInterruption) {
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
    private enum SwapProgress {
        /// They can be removed.
        case undecided
        /// They stay, for the log to be opened with.
        case decided
        /// The log uses them.
        case installed
    }

    /// Puts a new segment in the place of a group, unless the log has changed there meanwhile.
    private func replace(
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

    private func age(of timestamp: Int64, now: Int64) -> Int64 {
        let (age, overflow) = now.subtractingReportingOverflow(timestamp)
        return overflow ? Int64.max : age
    }
}

/// Why a pass of the cleaner ended early.
enum CleaningInterruption: Error {
    /// The caller's pace said so.
    case stopped
    /// The segments were removed or cut meanwhile.
    case replaced
    case failed(LogError)
}

extension PartitionLog {
    /// Calls `body` with every batch of a segment. It has a file of its own open for that: readers have theirs.
    func read(
        _ segment: CleaningPlan.Segment,
        _ report: inout CleaningReport,
        _ pace: (Int) -> Bool,
        _ body: (RecordBatch) throws(RecordFormatError) -> Void
    ) throws(CleaningInterruption) {
        let path = segment.files.path(.log)
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(path, .readOnly)
        } catch {
            throw interruption(.file(error), in: segment)
        }
        defer { file.close() }
        var scanner = SegmentScanner(
            file,
            baseOffset: segment.baseOffset,
            from: 0,
            size: segment.size,
            nextOffset: segment.baseOffset
        )
        var bytesPaced: Int64 = 0
        var isDone = false
        while !isDone {
            do throws(SegmentScanError) {
                let found: Void? = try scanner.next { (batch, _) throws(SegmentScanError) in
                    do throws(RecordFormatError) {
                        try body(batch)
                    } catch {
                        throw .defect(.format(error))
                    }
                }
                isDone = found == nil
            } catch {
                switch error {
                case .file(let error): throw interruption(.file(error), in: segment)
                case .defect(let reason):
                    let (offset, position) = (scanner.nextOffset, scanner.position)
                    throw interruption(
                        .corruptBatch(file: path, offset: offset, position: position, reason: reason),
                        in: segment
                    )
                }
            }
            let bytes = scanner.bytesRead - bytesPaced
            bytesPaced = scanner.bytesRead
            report.bytesRead += bytes
            if bytes > 0, !pace(Int(bytes)) { throw .stopped }
        }
    }

    /// What an error within a segment means: none that has been removed has an error.
    private func interruption(_ error: LogError, in segment: CleaningPlan.Segment) -> CleaningInterruption {
        let isThere = state.withLock { state in state.sealed.contains { $0.files === segment.files } }
        return isThere ? .failed(error) : .replaced
    }

    /// Neighbouring segments that fit into one, by the limits that a segment has.
    func groups(
        of segments: [CleaningPlan.Segment],
        _ plan: CleaningPlan
    ) throws(CleaningInterruption) -> [[CleaningPlan.Segment]] {
        let configuration = plan.configuration
        var groups: [[CleaningPlan.Segment]] = []
        var size: Int64 = 0
        var (offsetEntries, timeEntries): (Int64, Int64) = (0, 0)
        for segment in segments {
            let counts: (offsets: Int64, times: Int64)
            do throws(FileError) {
                counts = (
                    try segment.files.entryCount(in: .offsetIndex, size: OffsetIndexEntry.size),
                    try segment.files.entryCount(in: .timeIndex, size: TimeIndexEntry.size)
                )
            } catch {
                throw interruption(.file(error), in: segment)
            }
            if let first = groups.last?.first,
                size + segment.size <= Int64(configuration.segmentBytes),
                offsetEntries + counts.offsets <= Int64(configuration.maximumIndexEntries),
                timeEntries + counts.times <= Int64(configuration.maximumTimeIndexEntries),
                segment.endOffset - 1 - first.baseOffset <= Int64(Int32.max)
            {
                groups[groups.count - 1].append(segment)
            } else {
                groups.append([segment])
                (size, offsetEntries, timeEntries) = (0, 0, 0)
            }
            size += segment.size
            offsetEntries += counts.offsets
            timeEntries += counts.times
        }
        return groups
    }

    /// The earliest first timestamp of the segments that were not compacted yet; nil if they have none.
    func oldestTimestamp(in plan: CleaningPlan) throws(LogError) -> Int64? {
        var oldest: Int64?
        for segment in plan.segments where segment.endOffset > plan.dirtyStart && segment.size > 0 {
            var report = CleaningReport(cleanedEndOffset: 0)
            var first: Int64?
            // The pace ends the reading after the first piece, which is as good as the first batch.
            do throws(CleaningInterruption) {
                try read(segment, &report, { _ in false }) { batch in
                    if batch.header.maxTimestamp >= 0 { first = first ?? batch.header.maxTimestamp }
                }
            } catch {
                if case .failed(let error) = error { throw error }
            }
            if let first { oldest = min(oldest ?? first, first) }
        }
        return oldest
    }
}
