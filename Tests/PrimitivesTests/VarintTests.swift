import MillracePrimitives
import Testing

@Suite("Varints")
struct VarintTests {
    static let edges: [Int64] = {
        var edges: [Int64] = [0, 1, -1, .max, .min, Int64(Int32.max), Int64(Int32.min)]
        // The lengths change where a multiple of seven bits is full; a zigzag-encoded number has one bit more.
        for bits in stride(from: 6, through: 62, by: 7) {
            let power = Int64(1) << Int64(bits)
            edges += [power - 1, power, -power, -power - 1]
        }
        return edges
    }()

    @Test("every number comes back, and takes the size that was foretold", arguments: edges)
    func signedRoundTrip(value: Int64) throws {
        var writer = ByteWriter()
        writer.append(varint: value)
        #expect(writer.count == Varint.size(value))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readVarint() == value)
        #expect(reader.isAtEnd)
    }

    @Test("every unsigned number comes back, and takes the size that was foretold", arguments: edges)
    func unsignedRoundTrip(value: Int64) throws {
        let value = UInt64(bitPattern: value)
        var writer = ByteWriter()
        writer.append(unsignedVarint: value)
        #expect(writer.count == Varint.size(unsigned: value))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readUnsignedVarint() == value)
        #expect(reader.isAtEnd)
    }

    @Test("random numbers of every length come back")
    func randomRoundTrips() throws {
        var random = SeededRandom(seed: 7)
        var writer = ByteWriter()
        for _ in 0..<5_000 {
            let value = Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random)
            writer.removeAll()
            writer.append(varint: value)
            var reader = ByteReader(writer.bytes)
            let read = try reader.readVarint()
            #expect(read == value)
            #expect(writer.count == Varint.size(value), "\(value)")
        }
    }

    @Test(
        "the bytes are those of Protocol Buffers",
        arguments: [
            (0, [0]), (-1, [1]), (1, [2]), (63, [0x7e]), (-64, [0x7f]), (64, [0x80, 1]), (300, [0xd8, 4]),
            (.max, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            (.min, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] as [(Int64, [UInt8])]
    )
    func encoding(value: Int64, bytes: [UInt8]) {
        var writer = ByteWriter()
        writer.append(varint: value)
        #expect(writer.array == bytes)
    }

    @Test("more than ten bytes, or a tenth byte that does not fit 64 bits, is malformed")
    func malformed() throws {
        let ones = [UInt8](repeating: 0xff, count: 9)
        for tail in [[2], [0x7f], [0x81, 0], [0xff, 0xff]] as [[UInt8]] {
            try (ones + tail).withReader { reader throws in
                #expect(throws: ByteReaderError.malformedVarint(offset: 0)) { try reader.readUnsignedVarint() }
            }
        }
    }

    @Test("a varint that ends early is truncated, at any length")
    func truncated() throws {
        for count in 0..<10 {
            try [UInt8](repeating: 0x80, count: count).withReader { reader throws in
                #expect(throws: ByteReaderError.truncated(offset: count, needed: 1, available: 0)) {
                    try reader.readVarint()
                }
            }
        }
    }

    @Test("a number beyond 32 bits is refused where 32 are asked for", arguments: edges)
    func narrow(value: Int64) throws {
        var writer = ByteWriter()
        writer.append(varint: value)
        try writer.array.withReader { reader throws in
            if let expected = Int32(exactly: value) {
                #expect(try reader.readVarint32() == expected)
            } else {
                #expect(throws: ByteReaderError.malformedVarint(offset: 0)) { try reader.readVarint32() }
            }
        }
    }
}

extension [UInt8] {
    /// Lets `body` read these bytes.
    func withReader(_ body: (inout ByteReader) throws -> Void) throws {
        try withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            try body(&reader)
        }
    }
}
