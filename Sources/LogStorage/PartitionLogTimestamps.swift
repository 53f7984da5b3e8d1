import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// Looking for records by time: the time index says from which offset on to look, the offset index where that is.
extension PartitionLog {
    /// The first record whose timestamp is `timestamp` or later; nil if there is none. Control records count.
    package func offset(forTimestamp timestamp: Int64) throws(LogError) -> TimestampedOffset? {
        try search(for: timestamp, from: 0)
    }

    /// The first record that has the greatest timestamp; nil for an empty log.
    package func offsetOfMaximumTimestamp() throws(LogError) -> TimestampedOffset? {
        let greatest = state.withLock { state in
            state.sealed.map(\.largestTimestamp).reduce(state.active.index.maxTimestamp, max)
        }
        return greatest < 0 ? nil : try search(for: greatest, from: 0)
    }

    /// A segment in which there may be such a record, as seen under the lock.
    private struct Candidate: Sendable {
        var files: SegmentFiles
        var size: Int64
        /// From which offset on to look, and where that is; nil if the indexes on disk have to be asked.
        var start: (relativeOffset: Int32, position: Int32)?
        var logStartOffset: Int64
        var generation: Int
    }

    private func search(for timestamp: Int64, from base: Int64) throws(LogError) -> TimestampedOffset? {
        var base = base
        while true {
            let found = try state.withLock { (state) throws(LogError) in try candidate(timestamp, from: base, state) }
            guard let candidate = found else { return nil }
            do throws(LogError) {
                if let found = try search(candidate, for: timestamp) { return found }
                base = candidate.files.baseOffset + 1
            } catch {
                let generation = state.withLock { $0.generation }
                if generation == candidate.generation { throw error }
            }
        }
    }

    private func candidate(
        _ timestamp: Int64,
        from base: Int64,
        _ state: borrowing LogState
    ) throws(LogError) -> Candidate? {
        if state.isClosed { throw .closed(partition) }
        for segment in state.sealed where segment.baseOffset >= base && segment.largestTimestamp >= timestamp {
            return Candidate(
                files: segment.files,
                size: segment.size,
                start: nil,
                logStartOffset: state.logStartOffset,
                generation: state.generation
            )
        }
        guard state.active.baseOffset >= base, state.active.index.maxTimestamp >= timestamp else { return nil }
        let relative = state.active.index.relativeOffset(forTimestamp: timestamp)
        return Candidate(
            files: state.active.files,
            size: state.active.size,
            start: (relative, state.active.index.position(of: relative)),
            logStartOffset: state.logStartOffset,
            generation: state.generation
        )
    }

    private func search(_ candidate: Candidate, for timestamp: Int64) throws(LogError) -> TimestampedOffset? {
        let position: Int32
        if let start = candidate.start {
            position = start.position
        } else {
            position = try attempt { () throws(FileError) in
                let relative = try candidate.files.indexedOffset(forTimestamp: timestamp)
                return try candidate.files.indexedPosition(of: relative)
            }
        }
        var found: TimestampedOffset?
        var decompressor = Decompressor()
        let visit = { (batch: RecordBatch) throws(RecordFormatError) -> TimestampedOffset? in
            guard batch.header.maxTimestamp >= timestamp, batch.header.lastOffset >= candidate.logStartOffset else {
                return nil
            }
            return try batch.firstRecord(from: timestamp, at: candidate.logStartOffset, &decompressor)
        }
        let log = try attempt { () throws(FileError) in try candidate.files.log() }
        var scanner = SegmentScanner(
            log,
            baseOffset: candidate.files.baseOffset,
            from: Int64(position),
            size: candidate.size,
            nextOffset: candidate.files.baseOffset
        )
        do throws(SegmentScanError) {
            var isDone = false
            while !isDone, found == nil {
                let visited: Void? = try scanner.next { (batch, _) throws(SegmentScanError) in
                    do throws(RecordFormatError) {
                        found = try visit(batch)
                    } catch {
                        throw .defect(.format(error))
                    }
                }
                isDone = visited == nil
            }
        } catch {
            switch error {
            case .file(let failure): throw .file(failure)
            case .defect(let reason):
                throw .corruptBatch(
                    file: candidate.files.path(.log),
                    offset: scanner.nextOffset,
                    position: scanner.position,
                    reason: reason
                )
            }
        }
        return found
    }
}

extension RecordBatch {
    /// The first record that is not before a time, nor before an offset.
    func firstRecord(
        from timestamp: Int64,
        at offset: Int64,
        _ decompressor: inout Decompressor
    ) throws(RecordFormatError) -> TimestampedOffset? {
        try withRecords(&decompressor) { (records) throws(RecordFormatError) -> TimestampedOffset? in
            var cursor = RecordCursor(header, records: records)
            while let record = try cursor.next() {
                guard record.timestamp >= timestamp, record.offset >= offset else { continue }
                return TimestampedOffset(
                    offset: record.offset,
                    timestamp: record.timestamp,
                    leaderEpoch: header.leaderEpoch
                )
            }
            return nil
        }
    }
}
