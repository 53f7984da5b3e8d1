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
                lastOfProducers: plan.lastOfProducers,
                dropsMarkers: deliberateFaults.contains(.dropMarkers)
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
