import MillracePrimitives

/// A whole record batch, as a view of bytes that must outlive it.
public struct RecordBatch {
    /// The checked header.
    public let header: RecordBatchHeader
    /// The batch from its base offset to its last record.
    public let bytes: UnsafeRawBufferPointer

    /// Takes the batch at the beginning of `bytes`, which may hold more after it.
    ///
    /// The header is checked, and the checksum unless the bytes are known to be right.
    public init(
        reading bytes: UnsafeRawBufferPointer,
        verifyingChecksum: Bool = true
    ) throws(RecordFormatError) {
        header = try RecordBatchHeader(reading: bytes)
        guard bytes.count >= header.sizeInBytes else {
            throw .truncated(needed: header.sizeInBytes, available: bytes.count)
        }
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[0..<header.sizeInBytes])
        if verifyingChecksum { try header.verifyChecksum(of: self.bytes) }
    }

    /// The records as they stand in the batch, compressed if the codec says so.
    public var recordBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[RecordBatchHeader.size...])
    }

    /// Calls `body` with the uncompressed records; they are valid during the call only.
    ///
    /// - Parameter decompressor: holds the memory for decompression and its limit.
    public func withRecords<Result>(
        _ decompressor: inout Decompressor,
        _ body: (UnsafeRawBufferPointer) throws(RecordFormatError) -> Result
    ) throws(RecordFormatError) -> Result {
        guard let codec = header.attributes.codec else { throw .unsupportedCodec(header.attributes.codecNumber) }
        if codec == .none { return try body(recordBytes) }
        try decompressor.decompress(recordBytes, codec)
        return try body(decompressor.bytes)
    }

    /// Walks over every record and checks what a broker must before it stores the batch of a producer that it does not
    /// know: the count is right, offset deltas go up by one, nothing is left over.
    public func validateRecords(_ decompressor: inout Decompressor) throws(RecordFormatError) {
        guard Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1 else {
            throw .invalidHeader("\(header.recordCount) records for last offset delta \(header.lastOffsetDelta)")
        }
        try withRecords(&decompressor) { (records) throws(RecordFormatError) in
            var cursor = RecordCursor(header, records: records)
            var expected = header.baseOffset
            while let record = try cursor.next() {
                guard record.offset == expected else {
                    throw .invalidRecord(index: Int(expected - header.baseOffset), reason: .offsetDelta)
                }
                expected += 1
            }
            try cursor.finish()
        }
    }
}

/// The batches that stand one after the other in some bytes, such as a part of a log file or the answer to a fetch.
///
/// A batch at the end that is not whole is left out.
public struct RecordBatches {
    private let bytes: UnsafeRawBufferPointer
    private let verifiesChecksums: Bool

    /// Where the next batch begins, in bytes.
    public private(set) var position = 0

    /// Walks over the batches in `bytes`, which must outlive this value.
    public init(_ bytes: UnsafeRawBufferPointer, verifyingChecksums: Bool = true) {
        self.bytes = bytes
        verifiesChecksums = verifyingChecksums
    }

    /// The next whole batch, or nil when none is left.
    public mutating func next() throws(RecordFormatError) -> RecordBatch? {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        guard let size = try RecordBatchHeader.sizeInBytes(at: rest), size <= rest.count else { return nil }
        let batch = try RecordBatch(reading: rest, verifyingChecksum: verifiesChecksums)
        position += size
        return batch
    }
}
