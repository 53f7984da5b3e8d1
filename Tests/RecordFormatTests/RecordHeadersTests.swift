import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Decoding a record's headers")
struct RecordHeadersTests {
    private func decode(_ hex: String) throws -> RecordHeaders {
        try withGuardedBytes([UInt8](hex: hex)) { try RecordHeaders(decoding: $0) }
    }

    @Test("no bytes and a count of 0 are no headers")
    func none() throws {
        #expect(try decode("").isEmpty)
        #expect(try decode("00").isEmpty)
    }

    @Test("what was encoded is decoded")
    func roundTrip() throws {
        let headers: RecordHeaders = [RecordHeader("ä", text: "1"), RecordHeader("n", nil), RecordHeader("", [])]
        var writer = ByteWriter()
        headers.encode(into: &writer)
        #expect(try RecordHeaders(decoding: writer.bytes) == headers)
    }

    @Test(
        "damage is a typed error",
        arguments: [
            ("01", .overrun),  // a negative count
            ("02", .overrun),  // one header, no bytes
            ("fe ff ff ff 0f 00 00", .overrun),  // the greatest count
            ("80 80 80 80 10 00 00", .malformedVarint),  // a count of more than 32 bits
            ("02 01 00", .negativeLength),  // a null name
            ("02 7e 00", .overrun),  // a name past the end
            ("02 fe ff ff ff 0f 00", .overrun),  // a name of the greatest length
            ("02 02 ff 01", .headerName),  // a name that is not UTF-8
            ("02 02 68 03", .negativeLength),  // a value of length -2
            ("02 02 68 7e", .overrun),  // a value past the end
            ("02 02 68", .overrun),  // no value
            ("02 02 68 01 00", .trailingBytes),
            ("00 00", .trailingBytes),
        ] as [(String, RecordDefect)]
    )
    func damage(hex: String, defect: RecordDefect) {
        #expect(throws: RecordFormatError.invalidRecord(index: 0, reason: defect)) { try decode(hex) }
    }
}
