import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat

/// Why a scan ended before the file did.
enum SegmentScanError: Error {
    case file(FileError)
    /// The batch at the scanner's position cannot be used.
    case defect(BatchDefect)
}

/// Reads a segment's batches one after the other, from the file in large pieces, checking each.
struct SegmentScanner: ~Copyable {
    private static let pieceSize = 1 << 20

    private let file: any File
    private let baseOffset: Int64
    private let size: Int64
    private let verifiesChecksums: Bool
    /// The bytes of the file from `bufferStart` on.
    private var buffer: ByteWriter
    private var bufferStart: Int64

    /// Where the next batch begins.
    private(set) var position: Int64
    /// The least offset that the next batch may have.
    private(set) var nextOffset: Int64
    private(set) var bytesRead: Int64 = 0

    /// - Parameters:
    ///   - size: where the file ends for the scan.
    ///   - nextOffset: the least offset that the first batch may have.
    init(
        _ file: any File,
        baseOffset: Int64,
        from position: Int64,
        size: Int64,
        nextOffset: Int64,
        verifyingChecksums: Bool = true
    ) {
        self.file = file
        self.baseOffset = baseOffset
        self.size = size
        self.position = position
        self.nextOffset = nextOffset
        verifiesChecksums = verifyingChecksums
        bufferStart = position
        buffer = ByteWriter(capacity: 0)
    }

    /// Calls `body` with the next batch and its position, or returns nil at the end of the file.
    mutating func next<Result>(
        _ body: (_ batch: RecordBatch, _ position: Int64) throws(SegmentScanError) -> Result
    ) throws(SegmentScanError) -> Result? {
        guard position < size else { return nil }
        try fill(RecordBatchHeader.size)
        let batchSize: Int
        do throws(RecordFormatError) {
            let header = try RecordBatchHeader(reading: bytes)
            batchSize = header.sizeInBytes
        } catch {
            throw .defect(.format(error))
        }
        try fill(batchSize)
        let batch: RecordBatch
        do throws(RecordFormatError) {
            batch = try RecordBatch(reading: bytes, verifyingChecksum: verifiesChecksums)
        } catch {
            throw .defect(.format(error))
        }
        guard batch.header.baseOffset >= nextOffset else {
            throw .defect(.offsetTooSmall(batch.header.baseOffset))
        }
        guard batch.header.lastOffset - baseOffset <= Int64(Int32.max) else {
            throw .defect(.offsetTooLarge(batch.header.baseOffset))
        }
        let result = try body(batch, position)
        position += Int64(batchSize)
        nextOffset = batch.header.nextOffset
        return result
    }

    /// What is buffered from `position` on.
    private var bytes: UnsafeRawBufferPointer {
        buffer.bytes(Int(position - bufferStart)..<buffer.count)
    }

    /// Sees to it that `needed` bytes from `position` on are buffered.
    private mutating func fill(_ needed: Int) throws(SegmentScanError) {
        let available = buffer.count - Int(position - bufferStart)
        guard available < needed else { return }
        guard Int64(needed) <= size - position else {
            throw .defect(.incomplete(needed: needed, available: Int(size - position)))
        }
        buffer.removeAll()
        bufferStart = position
        let wanted = Int(min(Int64(max(needed, Self.pieceSize)), size - position))
        do throws(FileError) {
            try buffer.appendUnsafe(maximum: wanted) { (memory) throws(FileError) in
                try file.read(into: memory, at: position)
            }
        } catch {
            throw .file(error)
        }
        bytesRead += Int64(buffer.count)
        guard buffer.count >= needed else {
            throw .defect(.incomplete(needed: needed, available: buffer.count))
        }
    }
}

extension RecordBatch {
    /// The marker in a control batch; nil if the batch holds none.
    func endTransactionMarker() throws(RecordFormatError) -> EndTransactionMarker? {
        guard header.attributes.isControl, header.recordCount > 0 else { return nil }
        var cursor = RecordCursor(header, records: recordBytes)
        guard let record = try cursor.next() else { return nil }
        return try EndTransactionMarker(record)
    }
}
