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

    private func decompress(_ block: [UInt8]) throws -> [UInt8] { try Codec.decompress(block, .gzip) }

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

    @Test("a bomb of a gigabyte is given up at the limit")
    func bomb() throws {
        // A block that encodes zeros, and whose encoded form is zeros: each of its bytes stands for 1,032.
        let bomb =
            [UInt8](hex: "1f8b0800000000000203 ecc101010000008090feafee080a") + [UInt8](repeating: 0, count: 1_040_447)
        var decompressor = Decompressor(limit: 100_000)
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 100_000)) {
            try bomb.withUnsafeBytes { try decompressor.decompress($0, .gzip) }
        }
        // One byte over the limit was looked at to know.
        #expect(decompressor.bytes.count == 100_001)
    }
}
