import MillracePrimitives
import MillraceRecordFormat
import Testing

/// Headers that contradict the format. The checksum is made right again where it is checked: it guards against
/// accidents, not against a program that writes nonsense.
@Suite("Damaged batch headers")
struct DamagedHeaderTests {
    typealias Field = RecordBatchHeader.Field

    private func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = ByteLayoutTests.mixedBatch
        change(&bytes)
        bytes.correctChecksum()
        return bytes
    }

    private func error(_ bytes: [UInt8]) -> RecordFormatError? {
        bytes.withUnsafeBytes { bytes in
            do throws(RecordFormatError) {
                _ = try RecordBatch(reading: bytes)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test("a batch that is cut short says how much it needs")
    func truncated() {
        let whole = ByteLayoutTests.mixedBatch
        for count in 0..<whole.count {
            let needed = count < RecordBatchHeader.size ? RecordBatchHeader.size : whole.count
            #expect(error(Array(whole[..<count])) == .truncated(needed: needed, available: count))
        }
        #expect(error(whole) == nil)
    }

    @Test("bytes after the batch are not looked at")
    func followed() throws {
        let batch = try DecodedBatch(ByteLayoutTests.mixedBatch + [0xff, 0xff])
        #expect(batch.records == ByteLayoutTests.mixedRecords)
    }

    @Test("only format version 2 is read", arguments: [0, 1, 3, -1] as [Int8])
    func magic(magic: Int8) {
        #expect(error(changed { $0.store(magic, at: Field.magic) }) == .unsupportedMagic(magic))
    }

    @Test("every flipped bit from the magic byte on is noticed")
    func flippedBits() {
        for index in Field.magic..<ByteLayoutTests.mixedBatch.count {
            for bit in 0..<8 {
                var bytes = ByteLayoutTests.mixedBatch
                bytes[index] ^= 1 << UInt8(bit)
                if error(bytes) == nil { Issue.record("bit \(bit) of byte \(index) may be flipped unnoticed") }
            }
        }
    }

    @Test(
        "offsets and counts that cannot be are refused",
        arguments: [
            (Field.lastOffsetDelta, -1, "last offset delta -1 is negative"),
            (Field.recordCount, -1, "record count -1 is negative"),
            (Field.recordCount, 4, "4 records do not fit 3 offsets"),
            (Field.recordCount, .max, "2147483647 records do not fit 3 offsets"),
        ] as [(Int, Int32, String)]
    )
    func counts(field: Int, value: Int32, reason: String) {
        #expect(error(changed { $0.store(value, at: field) }) == .invalidHeader(reason))
    }

    @Test("an offset must not be negative, and leave room for the batch")
    func offsets() {
        #expect(
            error(changed { $0.store(Int64(-5), at: Field.baseOffset) }) == .invalidHeader("base offset -5 is negative")
        )
        #expect(error(changed { $0.store(Int64.max - 3, at: Field.baseOffset) }) == nil)
        guard case .invalidHeader = error(changed { $0.store(Int64.max - 2, at: Field.baseOffset) }) else {
            Issue.record("the next offset after the batch would not be a number")
            return
        }
    }

    @Test("the widest range of offsets is one that a broker refuses from a producer")
    func widestRange() throws {
        let bytes = changed { $0.store(Int32.max, at: Field.lastOffsetDelta) }
        try bytes.withUnsafeBytes { bytes in
            let batch = try RecordBatch(reading: bytes)
            #expect(batch.header.nextOffset == 1 << 31)
            var decompressor = Decompressor()
            #expect(throws: RecordFormatError.invalidHeader("3 records for last offset delta 2147483647")) {
                try batch.validateRecords(&decompressor)
            }
        }
    }

    @Test(
        "codec numbers that are not assigned are refused when the records are asked for",
        arguments: [5, 6, 7] as [UInt8]
    )
    func unknownCodec(number: UInt8) {
        let bytes = changed { $0.store(Int16(number), at: Field.attributes) }
        #expect(error(bytes) == nil)
        #expect(throws: RecordFormatError.unsupportedCodec(number)) { try DecodedBatch(bytes) }
    }

    @Test("the checksum's error names both values")
    func checksum() {
        var bytes = ByteLayoutTests.mixedBatch
        bytes.store(UInt32(1), at: Field.checksum)
        #expect(error(bytes) == .checksumMismatch(expected: 1, computed: 0x4764_d7b5))
    }
}
