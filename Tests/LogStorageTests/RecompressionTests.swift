import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("A topic's own codec")
struct RecompressionTests {
    static let codecs = CompressionCodec.allCases
    let partition = LogFixture.partition

    private func fixture(_ codec: CompressionCodec?, _ change: (inout LogConfiguration) -> Void = { _ in })
        -> LogFixture
    {
        LogFixture { configuration in
            configuration.compressionType = codec
            change(&configuration)
        }
    }

    /// The batches as they are stored.
    private func stored(_ log: PartitionLog) throws -> [[UInt8]] {
        var buffer = ByteWriter()
        _ = try log.read(from: 0, maximumBytes: 1 << 20, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
        var batches: [[UInt8]] = []
        var walk = RecordBatches(buffer.bytes)
        while let batch = try walk.next() { batches.append([UInt8](batch.bytes)) }
        return batches
    }

    private func headers(_ log: PartitionLog) throws -> [RecordBatchHeader] {
        try stored(log).map { bytes in try bytes.withUnsafeBytes { try RecordBatchHeader(reading: $0) } }
    }

    private let values = (0..<50).map { "value \($0) of a batch that compresses well" }

    @Test(
        "every batch is stored in it, whatever it came in, and nothing else about it changes",
        arguments: codecs,
        codecs
    )
    func recompressed(target: CompressionCodec, source: CompressionCodec) throws {
        for origin in [AppendOrigin.client, .trusted] {
            let log = try fixture(target).open()
            let batch = TestBatch(values).from(7, epoch: 2, sequence: 0, transactional: true).spread(by: 3)
            let result = try log.append(batch.compressed(Compression(source)), origin: origin, leaderEpoch: 4)
            #expect(result.lastOffset == 49)
            try log.append(TestBatch("last").from(7, epoch: 2, sequence: 50, transactional: true), origin: origin)

            let headers = try headers(log)
            #expect(headers.map(\.attributes.codec) == [target, target])
            var expected = try batch.bytes.withUnsafeBytes { try RecordBatchHeader(reading: $0) }
            expected.attributes = BatchAttributes(codec: target, isTransactional: true)
            expected.leaderEpoch = 4
            // What depends on the compressed bytes.
            expected.length = headers[0].length
            expected.checksum = headers[0].checksum
            #expect(headers[0] == expected)
            #expect(try log.values == values + ["last"])
            #expect(try log.records().prefix(50).map(\.timestamp) == (0..<50).map { batch.timestamp + $0 * 3 })
        }
    }

    @Test("a batch that has it already is stored byte for byte, whatever its level", arguments: codecs)
    func unchanged(codec: CompressionCodec) throws {
        let log = try fixture(codec) { $0.zstdLevel = 19 }.open()
        let batch = TestBatch(values).compressed(Compression(codec, level: 1))
        try log.append(batch, origin: .client)
        var expected = try batch.bytes
        expected.withUnsafeMutableBytes { RecordBatchHeader.stamp($0, baseOffset: 0, leaderEpoch: 0) }
        #expect(try stored(log) == [expected])
    }

    @Test("without one, batches stay as they come", arguments: codecs)
    func producer(codec: CompressionCodec) throws {
        let log = try fixture(nil).open()
        try log.append(TestBatch(values).compressed(Compression(codec)), origin: .client)
        #expect(try headers(log).map(\.attributes.codec) == [codec])
        #expect(try log.values == values)
    }

    @Test("the levels of the topic are used")
    func levels() throws {
        var random = SeededRandom(seed: 1)
        let words = (0..<60).map { _ in String(UInt32.random(in: 0...9_999, using: &random)) }
        let text = (0..<400).map { _ in (0..<8).map { _ in words.randomElement(using: &random) ?? "" }.joined() }
        func size(_ codec: CompressionCodec, _ change: (inout LogConfiguration) -> Void) throws -> Int64 {
            let log = try fixture(codec, change).open()
            try log.append(TestBatch(text))
            return log.sizeInBytes
        }
        #expect(try size(.gzip) { $0.gzipLevel = 9 } < size(.gzip) { $0.gzipLevel = 1 })
        #expect(try size(.lz4) { $0.lz4Level = 12 } < size(.lz4) { $0.lz4Level = 9 })
        #expect(try size(.zstd) { $0.zstdLevel = 19 } < size(.zstd) { $0.zstdLevel = -50 })
    }

    @Test("several batches of one append are each stored in it")
    func several() throws {
        let log = try fixture(.zstd).open()
        let result = try log.append(
            TestBatch("a", "b").from(1, sequence: 0).compressed(.gzip()),
            TestBatch("c").from(1, sequence: 2).compressed(.zstd()),
            TestBatch("d").from(1, sequence: 3),
            origin: .client
        )
        #expect(result.lastOffset == 3)
        #expect(try headers(log).map(\.attributes.codec) == [.zstd, .zstd, .zstd])
        #expect(try headers(log).map(\.baseOffset) == [0, 2, 3])
        #expect(try log.values == ["a", "b", "c", "d"])
    }

    @Test("markers and coordinators' records stay uncompressed")
    func uncompressed() throws {
        let log = try fixture(.lz4).open()
        try log.append(TestBatch("a").from(1, sequence: 0, transactional: true))
        try log.end(.commit, 1)
        try log.append(TestBatch("b").from(2, sequence: 0), origin: .coordinator)
        #expect(try headers(log).map(\.attributes.codec) == [.lz4, CompressionCodec.none, CompressionCodec.none])
        #expect(try log.committedValues == ["a", "b"])
    }

    @Test("a repeated batch is recognised")
    func duplicate() throws {
        let log = try fixture(.gzip).open()
        let batch = TestBatch("a", "b").from(1, sequence: 0)
        try log.append(batch, origin: .client)
        #expect(try log.append(batch, origin: .client).isDuplicate)
        #expect(try log.append(batch.compressed(.gzip()), origin: .client).isDuplicate)
        #expect(log.logEndOffset == 2)
    }

    @Test("with LogAppendTime, records get the broker's time and a right checksum", arguments: codecs)
    func appendTime(codec: CompressionCodec) throws {
        let fixture = fixture(codec) { $0.timestampType = .logAppendTime }
        let log = try fixture.open()
        try log.append(TestBatch("a", "b").at(5), origin: .client)
        #expect(try log.records().map(\.timestamp) == [fixture.time.milliseconds, fixture.time.milliseconds])
    }

    @Test("max.message.bytes holds for what is sent and for what is stored")
    func sizes() throws {
        let large = TestBatch([String(repeating: "x", count: 5_000)])
        let size = try large.bytes.count
        let error = LogError.recordTooLarge(partition, sizeInBytes: size, limit: 1_000, setting: "max.message.bytes")
        let compressing = try fixture(.zstd) { $0.maxMessageBytes = 1_000 }.open()
        #expect(throws: error) { try compressing.append(large, origin: .client) }
        let expanding = try fixture(CompressionCodec.none) { $0.maxMessageBytes = 1_000 }.open()
        #expect(throws: error) { try expanding.append(large.compressed(.zstd()), origin: .client) }
        #expect(compressing.logEndOffset == 0 && expanding.logEndOffset == 0)
    }

    @Test("a block that cannot be read is refused, and the log stays as it was", arguments: codecs.dropFirst())
    func damaged(codec: CompressionCodec) throws {
        let log = try fixture(codec == .gzip ? .zstd : .gzip).open()
        var bytes = try TestBatch(values).compressed(Compression(codec)).bytes
        for index in (RecordBatchHeader.size + 20)..<bytes.count { bytes[index] = 0xff }
        #expect {
            try bytes.withUnsafeMutableBytes { _ = try log.append($0, origin: .trusted, leaderEpoch: 0) }
        } throws: { error in
            guard case LogError.invalidBatch(_, .invalidCompression(codec, _))? = error as? LogError else {
                return false
            }
            return true
        }
        #expect(log.logEndOffset == 0)
        #expect(log.sizeInBytes == 0)
    }

