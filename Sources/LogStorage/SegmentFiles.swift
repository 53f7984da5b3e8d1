import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

/// The kinds of files that a segment has, by Kafka's names (LE-10).
enum SegmentFileKind: String, CaseIterable, Sendable {
    case log
    case offsetIndex = "index"
    case timeIndex = "timeindex"
    case transactionIndex = "txnindex"
    case snapshot

    /// `<20-digit base offset>.<kind>`.
    func fileName(_ baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + "." + rawValue
    }

    /// The base offset and kind in a file's name; nil if it is no such name.
    static func parse(_ name: String) -> (baseOffset: Int64, kind: SegmentFileKind)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 20, parts[0].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
            let offset = Int64(parts[0]), let kind = SegmentFileKind(rawValue: String(parts[1]))
        else { return nil }
        return (offset, kind)
    }
}

/// What a segment's files end with while compaction replaces some segments by one (LE-85).
enum SegmentFileSuffix: String, Sendable {
    case none = ""
    /// They are being written; a crash leaves them to be removed.
    case cleaned = ".cleaned"
    /// They are whole: the replacement will happen, whatever comes between.
    case swap = ".swap"
}

/// The files of one segment. The `.log` is opened when it is first needed and stays open; indexes are opened for a
/// look-up and closed again, so that a log of many segments holds few descriptors.
///
/// Shared by the log and by readers that look something up outside of its lock; the descriptor has a lock of its own.
final class SegmentFiles: Sendable {
    let baseOffset: Int64
    let directory: FilePath
    let fileSystem: any FileSystem
    private let handle: Mutex<(any File)?>
    private let suffix: Mutex<SegmentFileSuffix>

    init(
        baseOffset: Int64,
        directory: FilePath,
        fileSystem: any FileSystem,
        log: (any File)? = nil,
        suffix: SegmentFileSuffix = .none
    ) {
        self.baseOffset = baseOffset
        self.directory = directory
        self.fileSystem = fileSystem
        handle = Mutex(log)
        self.suffix = Mutex(suffix)
    }

    /// Where a file of the segment is now.
    func path(_ kind: SegmentFileKind) -> FilePath {
        path(kind, suffix.withLock { $0 })
    }

    func path(_ kind: SegmentFileKind, _ suffix: SegmentFileSuffix) -> FilePath {
        FilePath("\(directory.string)/\(kind.fileName(baseOffset))\(suffix.rawValue)")
    }

    /// Takes note that the segment's files were renamed.
    func setSuffix(_ new: SegmentFileSuffix) {
        suffix.withLock { $0 = new }
    }

    /// The open `.log`.
    func log() throws(FileError) -> any File {
        try handle.withLock { (handle) throws(FileError) -> any File in
            if let handle { return handle }
            let opened = try fileSystem.open(path(.log), .readWrite)
            handle = opened
            return opened
        }
    }

    /// Closes the `.log`; it is opened again when needed.
    func close() {
        handle.withLock { handle in
            handle?.close()
            handle = nil
        }
    }

    /// Removes the segment's files. The log goes first and alone makes the segment one: what a crash leaves of the rest
    /// is swept up when the log is opened.
    func remove() throws(FileError) {
        for kind in SegmentFileKind.allCases where kind != .snapshot { try fileSystem.removeFile(path(kind)) }
        close()
    }

    /// Where to start looking for an offset, by the index on disk. Only a hint: 0, the beginning, if there is no index
    /// or it cannot be right.
    func indexedPosition(of relativeOffset: Int32) throws(FileError) -> Int32 {
        let found = try lastEntry(in: .offsetIndex, size: OffsetIndexEntry.size) { bytes in
            OffsetIndexEntry(bytes, at: 0).relativeOffset <= relativeOffset
        }
        guard let found else { return 0 }
        let position = found.withUnsafeBytes { OffsetIndexEntry($0, at: 0).position }
        return max(position, 0)
    }

    /// From which relative offset on a record with this timestamp or a later one can stand, by the index on disk.
    func indexedOffset(forTimestamp timestamp: Int64) throws(FileError) -> Int32 {
        let found = try lastEntry(in: .timeIndex, size: TimeIndexEntry.size) { bytes in
            TimeIndexEntry(bytes, at: 0).timestamp < timestamp
        }
        return found.map { entry in entry.withUnsafeBytes { TimeIndexEntry($0, at: 0).relativeOffset } } ?? 0
    }

