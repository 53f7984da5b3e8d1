import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Every codec")
struct CodecTests {
    @Test(
        "brings back random and repetitive bytes of many sizes",
        arguments: Codec.all,
        [0, 1, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000]
    )
    func roundTrip(codec: CompressionCodec, size: Int) throws {
        var random = SeededRandom(seed: UInt64(size))
        let noise = Codec.noise(size, using: &random)
        let text = (0..<size).map { UInt8(truncatingIfNeeded: $0 % 7) }
        for bytes in [noise, text] {
            let block = try Codec.compress(bytes, Compression(codec))
            #expect(try Codec.decompress(block, codec) == bytes)
            if bytes == text, size > 100 { #expect(block.count < size / 10) }
        }
    }

    @Test(
        "has levels that can all be read, and takes the nearest for a level out of range",
        arguments: Codec.all,
        [Int.min, -131_072, -1, 0, 1, 2, 3, 6, 9, 10, 12, 17, 19, 22, 23, Int.max]
    )
    func levels(codec: CompressionCodec, level: Int) throws {
        let text = Codec.text(lines: 400)
        let block = try Codec.compress(text, Compression(codec, level: level))
        #expect(try Codec.decompress(block, codec) == text)
        if level > 0 { #expect(block.count < text.count / 4) }
    }

    @Test(
        "compresses more at a higher level",
        arguments: [(CompressionCodec.gzip, 1, 9), (.lz4, 1, 12), (.zstd, 1, 19)]
    )
    func levelsDiffer(codec: CompressionCodec, low: Int, high: Int) throws {
        var random = SeededRandom(seed: 5)
        let words = (0..<200).map { _ in Codec.noise(Int.random(in: 2...9, using: &random), using: &random) }
        let text = (0..<5_000).flatMap { _ in words[Int.random(in: 0..<14, using: &random) * 14] }
        let small = try Codec.compress(text, Compression(codec, level: high)).count
        let large = try Codec.compress(text, Compression(codec, level: low)).count
        #expect(small < large)
    }

    @Test("has Kafka's default level", arguments: [(CompressionCodec.gzip, 6), (.lz4, 9), (.zstd, 3)])
    func defaultLevel(codec: CompressionCodec, level: Int) throws {
        let text = Codec.text(lines: 1_000)
        let byDefault = try Codec.compress(text, Compression(codec))
        #expect(try Codec.compress(text, Compression(codec, level: level)) == byDefault)
    }

    @Test("writes the same block again with memory that it has used before", arguments: Codec.all)
    func deterministic(codec: CompressionCodec) throws {
        var random = SeededRandom(seed: 3)
        let compressor = Compressor()
        for (size, level) in [(70_000, nil), (10, 9), (0, 9), (5_000, 3), (300_000, 3), (300_000, nil), (10, nil)] {
            let bytes = Codec.text(lines: size / 50) + Codec.noise(size / 10, using: &random)
            let compression = Compression(codec, level: level)
            let block = try Codec.compress(bytes, compression, with: compressor)
            #expect(try block == Codec.compress(bytes, compression), "\(size) bytes at level \(level ?? 0)")
        }
    }

    @Test("makes a typed error of a block cut anywhere", arguments: Codec.all)
    func truncated(codec: CompressionCodec) throws {
        var random = SeededRandom(seed: 1)
        let bytes = Codec.text(lines: 3) + Codec.noise(40_000, using: &random)
        let block = try Codec.compress(bytes, Compression(codec))
        var cuts = Array(0..<200) + Array((block.count - 200)..<block.count)
        cuts += (0..<100).map { _ in Int.random(in: 200..<block.count, using: &random) }
        // A framed Snappy block has no end: cut between two chunks, it is a shorter block.
        let header = 16
        let second = header + 4 + Int(block[header + 2]) << 8 + Int(block[header + 3])
        if codec == .snappy { cuts.removeAll { $0 == header || $0 == second } }
        for cut in cuts {
            #expect("\(codec) cut at \(cut)") {
                try Codec.decompress(Array(block[..<cut]), codec)
            } throws: {
                $0.isDamage(of: codec)
            }
        }
    }

    @Test("refuses bytes after the block", arguments: Codec.all)
    func trailing(codec: CompressionCodec) throws {
        let block = try Codec.compress(Codec.text(lines: 3), Compression(codec))
        for rest in [[0], [0x40, 1, 2, 3, 4], [UInt8](repeating: 0xff, count: 20)] {
            #expect("\(codec) with \(rest)") {
                try Codec.decompress(block + rest, codec)
            } throws: {
                $0.isDamage(of: codec)
            }
        }
    }

