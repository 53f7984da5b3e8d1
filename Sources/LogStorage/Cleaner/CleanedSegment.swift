import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// The segment that compaction writes: batch after batch into `.cleaned` files, with new indexes.
struct CleanedSegment: ~Copyable {
    private static let pieceSize = 1 << 20

    let files: SegmentFiles
    private let log: any File
    private let indexIntervalBytes: Int
    private var buffer = ByteWriter(capacity: pieceSize)
    private var index = SegmentIndex()
    /// The bytes so far, those in `buffer` included.
    private(set) var size: Int64 = 0

    /// Begins the files of a segment that is to begin at `baseOffset`.
    init(
        baseOffset: Int64,
        directory: FilePath,
        fileSystem: any FileSystem,
        indexIntervalBytes: Int
    ) throws(FileError) {
        let path = directory.appending(SegmentFileKind.log.fileName(baseOffset) + SegmentFileSuffix.cleaned.rawValue)
        let log = try Self.empty(path, fileSystem)
        files = SegmentFiles(
            baseOffset: baseOffset,
            directory: directory,
            fileSystem: fileSystem,
            log: log,
            suffix: .cleaned
        )
        self.log = log
        self.indexIntervalBytes = indexIntervalBytes
    }

    /// Opens a file without contents; one of an earlier try may be there.
    private static func empty(_ path: FilePath, _ fileSystem: any FileSystem) throws(FileError) -> any File {
        let file = try fileSystem.open(path, .create)
        do throws(FileError) {
            try file.truncate(to: 0)
        } catch {
            file.close()
            throw error
        }
        return file
    }

    /// Whether a batch of so many bytes can be told by an index entry.
    func hasRoom(for batchSize: Int) -> Bool { size + Int64(batchSize) <= Int64(Int32.max) }

    mutating func append(_ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer) throws(FileError) {
        precondition(header.sizeInBytes == batch.count, "a batch is appended whole")
        index.add(header, position: size, base: files.baseOffset, interval: indexIntervalBytes)
        buffer.append(batch)
        size += Int64(batch.count)
        if buffer.count >= Self.pieceSize { try writeBuffer() }
    }

    private mutating func writeBuffer() throws(FileError) {
        guard buffer.count > 0 else { return }
        try log.write(buffer.bytes, at: size - Int64(buffer.count))
        buffer.removeAll()
    }

    /// Writes the rest and the indexes, all durable but for the names; returns the greatest timestamp, -1 for none.
    mutating func finish(_ aborted: [AbortedTransaction]) throws(FileError) -> Int64 {
        try writeBuffer()
        try log.synchronize()
        index.seal()
        try files.writeIndexes(index, aborted, keepsEmpty: true)
        return index.maxTimestamp
    }
}
