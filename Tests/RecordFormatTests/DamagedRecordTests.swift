import MillracePrimitives
import MillraceRecordFormat
import Testing

/// Records that contradict the format, each in one way, in front of a record that is well formed: what a length that is
/// too great reaches into first.
@Suite("Damaged records")
struct DamagedRecordTests {
    /// A well-formed record with offset delta 1.
    static let follower = [UInt8](hex: "10 00 00 02 02 6b 02 76 00")

    struct Case: CustomTestStringConvertible, Sendable {
        var what: String
        var bytes: [UInt8]
        /// The error; nil if it depends on what follows the record.
        var defect: RecordDefect?

        init(_ what: String, _ hex: String, _ defect: RecordDefect?) {
            self.what = what
            bytes = [UInt8](hex: hex)
            self.defect = defect
        }

        var testDescription: String { what }
    }

    static let cases = [
        Case("a length of 0", "00", .lengthMismatch),
        Case("a negative length", "01", .overrun),
        Case("a length beyond the batch", "7e 00 00 00 02 6b 02 76 00", .overrun),
        Case("the greatest length", "fe ff ff ff ff ff ff ff ff 01 00 00", .overrun),
        Case("the least length", "ff ff ff ff ff ff ff ff ff 01 00 00", .overrun),
        Case("a length of eleven bytes", "80 80 80 80 80 80 80 80 80 80 01", .malformedVarint),
        Case("a length of 65 bits", "80 80 80 80 80 80 80 80 80 02", .malformedVarint),
        Case("a length one too small", "0e 00 00 00 02 6b 02 76 00", .lengthMismatch),
        Case("a length one too great", "12 00 00 00 02 6b 02 76 00", .lengthMismatch),
        Case("a length that ends within the key", "08 00 00 00 02 6b 02 76 00", .lengthMismatch),
        Case("a length that ends before the header count", "0e 00 00 00 02 6b 02 76", nil),
        Case("a length that covers attributes only", "02 00", nil),
        Case("an offset delta that is negative", "10 00 00 01 02 6b 02 76 00", .offsetDelta),
        Case("an offset delta beyond the batch's last", "10 00 00 04 02 6b 02 76 00", .offsetDelta),
        Case("a key of length -2", "0e 00 00 00 03 02 76 00", .negativeLength),
        Case("a key that reaches into the next record", "10 00 00 00 08 6b 02 76 00", nil),
        Case("a key beyond the batch", "10 00 00 00 7e 6b 02 76 00", .overrun),
        Case("a value of length -2", "0e 00 00 00 02 6b 03 00", .negativeLength),
        Case("a value beyond the batch", "10 00 00 00 02 6b 7e 76 00", .overrun),
        Case("a value of the greatest length", "22 00 00 00 02 6b fe ff ff ff ff ff ff ff ff 01 76 00", .overrun),
        Case("a negative header count", "10 00 00 00 02 6b 02 76 01", .negativeLength),
        Case("more headers than there can be", "10 00 00 00 02 6b 02 76 7e", .overrun),
        Case("a header without a name", "14 00 00 00 02 6b 02 76 02 01 00", .negativeLength),
        Case("a header's name beyond the batch", "14 00 00 00 02 6b 02 76 02 7e 01", .overrun),
        Case("a header's value of length -2", "16 00 00 00 02 6b 02 76 02 02 68 03", .negativeLength),
        Case("a header's value beyond the batch", "16 00 00 00 02 6b 02 76 02 02 68 7e", .overrun),
        Case("a byte after the headers", "18 00 00 00 02 6b 02 76 02 02 68 01 00", .lengthMismatch),
    ]

