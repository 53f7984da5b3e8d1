import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// Reads all that a partition's directory holds and compares it with itself: batches with their checksums, records with
/// their batches, indexes and snapshots with the batches. Changes nothing, and works beside the log's owner.
package struct PartitionCheck: ~Copyable {
    private let directory: FilePath
    private let fileSystem: any FileSystem
    private let recoveryPoint: Int64
    private let wasClean: Bool

    /// What was found, in the order of the files.
    package private(set) var findings: [Finding] = []
    package private(set) var segments = 0
    package private(set) var batches = 0
    package private(set) var records = 0
    package private(set) var bytes: Int64 = 0
    /// The offset of the first record that is there, and the one after the last.
    package private(set) var offsets: Range<Int64> = 0..<0
    /// The transactions that no marker has ended.
    package var openTransactions: [OpenTransaction] { producers.openTransactions }

    private var producers = ProducerTable()
    /// Whether all that is known of the producers comes from batches that were read or a snapshot before them.
    private var knowsProducers = true
    /// Whether every segment was read to its end, so that the log's end is known.
    private var isWhole = true
    private var decompressor = Decompressor()

    /// - Parameters:
    ///   - recoveryPoint: up to where the log is known to be on disk.
    ///   - wasClean: whether the directory was closed in order, so that indexes must be complete.
    package init(
        of directory: FilePath,
        in fileSystem: any FileSystem,
        recoveryPoint: Int64,
        wasClean: Bool
    ) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.recoveryPoint = recoveryPoint
        self.wasClean = wasClean
    }

    /// Reads everything. May be called once.
    ///
    /// - Throws: `FileError` if a file cannot be read. Files that vanish meanwhile are passed over: an application that
    ///   runs has removed them.
    package mutating func run() throws(FileError) {
        var logs: [(baseOffset: Int64, size: Int64)] = []
        var others: [(name: String, content: LogInspection.Content)] = []
        for entry in try fileSystem.contents(of: directory) {
            guard entry.kind == .file, let content = LogInspection.content(ofFile: entry.name) else {
                noteForeign(entry.name)
                continue
            }
            if case .log(let baseOffset) = content {
                guard let size = try size(of: directory.appending(entry.name)) else { continue }
                logs.append((baseOffset, size))
            } else {
                others.append((entry.name, content))
            }
        }
        logs.sort { $0.baseOffset < $1.baseOffset }
        if let first = logs.first { try begin(at: first.baseOffset) }
        for (index, log) in logs.enumerated() {
            let next = index + 1 < logs.count ? logs[index + 1].baseOffset : nil
            try checkSegment(log.baseOffset, size: log.size, next: next)
        }
        if logs.isEmpty {
            add(.repairable, directory, "it holds no segment", advice: "opening it makes an empty one")
        }
        if offsets.upperBound < recoveryPoint, isWhole {
            add(
                .damage,
                directory,
                "the log ends at \(offsets.upperBound), but was known to be on disk up to \(recoveryPoint)",
                advice: "restore the directory from a copy; or, to go on with what is left, remove its line from "
                    + OffsetCheckpointFile.recoveryPoint
            )
        }
        for other in others { try checkSideFile(other.name, other.content) }
    }

    private mutating func noteForeign(_ name: String) {
        let path = directory.appending(name)
        if [".swap", ".cleaned", ".deleted", ".tmp"].contains(where: name.hasSuffix) {
            add(.notice, path, "it belongs to a replacement that is under way or was interrupted", advice: "nothing")
        } else {
            add(.notice, path, "it is none of the log's files", advice: "move it elsewhere if it is not yours")
        }
    }

    /// Takes over what was known of the producers before the first segment.
    private mutating func begin(at baseOffset: Int64) throws(FileError) {
        offsets = baseOffset..<baseOffset
        guard baseOffset > 0 else { return }
        let path = directory.appending(SegmentFileKind.snapshot.fileName(baseOffset))
        let states = try WholeFile.read(path, fileSystem)?.withUnsafeBytes { ProducerSnapshot.decode($0) }
        if let states { producers = ProducerTable(states) } else { knowsProducers = false }
    }

    // Segments

    /// What the batches of one segment say, to compare its indexes with.
    private struct Segment {
        var baseOffset: Int64
        /// Where each batch begins, by its last offset.
        var positions: [Int64: Int64] = [:]
        /// The last offset of each batch, and the greatest timestamp up to and including it; both only grow.
        var timestamps: [(lastOffset: Int64, greatest: Int64)] = []
        var maxTimestamp: Int64 = -1
        /// The aborted transactions whose markers stand here.
        var aborted: [CompletedTransaction] = []
        var isWhole = true
        var isLast: Bool
    }

    private mutating func checkSegment(_ baseOffset: Int64, size: Int64, next: Int64?) throws(FileError) {
        let path = directory.appending(SegmentFileKind.log.fileName(baseOffset))
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(path, .readOnly)
        } catch {
            guard error.reason == .notFound else { throw error }
            return
        }
        defer { file.close() }
        segments += 1
        bytes += size
        var segment = Segment(baseOffset: baseOffset, isLast: next == nil)
        var problems: [String] = []
        let expected = max(baseOffset, offsets.upperBound)
        let (damage, end) = try LogInspection.walk(file, baseOffset: baseOffset, size: size, nextOffset: expected) {
            batch,
            position in
            if let problem = check(batch, at: position, &segment) { problems.append(problem) }
            return true
        }
        for problem in problems {
            add(
                .damage,
                path,
                problem,
                advice: "restore the file from a copy; the batch's checksum is right, so that it was written like this"
            )
        }
        offsets = offsets.lowerBound..<max(end, offsets.upperBound)
        if let damage {
            segment.isWhole = false
            isWhole = false
            note(damage, in: path, size: size, isLast: next == nil)
        } else if let next, end > next {
            add(
                .damage,
                path,
                "it goes up to offset \(end), but the next segment begins at \(next)",
                advice: "restore the directory from a copy"
            )
        }
        try checkOffsetIndex(segment)
        try checkTimeIndex(segment)
        try checkTransactionIndex(segment)
    }

    private mutating func note(_ damage: LogInspection.Damage, in path: FilePath, size: Int64, isLast: Bool) {
        let place = "damaged at byte \(damage.position), where offset \(damage.offset) was expected: \(damage.reason)"
        if !wasClean, damage.offset >= recoveryPoint {
            add(
                isLast ? .repairable : .damage,
                path,
                "\(place); nothing from there on was known to be on disk",
                advice: "opening the directory cuts the \(size - damage.position) bytes from there on"
                    + (isLast ? "" : ", and every later segment; make a copy first")
            )
        } else {
            add(
                .damage,
                path,
                place,
                advice: "restore the file from a copy, or truncate the log to offset \(damage.offset) and lose what "
                    + "follows"
            )
        }
    }

    /// Looks at a batch whose checksum is right; returns what is wrong with its records.
    private mutating func check(_ batch: RecordBatch, at position: Int64, _ segment: inout Segment) -> String? {
        let header = batch.header
        batches += 1
        records += Int(header.recordCount)
        segment.positions[header.lastOffset] = position
        segment.maxTimestamp = max(segment.maxTimestamp, header.maxTimestamp)
        segment.timestamps.append((header.lastOffset, segment.maxTimestamp))
        do throws(RecordFormatError) {
            let marker = try LogInspection.marker(of: batch)
            let completed = producers.replay(header, marker: marker, now: header.maxTimestamp)
            if let completed, completed.isAborted { segment.aborted.append(completed) }
            let walked = try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) -> String? in
                var cursor = RecordCursor(header, records: records)
                var last = header.baseOffset - 1
                while let record = try cursor.next() {
                    if record.offset <= last { return "the records of the batch are out of order" }
                    last = record.offset
                }
                try cursor.finish()
                return nil
            }
            return walked.map { "the batch at byte \(position), offset \(header.baseOffset): \($0)" }
        } catch {
            return "the batch at byte \(position), offset \(header.baseOffset): \(error)"
        }
    }

    // Indexes

    private static let rebuild =
        "remove \(CleanShutdownFile.name) and the partition's line in \(OffsetCheckpointFile.recoveryPoint); the next "
        + "opening reads the log and builds it again"

    private mutating func checkOffsetIndex(_ segment: Segment) throws(FileError) {
        let path = directory.appending(SegmentFileKind.offsetIndex.fileName(segment.baseOffset))
        guard let bytes = try readIndex(path, segment) else { return }
        guard let entries = LogInspection.offsetIndex(bytes, baseOffset: segment.baseOffset) else {
            addIndexProblem(path, segment, "its size is not a whole number of entries")
            return
        }
        var previous: Int64 = -1
        for entry in entries where segment.isWhole {
            // An index of no entry, preallocated by a broker that was killed.
            if entry.position == 0, entry.offset == segment.baseOffset, entries.count == 1 { return }
            guard entry.offset > previous else {
                return addIndexProblem(path, segment, "its entries do not ascend at offset \(entry.offset)")
            }
            previous = entry.offset
            guard segment.positions[entry.offset] == entry.position else {
                return addIndexProblem(
                    path,
                    segment,
                    "it says that the batch with last offset \(entry.offset) begins at byte \(entry.position), which "
                        + "it does not"
                )
            }
        }
    }

    private mutating func checkTimeIndex(_ segment: Segment) throws(FileError) {
        let path = directory.appending(SegmentFileKind.timeIndex.fileName(segment.baseOffset))
        guard let bytes = try readIndex(path, segment) else { return }
        guard let entries = LogInspection.timeIndex(bytes, baseOffset: segment.baseOffset) else {
            addIndexProblem(path, segment, "its size is not a whole number of entries")
            return
        }
        var previous: Int64 = -1
        for entry in entries where segment.isWhole {
            if entry.timestamp == 0, entry.offset == segment.baseOffset, entries.count == 1 { return }
            guard entry.timestamp > previous || segment.maxTimestamp < 0 else {
                return addIndexProblem(path, segment, "its entries do not ascend at offset \(entry.offset)")
            }
            previous = entry.timestamp
            let covered = segment.timestamps.partitioningIndex { $0.lastOffset > entry.offset }
            if covered > 0, segment.timestamps[covered - 1].greatest > entry.timestamp {
                return addIndexProblem(
                    path,
                    segment,
                    "it says that no record up to offset \(entry.offset) is later than \(entry.timestamp), but one of "
                        + "\(segment.timestamps[covered - 1].greatest) is"
                )
            }
        }
    }

    private mutating func checkTransactionIndex(_ segment: Segment) throws(FileError) {
        let path = directory.appending(SegmentFileKind.transactionIndex.fileName(segment.baseOffset))
        let bytes = try WholeFile.read(path, fileSystem)
        guard let entries = LogInspection.transactionIndex(bytes ?? []) else {
            addIndexProblem(path, segment, "it is not a transaction index")
            return
        }
        guard segment.isWhole, knowsProducers, wasClean || !segment.isLast else { return }
        let known = Set(entries.map(\.lastOffset))
        if let missing = segment.aborted.first(where: { !known.contains($0.lastOffset) }) {
            add(
                .damage,
                path,
                "the aborted transaction of producer \(missing.producerId) at offsets \(missing.firstOffset) to "
                    + "\(missing.lastOffset) is not in it, so that readers of committed data see its records",
                advice: Self.rebuild
            )
        }
    }

    /// An index's bytes; nil if there is none, which is as it should be for a segment that is being written.
    private mutating func readIndex(_ path: FilePath, _ segment: Segment) throws(FileError) -> [UInt8]? {
        if let bytes = try WholeFile.read(path, fileSystem) { return bytes }
        if wasClean || !segment.isLast {
            addIndexProblem(path, segment, "it is missing")
        }
        return nil
    }

    private mutating func addIndexProblem(_ path: FilePath, _ segment: Segment, _ problem: String) {
        // What follows the recovery point is scanned after an unclean stop, and its indexes are built again.
        let isRebuilt = !wasClean && (segment.isLast || segment.baseOffset >= recoveryPoint)
        add(
            .repairable,
            path,
            problem,
            advice: isRebuilt ? "opening the directory builds it again" : Self.rebuild
        )
    }

    // Other files

    private mutating func checkSideFile(_ name: String, _ content: LogInspection.Content) throws(FileError) {
        let path = directory.appending(name)
        guard let bytes = try WholeFile.read(path, fileSystem) else { return }
        switch content {
        case .snapshot(let offset):
            if LogInspection.snapshot(bytes) == nil {
                add(
                    .repairable,
                    path,
                    "it is not a snapshot of producer states",
                    advice: "opening the directory removes it and reads the log instead"
                )
            } else if offset > offsets.upperBound, isWhole {
                add(
                    .repairable,
                    path,
                    "it is of offset \(offset), but the log ends at \(offsets.upperBound)",
                    advice: "opening the directory removes it"
                )
            }
        case .leaderEpochs:
            if LogInspection.leaderEpochs(bytes) == nil {
                add(.repairable, path, "it is not a list of leader epochs", advice: "opening the directory replaces it")
            }
        case .partitionMetadata:
            if PartitionMetadata(decoding: bytes) == nil {
                add(.repairable, path, "it holds no topic id", advice: "opening the directory replaces it")
            }
        case .offsetIndex(let base), .timeIndex(let base), .transactionIndex(let base):
            if try fileSystem.kind(of: directory.appending(SegmentFileKind.log.fileName(base))) == nil {
                add(.repairable, path, "its segment is not there", advice: "opening the directory removes it")
            }
        case .log: break
        }
    }

    private func size(of path: FilePath) throws(FileError) -> Int64? {
        do throws(FileError) {
            let file = try fileSystem.open(path, .readOnly)
            defer { file.close() }
            return try file.size()
        } catch {
            if error.reason == .notFound { return nil }
            throw error
        }
    }

    private mutating func add(
        _ severity: Finding.Severity,
        _ path: FilePath,
        _ problem: String,
        advice: String
    ) {
        findings.append(Finding(severity, path, problem, advice: advice))
    }
}
