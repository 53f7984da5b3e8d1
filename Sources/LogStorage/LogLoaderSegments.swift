import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

// Recovery's part for segments: look at those below the recovery point, read those after it.
extension LogLoader {
    /// A segment below the recovery point: its batches are not read, its indexes are looked at.
    mutating func checkSealed(
        _ base: Int64,
        next: Int64,
        aborted: [AbortedTransaction]
    ) throws(LogError) -> SealedSegment {
        let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
        defer { files.close() }
        let size = try attempt { () throws(FileError) in try files.log().size() }
        let offsets = try tail(of: .offsetIndex, files, entrySize: OffsetIndexEntry.size)
        let times = try tail(of: .timeIndex, files, entrySize: TimeIndexEntry.size)
        let areOffsetsSound = offsets.isSound { (last: OffsetIndexEntry, previous: OffsetIndexEntry?) in
            guard last.relativeOffset >= 0, base + Int64(last.relativeOffset) < next else { return false }
            guard last.position > 0, Int64(last.position) < size else { return false }
            guard let previous else { return true }
            return previous.relativeOffset < last.relativeOffset && previous.position < last.position
        }
        let areTimesSound = times.isSound { (last: TimeIndexEntry, previous: TimeIndexEntry?) in
            guard last.relativeOffset >= 0, base + Int64(last.relativeOffset) < next else { return false }
            guard last.timestamp >= 0 else { return false }
            guard let previous else { return true }
            return previous.relativeOffset <= last.relativeOffset && previous.timestamp < last.timestamp
        }
        if !areOffsetsSound { noteRepair(files.path(.offsetIndex), offsets.isMissing ? .missing : .malformed) }
        if !areTimesSound { noteRepair(files.path(.timeIndex), times.isMissing ? .missing : .malformed) }
        if areOffsetsSound, areTimesSound {
            let largest = times.last.map { entry in entry.withUnsafeBytes { TimeIndexEntry($0, at: 0).timestamp } }
            return SealedSegment(
                files: files,
                size: size,
                largestTimestamp: largest ?? -1,
                aborted: aborted,
                lastWriteMs: now
            )
        }
        var index = SegmentIndex()
        let interval = configuration.indexIntervalBytes
        let walked = try Self.walk(files, size: size) { batch, position in
            index.add(batch.header, position: position, base: base, interval: interval)
        }
        report.bytesRead += walked.bytesRead
        index.seal()
        try attempt { () throws(FileError) in
            try files.writeIndexes(index, aborted)
            try fileSystem.synchronizeDirectory(directory)
        }
        report.segmentsScanned += 1
        return SealedSegment(
            files: files,
            size: size,
            largestTimestamp: index.maxTimestamp,
            aborted: aborted,
            lastWriteMs: now
        )
    }

    /// How an index file ends.
    private struct IndexTail {
        var isMissing = false
        var isTorn = false
        /// The last entry and the one before it, as far as there are so many.
        var last: ArraySlice<UInt8>?
        var lastButOne: ArraySlice<UInt8>?

        /// Whether the file can be what it should be, judged by its last entry and the one before it.
        func isSound<Entry: IndexEntry>(_ check: (Entry, Entry?) -> Bool) -> Bool {
            guard !isMissing, !isTorn else { return false }
            guard let last = last?.withUnsafeBytes({ Entry($0, at: 0) }) else { return true }
            return check(last, lastButOne?.withUnsafeBytes { Entry($0, at: 0) })
        }
    }