    @Test("takes a block as large as the limit, and no larger", arguments: Codec.all)
    func limit(codec: CompressionCodec) throws {
        let bytes = [UInt8](repeating: 3, count: 200_000)
        let block = try Codec.compress(bytes, Compression(codec))
        #expect(try Codec.decompress(block, codec, limit: 200_000) == bytes)
        #expect(try Codec.decompress(block, codec, limit: .max) == bytes)
        for limit in [199_999, 65_536, 1, 0] {
            #expect(throws: RecordFormatError.decompressedTooLarge(limit: limit)) {
                try Codec.decompress(block, codec, limit: limit)
            }
        }
        #expect(throws: RecordFormatError.decompressedTooLarge(limit: 0)) {
            try Codec.decompress(block, codec, limit: -7)
        }
        #expect(try Codec.decompress(Codec.compress([], Compression(codec)), codec, limit: 0) == [])
    }

    @Test("is used again after a failure, as if there had been none", arguments: Codec.all)
    func reuse(codec: CompressionCodec) throws {
        let text = Codec.text(lines: 2_000)
        let block = try Codec.compress(text, Compression(codec))
        var decompressor = Decompressor(limit: 1 << 20)
        var small = Decompressor(limit: 1_000)
        for _ in 0..<3 {
            #expect(throws: RecordFormatError.self) {
                try Codec.decompress(Array(block[..<(block.count / 2)]), codec, with: &decompressor)
            }
            #expect(throws: RecordFormatError.self) { try Codec.decompress([1, 2, 3], codec, with: &decompressor) }
            #expect(try Codec.decompress(block, codec, with: &decompressor) == text)
            #expect(throws: RecordFormatError.decompressedTooLarge(limit: 1_000)) {
                try Codec.decompress(block, codec, with: &small)
            }
        }
    }

    @Test("leaves what stands in the writer before the block", arguments: Codec.all)
    func appends(codec: CompressionCodec) throws {
        var writer = ByteWriter()
        writer.append(Int32(7))
        let text = Codec.text(lines: 50)
        try text.withUnsafeBytes { try Compression(codec).compress($0, into: &writer) }
        #expect(Array(writer.array.prefix(4)) == [0, 0, 0, 7])
        #expect(try Codec.decompress(Array(writer.array.dropFirst(4)), codec) == text)
    }

    @Test(
        "survives blocks with random damage, and never reads or writes beside them",
        arguments: Codec.all,
        400..<404 as Range<UInt64>
    )
    func damaged(codec: CompressionCodec, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let originals = try [10, 2_000, 70_000].map { size in
            let bytes = Codec.text(lines: size / 100) + Codec.noise(size / 10, using: &random)
            return try Codec.compress(bytes, Compression(codec))
        }
        let limit = 1 << 18
        var decompressor = Decompressor(limit: limit)
        var errors = 0
        for step in 0..<400 {
            var block = originals[Int.random(in: originals.indices, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                Mutation.random(using: &random).apply(to: &block, others: originals, using: &random)
            }
            do {
                let size = try Codec.decompress(block, codec, with: &decompressor).count
                #expect(size <= limit, "seed \(seed), step \(step): \(size) bytes; block \(block)")
            } catch let error as RecordFormatError {
                errors += error.description.isEmpty ? 0 : 1
            }
            #expect(decompressor.memoryHeld <= limit * 4, "seed \(seed), step \(step); block \(block)")
        }
        #expect(errors > 0, "seed \(seed): no damage was noticed")
    }
}