    /// The records that can be read before the walk ends, and the error that ended it.
    private func walk(_ bytes: [UInt8], count: Int) -> (read: Int, error: RecordFormatError?) {
        withGuardedBytes(bytes) { bytes in
            var cursor = RecordCursor(
                records: bytes,
                recordCount: count,
                baseOffset: 0,
                lastOffsetDelta: 1,
                baseTimestamp: 0,
                appendTimestamp: nil
            )
            do throws(RecordFormatError) {
                repeat { _ = cursor.scoutedKeys() } while try cursor.next() != nil
                try cursor.finish()
            } catch {
                return (count - cursor.remaining, error)
            }
            return (count - cursor.remaining, nil)
        }
    }

    @Test("each is an error that names the record and the defect", arguments: cases)
    func first(damaged: Case) {
        let (read, error) = walk(damaged.bytes + Self.follower, count: 2)
        #expect(read == 0)
        guard case .invalidRecord(index: 0, let defect) = error else {
            Issue.record("not an invalid record: \(String(describing: error))")
            return
        }
        if let expected = damaged.defect { #expect(defect == expected) }
    }

    @Test("at the batch's end nothing is read past it", arguments: cases)
    func last(damaged: Case) {
        let (read, error) = walk(Self.follower + damaged.bytes, count: 2)
        #expect(read == 1)
        guard case .invalidRecord(index: 1, _) = error else {
            Issue.record("not an invalid record: \(String(describing: error))")
            return
        }
    }

    @Test("a record cut anywhere is an overrun")
    func cut() {
        let record = Array(ByteLayoutTests.mixedRecordBytes[16...])
        for count in 0..<record.count {
            let (_, error) = walk(Array(record[..<count]), count: 1)
            #expect(error == .invalidRecord(index: 0, reason: .overrun), "cut at \(count)")
        }
    }

    @Test("a failed cursor stays before the record that it could not read")
    func staysFailed() {
        withGuardedBytes(Self.follower + [0]) { bytes in
            var cursor = RecordCursor(
                records: bytes,
                recordCount: 2,
                baseOffset: 0,
                lastOffsetDelta: 1,
                baseTimestamp: 0,
                appendTimestamp: nil
            )
            let errors = (0..<3).map { _ in
                formatError { () throws(RecordFormatError) in _ = try cursor.next() }
            }
            let expected = RecordFormatError.invalidRecord(index: 1, reason: .lengthMismatch)
            #expect(errors == [nil, expected, expected])
            #expect(cursor.remaining == 1)
        }
    }

    @Test("bytes after the last record are noticed at the end")
    func trailingBytes() {
        let (read, error) = walk(Self.follower + [0], count: 1)
        #expect(read == 1)
        #expect(error == .invalidRecord(index: 1, reason: .trailingBytes))
    }

    @Test("offsets out of order are fine for a reader and refused from a producer")
    func offsetOrder() throws {
        var batch = try RecordBatchBuilder.batch([TestRecord("k", "v"), TestRecord("k", "v")])
        // The first record's offset delta, then the second one's.
        (batch[RecordBatchHeader.size + 3], batch[RecordBatchHeader.size + 12]) = (2, 0)
        batch.correctChecksum()
        #expect(try DecodedBatch(batch).offsets == [1, 0])
        try batch.withUnsafeBytes { bytes in
            var decompressor = Decompressor()
            let read = try RecordBatch(reading: bytes)
            #expect(throws: RecordFormatError.invalidRecord(index: 0, reason: .offsetDelta)) {
                try read.validateRecords(&decompressor)
            }
        }
    }

    @Test("a batch with gaps is refused from a producer")
    func gaps() throws {
        var batch = try RecordBatchBuilder.batch([TestRecord("k", "v"), TestRecord("k", "v")])
        batch.store(Int32(2), at: RecordBatchHeader.Field.lastOffsetDelta)
        batch.correctChecksum()
        try batch.withUnsafeBytes { bytes in
            var decompressor = Decompressor()
            let read = try RecordBatch(reading: bytes)
            #expect(throws: RecordFormatError.invalidHeader("2 records for last offset delta 2")) {
                try read.validateRecords(&decompressor)
            }
        }
    }
}
