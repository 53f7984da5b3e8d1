import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// What a pass of the cleaner reads.
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
                try read(
                    segment,
                    &report,
                    { _ in false },
                    { batch in
                        if batch.header.maxTimestamp >= 0 { first = first ?? batch.header.maxTimestamp }
                    }
                )
            } catch {
                if case .failed(let error) = error { throw error }
            }
            if let first { oldest = min(oldest ?? first, first) }
        }
        return oldest
    }
}
