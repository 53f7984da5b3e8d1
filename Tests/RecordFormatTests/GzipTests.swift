import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("gzip")
struct GzipTests {
    /// `ByteLayoutTests.mixedRecordBytes` as Python's gzip module compresses them, with a file name in gzip's header.
    static let foreignBlock = [UInt8](
        hex: "1f8b0808 01000000 02 ff 7265636f7264732e62696e00",  // the name is records.bin
        "1360606060ca662a63e06160656264605062b8c1c2c2c0c8c694c154c194c7c894ca0000",
        "8f3ded5c 22000000"
    )

    private func decompress(_ block: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
        var decompressor = Decompressor(limit: limit)
        return try decompress(block, with: &decompressor)
    }

    private func decompress(_ block: [UInt8], with decompressor: inout Decompressor) throws -> [UInt8] {
        try withGuardedBytes(block) { try decompressor.decompress($0, .gzip) }
        return [UInt8](decompressor.bytes)
    }

    private func compress(_ bytes: [UInt8], level: Int? = nil) throws -> [UInt8] {
        var writer = ByteWriter()
        try bytes.withUnsafeBytes { try Compression.gzip(level: level).compress($0, into: &writer) }
        return writer.array
    }

    @Test(
        "random and repetitive bytes of many sizes come back",
        arguments: [0, 1, 100, 65_535, 65_536, 65_537, 300_000]
    )
    func roundTrip(size: Int) throws {
        var random = SeededRandom(seed: UInt64(size))
        let noise = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = (0..<size).map { UInt8(truncatingIfNeeded: $0 % 7) }
        for bytes in [noise, text] {
            let block = try compress(bytes)
            #expect(try decompress(block) == bytes)
            if bytes == text, size > 100 { #expect(block.count < size / 10) }
        }
    }

    @Test("every level can be read, and a level out of range is the nearest one", arguments: [-5, 0, 1, 5, 6, 9, 100])
    func levels(level: Int) throws {
        let records = (0..<200).map { TestRecord("key \($0 % 9)", "the same value again") }
        let batch = try RecordBatchBuilder.batch(records, compression: .gzip(level: level))
        #expect(try DecodedBatch(batch).records == records)
        if level > 0 { #expect(batch.count < 2_000) }
    }

    @Test("a batch that another program compressed is read")
    func foreign() throws {
        let batch =
            [UInt8](
                hex: "0000000000000000 00000073 ffffffff 02 ab5000a2 0001",
                "00000002 0000018bcfe56800 0000018bcfe5692c ffffffffffffffff ffff ffffffff 00000003"
            ) + Self.foreignBlock
        #expect(try DecodedBatch(batch).records == ByteLayoutTests.mixedRecords)
    }

    @Test("a block cut anywhere is a typed error")
    func truncated() throws {
        for count in 0..<Self.foreignBlock.count {
            #expect(throws: RecordFormatError.invalidCompression(codec: .gzip, reason: "the block ends early")) {
                try decompress(Array(Self.foreignBlock[..<count]))
            }
        }
    }

    @Test("bytes after the block are refused, be they another block")
    func trailing() throws {
        let expected = RecordFormatError.invalidCompression(codec: .gzip, reason: "bytes are left after the block")
        #expect(throws: expected) { try decompress(Self.foreignBlock + [0]) }
        #expect(throws: expected) { try decompress(Self.foreignBlock + Self.foreignBlock) }
    }

    @Test("a block whose contents were changed is refused")
    func damaged() throws {
        // The last eight bytes are the checksum and the length, the first three say that this is gzip.
        for index in [0, 1, 2, Self.foreignBlock.count - 8, Self.foreignBlock.count - 1] {
            var block = Self.foreignBlock
            block[index] ^= 0x40
            #expect {
                try decompress(block)
            } throws: { error in
                guard case RecordFormatError.invalidCompression(codec: .gzip, _) = error else { return false }
                return true
            }
        }
    }

    @Test("zlib's own wrapper and raw deflate are not gzip")
    func otherWrappers() {
        for hex in ["789c030000000001", "0300"] {
            #expect(throws: RecordFormatError.self) { try decompress([UInt8](hex: hex)) }
        }
    }

    @Test("a block may be as large as the limit, and no larger")
    func limit() throws {
        let bytes = [UInt8](repeating: 3, count: 200_000)
        let block = try compress(bytes)
        #expect(try decompress(block, limit: 200_000) == bytes)
        #expect(try decompress(block, limit: .max) == bytes)
        for limit in [199_999, 65_536, 1, 0] {
            #expect(throws: RecordFormatError.decompressedTooLarge(limit: limit)) {
                try decompress(block, limit: limit)
            }
        }
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 0)) { try decompress(block, limit: -7) }
        #expect(try decompress(compress([]), limit: 0) == [])
    }

    @Test("a bomb of a gigabyte is given up at the limit")
    func bomb() throws {
        // A block that encodes zeros, and whose encoded form is zeros: each of its bytes stands for 1,032.
        let bomb =
            [UInt8](hex: "1f8b0800000000000203 ecc101010000008090feafee080a") + [UInt8](repeating: 0, count: 1_040_447)
        var decompressor = Decompressor(limit: 100_000)
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 100_000)) {
            try decompress(bomb, with: &decompressor)
        }
        // One byte over the limit was looked at to know.
        #expect(decompressor.bytes.count == 100_001)
    }

    @Test("a decompressor that failed is used again")
    func reuse() throws {
        var decompressor = Decompressor(limit: 1_000)
        #expect(throws: RecordFormatError.self) { try decompress([1, 2, 3], with: &decompressor) }
        for _ in 0..<2 {
            #expect(try decompress(Self.foreignBlock, with: &decompressor) == ByteLayoutTests.mixedRecordBytes)
        }
    }

    @Test("codecs that are not built in are typed errors", arguments: [CompressionCodec.snappy, .lz4, .zstd])
    func unsupported(codec: CompressionCodec) {
        var decompressor = Decompressor()
        #expect(throws: RecordFormatError.unsupportedCodec(codec.rawValue)) {
            try Self.foreignBlock.withUnsafeBytes { try decompressor.decompress($0, codec) }
        }
    }
}