    @Test(
        "records within compressed batches are found by time, before and after the log is opened anew",
        arguments: codecs
    )
    func times(codec: CompressionCodec) throws {
        let fixture = fixture(codec) { $0.indexIntervalBytes = 64 }
        var log = try fixture.open()
        for number in 0..<10 as Range<Int64> {
            try log.append(TestBatch(Array(values.prefix(10))).at(1_000 + number * 100).spread(by: 10))
        }
        for isReopened in [false, true] {
            if isReopened {
                try log.close(clean: false)
                log = try fixture.open(clean: false)
            }
            for offset in 0..<100 as Range<Int64> {
                #expect(try log.offset(forTimestamp: 1_000 + offset * 10)?.offset == offset)
                #expect(try log.offset(forTimestamp: 991 + offset * 10)?.offset == offset)
            }
            #expect(try log.offset(forTimestamp: 1_991) == nil)
            #expect(try log.offsetOfMaximumTimestamp()?.offset == 99)
        }
    }

    @Test("a change of it holds for batches to come")
    func changed() throws {
        let log = try fixture(nil).open()
        try log.append(TestBatch("a").compressed(.snappy))
        var configuration = log.configuration
        configuration.compressionType = .zstd
        log.updateConfiguration(configuration)
        try log.append(TestBatch("b").compressed(.snappy))
        #expect(try headers(log).map(\.attributes.codec) == [.snappy, .zstd])
    }
}
