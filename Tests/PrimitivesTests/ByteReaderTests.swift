import MillracePrimitives
import Testing

@Suite("Reading and writing bytes")
struct ByteReaderTests {
    @Test("integers are big-endian and come back")
    func integers() throws {
        var writer = ByteWriter()
        writer.append(Int8(-2))
        writer.append(UInt16(0x0102))
        writer.append(Int32(-3))
        writer.append(Int64.min)
        #expect(writer.array.prefix(3) == [0xfe, 1, 2])
        try writer.array.withReader { reader throws in
            #expect(try reader.readInteger(Int8.self) == -2)
            #expect(try reader.readInteger(UInt16.self) == 0x0102)
            #expect(try reader.readInteger(Int32.self) == -3)
            #expect(try reader.readInteger(Int64.self) == .min)
            #expect(reader.isAtEnd)
        }
    }

    @Test("an integer that does not fit what is left is truncated, and nothing is consumed")
    func truncatedInteger() throws {
        try [0, 1, 2].withReader { reader throws in
            try reader.skip(1)
            #expect(throws: ByteReaderError.truncated(offset: 1, needed: 4, available: 2)) {
                try reader.readInteger(Int32.self)
            }
            #expect(reader.offset == 1)
            #expect(try reader.readInteger(UInt16.self) == 0x0102)
        }
    }

    @Test("bytes past the end are truncated, a negative count is an invalid length")
    func bytes() throws {
        try [1, 2].withReader { reader throws in
            #expect(throws: ByteReaderError.truncated(offset: 0, needed: 3, available: 2)) {
                _ = try reader.readBytes(3)
            }
            #expect(throws: ByteReaderError.truncated(offset: 0, needed: .max, available: 2)) {
                try reader.skip(.max)
            }
            #expect(throws: ByteReaderError.invalidLength(offset: 0, length: -1)) { _ = try reader.readBytes(-1) }
            #expect(throws: ByteReaderError.invalidLength(offset: 0, length: .init(Int.min))) { try reader.skip(.min) }
        }
    }

    @Test("a string must be UTF-8")
    func strings() throws {
        try Array("aé".utf8).withReader { reader throws in #expect(try reader.readString(3) == "aé") }
        try [0x61, 0xff].withReader { reader throws in
            #expect(throws: ByteReaderError.invalidUTF8(offset: 0)) { try reader.readString(2) }
        }
        try [].withReader { reader throws in #expect(try reader.readString(0) == "") }
    }

    @Test("bytes with a length before them: null, none, some")
    func varintBytes() throws {
        try [1, 0, 4, 7, 8].withReader { reader throws in
            #expect(try reader.readVarintBytes() == nil)
            #expect(try reader.readVarintBytes().map(Array.init) == [])
            #expect(try reader.readVarintBytes().map(Array.init) == [7, 8])
        }
    }

    @Test("a length below -1 or beyond what is left is invalid")
    func varintBytesErrors() throws {
        try [3].withReader { reader throws in
            #expect(throws: ByteReaderError.invalidLength(offset: 0, length: -2)) { _ = try reader.readVarintBytes() }
        }
        try [6, 1, 2].withReader { reader throws in
            #expect(throws: ByteReaderError.invalidLength(offset: 0, length: 3)) { _ = try reader.readVarintBytes() }
        }
        try [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1].withReader { reader throws in
            #expect(throws: ByteReaderError.invalidLength(offset: 0, length: .max)) { _ = try reader.readVarintBytes() }
        }
    }

    @Test("a writer keeps what it holds while it grows")
    func growth() {
        var writer = ByteWriter(capacity: 1)
        let expected = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
        for byte in expected { writer.append(byte) }
        #expect(writer.array == expected)
    }

    @Test("a writer cuts, overwrites, fills with zeros and begins anew")
    func editing() {
        var writer = ByteWriter()
        writer.append([1, 2, 3])
        writer.append(utf8: "é")
        writer.append(zeros: 2)
        writer.overwrite(at: 1, with: UInt16(0x0908))
        #expect(writer.array == [1, 9, 8, 0xc3, 0xa9, 0, 0])
        #expect(Array(writer.bytes(1..<3)) == [9, 8])
        writer.truncate(to: 2)
        writer.appendUnsafe(maximum: 10) { room in
            room[0] = 5
            return 1
        }
        #expect(writer.array == [1, 9, 5])
        writer.removeAll()
        #expect(writer.count == 0)
    }
}
