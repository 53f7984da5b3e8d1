import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// Reading. The lock is held to find out where the bytes are and how far they may be read, not while they are read: what
// stands before the log's end does not change. If a truncation or the removal of a segment takes it away meanwhile, the
// log's generation has changed, and the read is done again.
extension PartitionLog {
    /// Appends whole batches to `buffer`, from the one that contains `offset` on; its first records may lie before it.
    ///
    /// Reads from one segment at a time, so that it may return less than there is; `ReadResult.nextOffset` says where to
    /// go on.
    ///
    /// - Parameters:
    ///   - maximumBytes: how many bytes to append at most.
    ///   - limit: nothing from here on is read.
    ///   - atLeastOneBatch: read the first batch even if it has more than `maximumBytes`, so that a reader gets on.
    ///   - verifyingChecksums: whether damage to the bytes on disk is noticed here; false for who hands them on to
    ///     somebody that checks.
    package func read(
        from offset: Int64,
        maximumBytes: Int,
        upTo limit: ReadLimit,
        atLeastOneBatch: Bool,
        verifyingChecksums: Bool = true,
        into buffer: inout ByteWriter
    ) throws(LogError) -> ReadResult {
        let start = buffer.count
        var segmentHint: Int64?
        while true {
            let plan = try state.withLock { (state) throws(LogError) -> ReadPlan in
                try self.plan(offset, limit, segment: segmentHint, state)
            }
            guard let place = plan.place else { return plan.result }
            var result = plan.result
            let outcome: ReadOutcome
            do throws(LogError) {
                outcome = try read(
                    from: offset,
                    at: place,
                    before: plan.upperOffset,
                    maximumBytes: maximumBytes,
                    atLeastOneBatch: atLeastOneBatch,
                    verifyingChecksums: verifyingChecksums,
                    into: &buffer
                )
            } catch {
                buffer.truncate(to: start)
                // The bytes may have been taken away on purpose meanwhile.
                let generation = state.withLock { $0.generation }
                if generation == place.generation { throw error }
                segmentHint = nil
                continue
            }
            let isCurrent = state.withLock { state in
                guard state.generation == place.generation else { return false }
                if case .batches(_, let next, let position) = outcome {
                    state.readPositions.advance(
                        from: offset,
                        to: ReadPositions.Position(
                            offset: next,
                            segment: place.files.baseOffset,
                            position: position
                        )
                    )
                    if limit == .lastStableOffset {
                        result.abortedTransactions = state.abortedTransactions(from: offset, before: next)
                    }
                }
                return true
            }
            guard isCurrent else {
                buffer.truncate(to: start)
                segmentHint = nil
                continue
            }
            switch outcome {
            case .batches(let first, let next, _):
                result.firstBatchOffset = first
                result.nextOffset = next
                return result
            case .nothing:
                return result
            case .endOfSegment:
                // Compaction may have taken the last batches of a segment: the offset's place is then in the next one.
                guard let next = place.nextSegment else { return result }
                segmentHint = next
            }
        }
    }
}

/// Where a read begins.
struct ReadPlace: Sendable {
    var files: SegmentFiles
    /// Up to where the segment has batches.
    var size: Int64
    /// A batch begins here; it is the right one if `isExact`, otherwise the right one comes later.
    var position: Int64
    var isExact: Bool
    /// The position is still to be found in the index on disk.
    var needsIndex: Bool
    /// The base offset of the segment after this one.
    var nextSegment: Int64?
    /// No batch of the segment reaches beyond this offset.
    var endOffset: Int64
    var generation: Int
}

private struct ReadPlan: Sendable {
    var result: ReadResult
    var upperOffset: Int64
    /// Nil if there is nothing to read.
    var place: ReadPlace?
}

private enum ReadOutcome {
    /// The first batch's base offset, the offset after the last batch, and its position.
    case batches(first: Int64, next: Int64, position: Int64)
    /// The next batch lies beyond the limit, or is too large.
    case nothing
    case endOfSegment
}