    private func tail(
        of kind: SegmentFileKind,
        _ files: SegmentFiles,
        entrySize: Int
    ) throws(LogError) -> IndexTail {
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(files.path(kind), .readOnly)
        } catch {
            guard error.reason == .notFound else { throw .file(error) }
            return IndexTail(isMissing: true)
        }
        defer { file.close() }
        return try attempt { () throws(FileError) in
            let size = try file.size()
            guard size.isMultiple(of: Int64(entrySize)) else { return IndexTail(isTorn: true) }
            guard size > 0 else { return IndexTail() }
            let wanted = Int(min(size, Int64(2 * entrySize)))
            var writer = ByteWriter(capacity: wanted)
            try writer.appendUnsafe(maximum: wanted) { (memory) throws(FileError) in
                try file.read(into: memory, at: size - Int64(wanted))
            }
            guard writer.count == wanted else { return IndexTail(isTorn: true) }
            let bytes = writer.array
            return IndexTail(
                last: bytes.suffix(entrySize),
                lastButOne: wanted > entrySize ? bytes.prefix(entrySize) : nil
            )
        }
    }

    /// The last segment of a log that was closed in order: its indexes hold, and only what the last entry leaves is read.
    mutating func openActive(
        _ base: Int64,
        aborted: [AbortedTransaction]
    ) throws(LogError) -> (ActiveSegment, end: Int64) {
        let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
        let log = try attempt { () throws(FileError) in try files.log() }
        var active = ActiveSegment(files: files, log: log)
        active.aborted = aborted
        active.size = try attempt { () throws(FileError) in try log.size() }
        active.index = try readIndex(files, size: active.size)
        let walked: (end: Int64, bytesRead: Int64)
        do throws(LogError) {
            walked = try follow(&active)
        } catch {
            // The index may have led astray: it has no checksum of its own.
            guard !active.index.offsets.isEmpty, case .corruptBatch = error else { throw error }
            active.index = SegmentIndex()
            noteRepair(files.path(.offsetIndex), .malformed)
            walked = try follow(&active)
        }
        active.firstTimestamp = try firstTimestamp(log, size: active.size)
        report.bytesRead += walked.bytesRead
        return (active, walked.end)
    }

    /// Reads the batches from the index's last entry on, and adds them to it.
    private func follow(_ active: inout ActiveSegment) throws(LogError) -> (end: Int64, bytesRead: Int64) {
        let interval = configuration.indexIntervalBytes
        let base = active.baseOffset
        var index = active.index
        var isIndexed = !index.offsets.isEmpty
        let walked = try Self.walk(
            active.files,
            size: active.size,
            position: Int64(index.offsets.last?.position ?? 0)
        ) { batch, position in
            if isIndexed {
                index.resume(at: batch.header, base: base)
            } else {
                index.add(batch.header, position: position, base: base, interval: interval)
            }
            isIndexed = false
        }
        active.index = index
        return (walked.end, walked.bytesRead)
    }

    private func firstTimestamp(_ log: any File, size: Int64) throws(LogError) -> Int64? {
        guard size >= Int64(RecordBatchHeader.size) else { return nil }
        var writer = ByteWriter(capacity: RecordBatchHeader.size)
        try attempt { () throws(FileError) in
            try writer.appendUnsafe(maximum: RecordBatchHeader.size) { (memory) throws(FileError) in
                try log.read(into: memory, at: 0)
            }
        }
        return (try? RecordBatchHeader(reading: writer.bytes))?.maxTimestamp
    }

    /// The indexes of the active segment, or empty ones if they are missing or make no sense.
    private mutating func readIndex(_ files: SegmentFiles, size: Int64) throws(LogError) -> SegmentIndex {
        var entries: [OffsetIndexEntry] = []
        var times: [TimeIndexEntry] = []
        for kind in [SegmentFileKind.offsetIndex, .timeIndex] {
            let bytes = try attempt { () throws(FileError) in try WholeFile.read(files.path(kind), fileSystem) }
            guard let bytes else {
                // An empty segment that was just begun has none.
                if size > 0 { noteRepair(files.path(kind), .missing) }
                return SegmentIndex()
            }
            let isSound: Bool
            if kind == .offsetIndex {
                entries = Self.decode(bytes, OffsetIndexEntry.size) { OffsetIndexEntry($0, at: $1) }
                isSound =
                    entries.count * OffsetIndexEntry.size == bytes.count
                    && zip(entries, entries.dropFirst()).allSatisfy {
                        $0.relativeOffset < $1.relativeOffset && $0.position < $1.position
                    }
                    && entries.first.map { $0.relativeOffset >= 0 && $0.position > 0 } ?? true
                    && Int64(entries.last?.position ?? -1) < size
            } else {
                times = Self.decode(bytes, TimeIndexEntry.size) { TimeIndexEntry($0, at: $1) }
                isSound =
                    times.count * TimeIndexEntry.size == bytes.count
                    && zip(times, times.dropFirst()).allSatisfy {
                        $0.timestamp < $1.timestamp && $0.relativeOffset <= $1.relativeOffset
                    }
                    && times.first.map { $0.timestamp >= 0 && $0.relativeOffset >= 0 } ?? true
            }
            guard isSound else {
                noteRepair(files.path(kind), .malformed)
                return SegmentIndex()
            }
        }
        return SegmentIndex(offsets: entries, times: times)
    }

    private static func decode<Entry>(
        _ bytes: [UInt8],
        _ size: Int,
        _ entry: (UnsafeRawBufferPointer, Int) -> Entry
    ) -> [Entry] {
        bytes.withUnsafeBytes { buffer in
            (0..<buffer.count / size).map { entry(buffer, $0 * size) }
        }
    }

    /// Reads and checks every segment from `start` on. A defect before the offset `errorBefore` is an error, one after
    /// it the end of the log.
    mutating func scan(
        _ segments: [Int64],
        from start: Int,
        errorBefore limit: Int64
    ) throws(LogError) -> (ActiveSegment, end: Int64) {
        var end = segments[start]
        var index = start
        while true {
            let base = segments[index]
            let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
            let log = try attempt { () throws(FileError) in try files.log() }
            guard base >= end else {
                throw .corruptBatch(file: files.path(.log), offset: end, position: 0, reason: .offsetTooSmall(base))
            }
            var active = ActiveSegment(files: files, log: log)
            let fileSize = try attempt { () throws(FileError) in try log.size() }
            let isWhole = try replay(into: &active, fileSize: fileSize, errorBefore: limit, end: &end)
            report.segmentsScanned += 1
            if !isWhole {
                try cut(after: active, fileSize: fileSize, later: segments[(index + 1)...])
            }
            try attempt { () throws(FileError) in
                try log.synchronize()
                for kind in [SegmentFileKind.offsetIndex, .timeIndex, .transactionIndex] {
                    try fileSystem.removeFile(files.path(kind))
                }
            }
            if !isWhole || index == segments.count - 1 {
                try attempt { () throws(FileError) in try fileSystem.synchronizeDirectory(directory) }
                return (active, end)
            }
            active.index.seal()
            let (sealedIndex, aborted) = (active.index, active.aborted)
            try attempt { () throws(FileError) in try files.writeIndexes(sealedIndex, aborted) }
            noteRepair(files.path(.offsetIndex), .uncleanStop)
            sealed.append(
                SealedSegment(
                    files: files,
                    size: active.size,
                    largestTimestamp: sealedIndex.maxTimestamp,
                    aborted: aborted,
                    lastWriteMs: now
                )
            )
            files.close()
            index += 1
        }
    }

    /// Takes over a segment's batches; false if it has a defect, which the report then names.
    private mutating func replay(
        into active: inout ActiveSegment,
        fileSize: Int64,
        errorBefore limit: Int64,
        end: inout Int64
    ) throws(LogError) -> Bool {
        let base = active.baseOffset
        end = base
        var scanner = SegmentScanner(
            active.log,
            baseOffset: base,
            from: 0,
            size: fileSize,
            nextOffset: base,
            verifyingChecksums: !configuration.deliberateFaults.contains(.skipChecksums)
        )
        defer { report.bytesRead += scanner.bytesRead }
        do throws(SegmentScanError) {
            var isDone = false
            while !isDone {
                let found: Void? = try scanner.next { (batch, position) throws(SegmentScanError) in
                    try follow(batch, into: &active.aborted)
                    let interval = configuration.indexIntervalBytes
                    active.index.add(batch.header, position: position, base: base, interval: interval)
                    if active.firstTimestamp == nil { active.firstTimestamp = batch.header.maxTimestamp }
                }
                isDone = found == nil
                active.size = scanner.position
                end = scanner.nextOffset
            }
            return true
        } catch {
            switch error {
            case .file(let failure): throw .file(failure)
            case .defect(let reason):
                let file = active.files.path(.log)
                guard end >= limit else {
                    throw .corruptBatch(file: file, offset: end, position: active.size, reason: reason)
                }
                report.truncation = RecoveryReport.Truncation(
                    file: file,
                    position: active.size,
                    offset: end,
                    bytesRemoved: fileSize - active.size,
                    reason: reason
                )
                return false
            }
        }
    }

    /// Takes a batch's producer and epoch into account.
    mutating func follow(
        _ batch: RecordBatch,
        into aborted: inout [AbortedTransaction]
    ) throws(SegmentScanError) {
        let marker: EndTransactionMarker?
        do throws(RecordFormatError) {
            marker = try batch.endTransactionMarker()
        } catch {
            throw .defect(.format(error))
        }
        if let completed = producers.replay(batch.header, marker: marker, now: now), completed.isAborted {
            aborted.append(
                AbortedTransaction(
                    producerId: completed.producerId,
                    firstOffset: completed.firstOffset,
                    lastOffset: completed.lastOffset,
                    lastStableOffset: producers.lastStableOffset(after: completed)
                )
            )
        }
        if epochs.assign(batch.header.leaderEpoch, startOffset: batch.header.baseOffset) { epochsHaveChanged = true }
    }

    /// Cuts the log after the last whole batch. Later segments go first, durably: were the defect gone before them, a
    /// crash would leave a log with a hole.
    private mutating func cut(
        after active: ActiveSegment,
        fileSize: Int64,
        later: ArraySlice<Int64>
    ) throws(LogError) {
        for base in later.reversed() {
            let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
            try attempt { () throws(FileError) in
                try files.remove()
                try fileSystem.removeFile(files.path(.snapshot))
            }
            report.removedSegments.append(files.path(.log))
        }
        try attempt { () throws(FileError) in
            try fileSystem.synchronizeDirectory(directory)
            try active.log.truncate(to: active.size)
        }
    }

    /// Calls `body` with every batch of a segment from `position` on. Any defect is an error.
    static func walk(
        _ files: SegmentFiles,
        size: Int64,
        position: Int64 = 0,
        _ body: (RecordBatch, Int64) throws(SegmentScanError) -> Void
    ) throws(LogError) -> (end: Int64, bytesRead: Int64) {
        var scanner: SegmentScanner
        do throws(FileError) {
            scanner = SegmentScanner(
                try files.log(),
                baseOffset: files.baseOffset,
                from: position,
                size: size,
                nextOffset: files.baseOffset
            )
        } catch {
            throw .file(error)
        }
        do throws(SegmentScanError) {
            while try scanner.next(body) != nil {}
            return (scanner.nextOffset, scanner.bytesRead)
        } catch {
            switch error {
            case .file(let failure): throw .file(failure)
            case .defect(let reason):
                throw .corruptBatch(
                    file: files.path(.log),
                    offset: scanner.nextOffset,
                    position: scanner.position,
                    reason: reason
                )
            }
        }
    }
}
