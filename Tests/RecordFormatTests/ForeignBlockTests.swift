import MillracePrimitives
import MillraceRecordFormat
import Testing

/// Blocks that the codecs' own programs made, of kinds that our writers do not use; and blocks made to do harm.
@Suite("Blocks of other writers")
struct ForeignBlockTests {
    private static let text = Codec.text(lines: 4)

    @Test(
        "zstd frames with a checksum, and without a size",
        arguments: [
            [UInt8](
                hex:
                    "28b52ffd045835020074036c696e6520303a2074686520717569636b2062726f776e20666f78206a756d7073206f766572",
                "6c617a7920646f670a6c696e65203132330400035300ce0b579d6a2128324469b06d"
            ),
            [UInt8](
                hex:
                    "28b52ffd20d035020074036c696e6520303a2074686520717569636b2062726f776e20666f78206a756d7073206f766572",
                "6c617a7920646f670a6c696e65203132330400035300ce0b579d6a212832"
            ),
        ]
    )
    func zstd(frame: [UInt8]) throws {
        #expect(try Codec.decompress(frame, .zstd) == Self.text)
        // Several frames are one block, as are frames to be skipped.
        #expect(try Codec.decompress(frame + frame, .zstd) == Self.text + Self.text)
        let skipped = [UInt8](hex: "502a4d18 03000000 616263")
        #expect(try Codec.decompress(skipped + frame, .zstd) == Self.text)
        let empty = try Codec.compress([], .zstd())
        #expect(try Codec.decompress(empty + frame, .zstd) == Self.text)
    }

    @Test(
        "lz4 frames with dependent blocks, sizes and checksums, and of the legacy kind not",
        arguments: [
            [UInt8](
                hex: "04224d186c40d000000000000000c04b000000f1176c696e6520303a2074686520717569636b2062726f776e20666f78",
                "206a756d7073206f7665721f00916c617a7920646f670a34001f313400201f323400201f333400165020646f670a00000000",
                "eb056100"
            ),
            [UInt8](
                hex: "04224d187440bd4b000000f1176c696e6520303a2074686520717569636b2062726f776e20666f78206a756d7073206f",
                "7665721f00916c617a7920646f670a34001f313400201f323400201f333400165020646f670aa28d706500000000eb056100"
            ),
        ]
    )
    func lz4(frame: [UInt8]) throws {
        #expect(try Codec.decompress(frame, .lz4) == Self.text)
        var damaged = frame
        damaged[damaged.count - 1] ^= 1
        #expect(throws: RecordFormatError.self) { try Codec.decompress(damaged, .lz4) }
        let legacy = [UInt8](hex: "02214c18") + frame[11...]
        #expect(throws: RecordFormatError.self) { try Codec.decompress(legacy, .lz4) }
    }

    @Test("a snappy block without framing, and framed ones one after the other")
    func snappy() throws {
        let bare = [UInt8](
            hex: "d001986c696e6520303a2074686520717569636b2062726f776e20666f78206a756d7073206f76657220011f206c617a79",
            "20646f670a05340031ca34000032ca34000033b63400"
        )
        let framed = [UInt8](
            hex: "82534e41505059000000000100000001",
            "0000003c64986c696e6520303a2074686520717569636b2062726f776e20666f78206a756d7073206f76657220011f206c61",
            "7a7920646f670a05340031a634000000003c64a8646f670a6c696e6520323a2074686520717569636b2062726f776e20666f",
            "78206a756d7073206f76657220011f106c617a7920153400339634000000000a081c617a7920646f670a"
        )
        #expect(try Codec.decompress(bare, .snappy) == Self.text)
        #expect(try Codec.decompress(framed, .snappy) == Self.text)
        #expect(try Codec.decompress(framed + framed, .snappy) == Self.text + Self.text)
        #expect(try Codec.decompress(Array(framed[..<16]), .snappy) == [])
    }

    @Test("a snappy chunk whose length or contents make no sense is a typed error")
    func damagedSnappy() {
        let header = [UInt8](hex: "82534e41505059000000000100000001")
        let chunks = ["00000000", "ffffffff", "80000000", "7fffffff00", "000000", "00000005ffffffff0f", "0000000102"]
        for chunk in chunks {
            #expect("\(chunk)") {
                try Codec.decompress(header + [UInt8](hex: chunk), .snappy)
            } throws: {
                $0.isDamage(of: .snappy)
            }
        }
    }

    @Test("a block that claims gigabytes and does not have them costs no memory")
    func claims() throws {
        let zstd = [UInt8](hex: "28b52ffd e0 ffffffff00000000 010000")
        let claimsWithinLimit = [UInt8](hex: "28b52ffd a0 00000040 010000")
        // 4,294,967,295 bytes.
        let snappy = [UInt8](hex: "ffffffff0f") + [UInt8](repeating: 0, count: 100)
        var decompressor = Decompressor(limit: .max)
        for (block, codec) in [(zstd, CompressionCodec.zstd), (claimsWithinLimit, .zstd), (snappy, .snappy)] {
            #expect("\(codec)") {
                try Codec.decompress(block, codec, with: &decompressor)
            } throws: {
                $0.isDamage(of: codec)
            }
            #expect(decompressor.memoryHeld <= 4 << 20)
        }
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 1 << 30 - 1)) {
            try Codec.decompress(claimsWithinLimit, .zstd, limit: 1 << 30 - 1)
        }
    }

    @Test("a bomb of a gigabyte is given up at the limit", arguments: Codec.all.filter { $0 != .gzip })
    func bomb(codec: CompressionCodec) throws {
        var decompressor = Decompressor(limit: 1_000_000)
        let bomb = try Self.bomb(codec)
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 1_000_000)) {
            try Codec.decompress(bomb, codec, with: &decompressor)
        }
        #expect(decompressor.memoryHeld <= 4_000_000)
    }

    private static func bomb(_ codec: CompressionCodec) throws -> [UInt8] {
        func repeated(_ bytes: some Collection<UInt8>, _ count: Int) -> [UInt8] {
            Array(repeatElement(bytes, count: count).joined())
        }
        switch codec {
        case .none, .gzip:
            throw TestFailure("there is no such bomb")
        case .snappy:
            let block = try Codec.compress([UInt8](repeating: 0, count: 32 << 10), .snappy)
            return block + repeated(block[16...], 1 << 15 - 1)
        case .lz4:
            let block = try Codec.compress([UInt8](repeating: 0, count: 64 << 10), .lz4())
            return block[..<7] + repeated(block[7..<(block.count - 4)], 1 << 14) + [0, 0, 0, 0]
        case .zstd:
            // Blocks of 128 KiB that are one byte, repeated; the frame does not say how many there are.
            return [UInt8](hex: "28b52ffd 00 38") + repeated([UInt8](hex: "02001000"), 1 << 13) + [1, 0, 0]
        }
    }
}