    /// The last entry of a sorted index for which `precedes` holds, by binary search in the file.
    private func lastEntry(
        in kind: SegmentFileKind,
        size: Int,
        where precedes: (UnsafeRawBufferPointer) -> Bool
    ) throws(FileError) -> [UInt8]? {
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(path(kind), .readOnly)
        } catch {
            if error.reason == .notFound { return nil }
            throw error
        }
        defer { file.close() }
        var low: Int64 = 0
        var high = try file.size() / Int64(size)
        var entry = [UInt8](repeating: 0, count: size)
        var best: [UInt8]?
        while low < high {
            let middle = low + (high - low) / 2
            try Self.read(file, into: &entry, at: middle * Int64(size))
            if entry.withUnsafeBytes(precedes) {
                best = entry
                low = middle + 1
            } else {
                high = middle
            }
        }
        return best
    }

    /// How many entries an index has on disk; 0 if there is none.
    func entryCount(in kind: SegmentFileKind, size: Int) throws(FileError) -> Int64 {
        do throws(FileError) {
            let file = try fileSystem.open(path(kind), .readOnly)
            defer { file.close() }
            return try file.size() / Int64(size)
        } catch {
            if error.reason == .notFound { return 0 }
            throw error
        }
    }

    private static func read(_ file: any File, into bytes: inout [UInt8], at offset: Int64) throws(FileError) {
        var failure: FileError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FileError) {
                _ = try file.read(into: buffer, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// The aborted transactions in the index on disk; none if there is no such file. Nil if it is damaged.
    func abortedTransactions() throws(FileError) -> [AbortedTransaction]? {
        guard let bytes = try WholeFile.read(path(.transactionIndex), fileSystem) else { return [] }
        return bytes.withUnsafeBytes { AbortedTransaction.decode($0) }
    }

    /// Writes the indexes and makes their contents durable; their names become durable with the directory's.
    ///
    /// - Parameter keepsEmpty: whether a transaction index without entries is a file all the same: it may have to take
    ///   the place of another.
    func writeIndexes(
        _ index: SegmentIndex,
        _ aborted: [AbortedTransaction],
        keepsEmpty: Bool = false
    ) throws(FileError) {
        var writer = ByteWriter(capacity: index.offsets.count * OffsetIndexEntry.size)
        for entry in index.offsets { entry.write(to: &writer) }
        try WholeFile.write(writer.array, to: path(.offsetIndex), fileSystem)
        writer.removeAll()
        for entry in index.times { entry.write(to: &writer) }
        try WholeFile.write(writer.array, to: path(.timeIndex), fileSystem)
        guard !aborted.isEmpty || keepsEmpty else {
            try fileSystem.removeFile(path(.transactionIndex))
            return
        }
        writer.removeAll()
        for entry in aborted { entry.write(to: &writer) }
        try WholeFile.write(writer.array, to: path(.transactionIndex), fileSystem)
    }
}

/// A segment that takes no more batches.
struct SealedSegment: Sendable {
    let files: SegmentFiles
    /// The size of the `.log` in bytes.
    var size: Int64
    /// The greatest timestamp; -1 for none.
    var largestTimestamp: Int64
    /// What its transaction index holds.
    var aborted: [AbortedTransaction]
    /// When, by the broker's clock, it took its last batch at the latest: what its age is counted from if its records
    /// have no timestamps.
    var lastWriteMs: Int64

    var baseOffset: Int64 { files.baseOffset }
}

/// The segment at the end of the log, which takes the batches.
struct ActiveSegment: Sendable {
    let files: SegmentFiles
    let log: any File
    /// Up to where the `.log` holds batches, in bytes.
    var size: Int64 = 0
    var index = SegmentIndex()
    /// The transactions whose abort markers stand in this segment.
    var aborted: [AbortedTransaction] = []
    /// The first batch's timestamp, which `segment.ms` counts from when a batch comes.
    var firstTimestamp: Int64?
    /// When, by the broker's clock, the first batch came (or the log was opened with it), which `segment.ms` counts from
    /// while none comes; nil for an empty segment.
    var firstWriteMs: Int64?
    /// When the last batch came, by the same clock.
    var lastWriteMs: Int64?
    /// Whether bytes of a failed write may stand after `size`.
    var hasTornTail = false

    var baseOffset: Int64 { files.baseOffset }

    func relative(_ offset: Int64) -> Int32 {
        precondition(
            offset >= baseOffset && offset - baseOffset <= Int64(Int32.max),
            "an offset belongs to its segment"
        )
        return Int32(offset - baseOffset)
    }
}