extension PartitionLog {
    /// Decides under the lock what can be read and where it is.
    private func plan(
        _ offset: Int64,
        _ limit: ReadLimit,
        segment hint: Int64?,
        _ state: borrowing LogState
    ) throws(LogError) -> ReadPlan {
        if state.isClosed { throw .closed(partition) }
        let end = state.logEndOffset
        guard offset >= state.logStartOffset, offset <= end else {
            throw .outOfRange(partition, offset: offset, first: state.logStartOffset, end: end)
        }
        let stable = state.lastStableOffset
        let upper: Int64
        switch limit {
        case .logEnd, .highWatermark: upper = end
        case .lastStableOffset: upper = stable
        }
        let result = ReadResult(
            firstBatchOffset: nil,
            // What lies before a segment that is looked at on suspicion was compacted away.
            nextOffset: max(offset, min(hint ?? offset, upper)),
            logStartOffset: state.logStartOffset,
            highWatermark: end,
            lastStableOffset: stable,
            logEndOffset: end,
            abortedTransactions: []
        )
        guard offset < upper, hint ?? offset < upper else {
            return ReadPlan(result: result, upperOffset: upper, place: nil)
        }
        return ReadPlan(result: result, upperOffset: upper, place: state.place(of: offset, segment: hint))
    }

    /// Reads beside the lock.
    private func read(
        from offset: Int64,
        at place: ReadPlace,
        before upperOffset: Int64,
        maximumBytes: Int,
        atLeastOneBatch: Bool,
        verifyingChecksums: Bool,
        into buffer: inout ByteWriter
    ) throws(LogError) -> ReadOutcome {
        let start = buffer.count
        var position = place.position
        if !place.isExact {
            position = try locate(offset, place, using: &buffer)
        }
        let available = place.size - position
        guard available > 0 else { return .endOfSegment }
        let log = try attempt { () throws(FileError) in try place.files.log() }
        var wanted = Int(min(Int64(max(maximumBytes, 0)), available))
        if atLeastOneBatch { wanted = max(wanted, min(RecordBatchHeader.size, Int(available))) }

        while true {
            buffer.truncate(to: start)
            try attempt { () throws(FileError) in
                try buffer.appendUnsafe(maximum: wanted) { (memory) throws(FileError) in
                    try log.read(into: memory, at: position)
                }
            }
            let bytes = buffer.bytes(start..<buffer.count)
            guard bytes.count == wanted else {
                throw defect(.incomplete(needed: wanted, available: bytes.count), place, offset, position)
            }
            let walked = try walk(
                bytes,
                from: offset,
                before: upperOffset,
                verifyingChecksums: verifyingChecksums,
                available: available,
                place: place,
                position: position
            )
            buffer.truncate(to: start + walked.size)
            if let first = walked.first {
                return .batches(first: first, next: walked.next, position: position + Int64(walked.size))
            }
            guard let needed = walked.needed, atLeastOneBatch, needed > wanted else {
                return .nothing
            }
            wanted = needed
        }
    }

    /// Finds where the batch begins that holds `offset` or, if compaction has removed it, the one after.
    private func locate(
        _ offset: Int64,
        _ place: ReadPlace,
        using scratch: inout ByteWriter
    ) throws(LogError) -> Int64 {
        var start = place.position
        if place.needsIndex {
            let relative = Int32(truncatingIfNeeded: min(offset - place.files.baseOffset, Int64(Int32.max)))
            start = Int64(try attempt { () throws(FileError) in try place.files.indexedPosition(of: relative) })
        }
        if start > 0, start < place.size {
            // An index is a hint: if it leads beside a batch, or beyond the right one, the segment is read from its start.
            do throws(LogError) {
                if let found = try hop(from: start, to: offset, place, using: &scratch) { return found }
            } catch {
                if case .file = error { throw error }
            }
        }
        return try hop(from: 0, to: offset, place, using: &scratch) ?? place.size
    }

