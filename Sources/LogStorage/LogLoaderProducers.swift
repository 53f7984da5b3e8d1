import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat

// Recovery's part for producers: the newest usable snapshot, and the batches since.
extension LogLoader {
    /// Brings the producers' states to what they were at `end`: from the newest usable snapshot, and the batches since.
    mutating func loadProducers(
        _ snapshots: [Int64],
        upTo end: Int64,
        segments: [Int64]
    ) throws(LogError) {
        var from = segments.first ?? end
        for offset in snapshots.reversed() where offset <= end && offset >= from {
            let file = path(.snapshot, offset)
            let bytes = try attempt { () throws(FileError) in try WholeFile.read(file, fileSystem) } ?? []
            if let states = bytes.withUnsafeBytes({ ProducerSnapshot.decode($0) }) {
                producers = ProducerTable(states)
                _ = producers.removeExpired(now: now, expirationMs: configuration.producerIdExpirationMs)
                from = offset
                break
            }
            noteRepair(file, .malformed)
            try attempt { () throws(FileError) in try fileSystem.removeFile(file) }
        }
        report.producerStateFrom = from
        guard from < end else { return }
        for (index, base) in segments.enumerated() where base < end {
            let next = index + 1 < segments.count ? segments[index + 1] : Int64.max
            guard min(next, end) > from else { continue }
            let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
            defer { files.close() }
            let before = (producers, epochs)
            var position: Int64 = 0
            if from > base {
                let relative = Int32(truncatingIfNeeded: min(from - base, Int64(Int32.max)))
                position = Int64(try attempt { () throws(FileError) in try files.indexedPosition(of: relative) })
            }
            do throws(LogError) {
                try follow(files, at: position, from: from, before: end)
            } catch {
                // The index may have been wrong rather than the batch.
                guard position > 0, case .corruptBatch = error else { throw error }
                (producers, epochs) = before
                try follow(files, at: 0, from: from, before: end)
            }
        }
    }

    /// Takes the batches of a segment with offsets in `from..<end` into account.
    private mutating func follow(
        _ files: SegmentFiles,
        at position: Int64,
        from: Int64,
        before end: Int64
    ) throws(LogError) {
        let size = try attempt { () throws(FileError) in try files.log().size() }
        // These transactions are in the indexes already.
        var aborted: [AbortedTransaction] = []
        let walked = try Self.walk(files, size: size, position: position) { (batch, _) throws(SegmentScanError) in
            if batch.header.lastOffset >= from, batch.header.baseOffset < end {
                try follow(batch, into: &aborted)
            }
        }
        report.bytesRead += walked.bytesRead
    }

    /// Removes snapshots beyond the log's end, and those that no segment begins at, but the newest.
    mutating func removeStraySnapshots(_ contents: LogDirectory, end: Int64) throws(LogError) {
        let bases = Set(contents.segments)
        let newest = contents.snapshots.last { $0 <= end }
        var hasRemoved = false
        for offset in contents.snapshots where offset > end || (offset != newest && !bases.contains(offset)) {
            let file = path(.snapshot, offset)
            try attempt { () throws(FileError) in try fileSystem.removeFile(file) }
            if offset > end { report.removedLeftovers.append(file) }
            hasRemoved = true
        }
        // One that came back after a crash would describe a log that is no more.
        if hasRemoved { try attempt { () throws(FileError) in try fileSystem.synchronizeDirectory(directory) } }
    }
}