    /// Goes from batch to batch by their headers, until one ends after `offset`. Nil if the first one, not at the start of
    /// the segment, begins after it.
    private func hop(
        from start: Int64,
        to offset: Int64,
        _ place: ReadPlace,
        using scratch: inout ByteWriter
    ) throws(LogError) -> Int64? {
        let kept = scratch.count
        defer { scratch.truncate(to: kept) }
        let log = try attempt { () throws(FileError) in try place.files.log() }
        var position = start
        var pieceStart = start
        while position < place.size {
            if position + Int64(RecordBatchHeader.size) > pieceStart + Int64(scratch.count - kept) {
                scratch.truncate(to: kept)
                pieceStart = position
                let wanted = Int(min(16 << 10, place.size - position))
                try attempt { () throws(FileError) in
                    try scratch.appendUnsafe(maximum: wanted) { (memory) throws(FileError) in
                        try log.read(into: memory, at: position)
                    }
                }
            }
            let header: RecordBatchHeader
            do throws(RecordFormatError) {
                header = try RecordBatchHeader(
                    reading: scratch.bytes(kept + Int(position - pieceStart)..<scratch.count)
                )
            } catch {
                throw defect(.format(error), place, offset, position)
            }
            if header.nextOffset > offset {
                return position == start && start > 0 && header.baseOffset > offset ? nil : position
            }
            position += Int64(header.sizeInBytes)
        }
        return place.size
    }

    private struct Walked {
        /// How many bytes of whole batches there are.
        var size = 0
        var first: Int64?
        var next: Int64
        /// The size of the first batch, if it is not whole.
        var needed: Int?
    }

    /// Finds out how many whole batches stand in `bytes`, and checks them.
    private func walk(
        _ bytes: UnsafeRawBufferPointer,
        from offset: Int64,
        before upperOffset: Int64,
        verifyingChecksums: Bool,
        available: Int64,
        place: ReadPlace,
        position: Int64
    ) throws(LogError) -> Walked {
        var walked = Walked(next: offset)
        while walked.size < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[walked.size...])
            let here = position + Int64(walked.size)
            let header: RecordBatchHeader
            do throws(RecordFormatError) {
                guard let size = try RecordBatchHeader.sizeInBytes(at: rest) else { break }
                if size > rest.count {
                    if walked.first == nil { walked.needed = size }
                    if Int64(size) <= available - Int64(walked.size) { break }
                    // The bytes after the last batch are none of a reader's business; here they should be a batch.
                    throw .truncated(needed: size, available: Int(available) - walked.size)
                }
                header = try RecordBatchHeader(reading: rest)
                if header.baseOffset >= upperOffset, header.nextOffset <= place.endOffset { break }
                if verifyingChecksums { try header.verifyChecksum(of: rest) }
            } catch {
                throw defect(.format(error), place, walked.next, here)
            }
            // Neither the offset nor, for a reader that does not ask, anything else is covered by a checksum.
            guard header.nextOffset <= place.endOffset else {
                throw defect(.offsetTooLarge(header.lastOffset), place, walked.next, here)
            }
            // The first one may begin before the offset asked for, but must reach it.
            let isInOrder = walked.first == nil ? header.nextOffset > offset : header.baseOffset >= walked.next
            guard isInOrder else { throw defect(.offsetTooSmall(header.baseOffset), place, walked.next, here) }
            walked.first = walked.first ?? header.baseOffset
            walked.next = header.nextOffset
            walked.size += header.sizeInBytes
        }
        return walked
    }

    private func defect(_ reason: BatchDefect, _ place: ReadPlace, _ offset: Int64, _ position: Int64) -> LogError {
        .corruptBatch(file: place.files.path(.log), offset: offset, position: position, reason: reason)
    }
}
