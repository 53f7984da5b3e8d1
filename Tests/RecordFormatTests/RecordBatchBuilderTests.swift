import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Building a batch")
struct RecordBatchBuilderTests {
    @Test("a record that does not fit is refused, and the batch stays as it was")
    func full() throws {
        let builder = RecordBatchBuilder(capacity: 256)
        var appended: [TestRecord] = []
        for number in 0... {
            let record = TestRecord("key \(number)", String(repeating: "v", count: 20))
            guard builder.append(record) else { break }
            appended.append(record)
        }
        let size = builder.sizeInBytes
        #expect(appended.count > 2)
        #expect(size <= 256)
        #expect(!builder.append(TestRecord("one", "more, and a little longer", timestamp: .max)))
        #expect(builder.sizeInBytes == size)
        #expect(builder.recordCount == appended.count)
        #expect(builder.maxTimestamp == 1_700_000_000_000)
        let sealed = try builder.sealed()
        #expect(sealed.count == size)
        #expect(try DecodedBatch(sealed).records == appended)
    }

    @Test("the capacity is used to the last byte")
    func exactFit() throws {
        let builder = RecordBatchBuilder(capacity: 128)
        // Seven bytes around a value of up to 63 bytes.
        #expect(builder.append(TestRecord(nil, [UInt8](repeating: 1, count: 40))))
        #expect(builder.sizeInBytes == 61 + 47)
        #expect(!builder.append(TestRecord(nil, [UInt8](repeating: 2, count: 14))))
        #expect(builder.append(TestRecord(nil, [UInt8](repeating: 2, count: 13))))
        #expect(builder.sizeInBytes == 128)
        #expect(try DecodedBatch(builder.sealed()).records.count == 2)
    }

    @Test("a reset batch begins anew")
    func reset() throws {
        let builder = RecordBatchBuilder(capacity: 512)
        builder.append(TestRecord("a", "b", timestamp: 99))
        _ = try builder.seal(producer: ProducerIdentity(id: 4, epoch: 5), baseSequence: 6, isTransactional: true)
        builder.reset()
        #expect(builder.isEmpty)
        #expect(builder.maxTimestamp == -1)
        #expect(builder.sizeInBytes == RecordBatchHeader.size)
        for record in ByteLayoutTests.mixedRecords { builder.append(record) }
        #expect(try builder.sealed() == ByteLayoutTests.mixedBatch)
    }

    @Test("a record greater than the capacity fits an empty batch, and only that")
    func oversized() throws {
        let large = TestRecord("large", [UInt8](repeating: 7, count: 100_000).map { $0 })
        let builder = RecordBatchBuilder(capacity: 1_024)
        builder.append(TestRecord("k", "v"))
        #expect(!builder.append(large))
        builder.reset()
        #expect(builder.append(large))
        #expect(!builder.append(TestRecord("k", "v")))
        #expect(try DecodedBatch(builder.sealed()).records == [large])
        builder.reset()
        #expect(builder.append(TestRecord("k", "v")))
        #expect(try DecodedBatch(builder.sealed()).records == [TestRecord("k", "v")])
    }

    @Test("records may be appended after sealing, and the batch is sealed again")
    func sealedTwice() throws {
        for compression in CompressionCodec.allCases.map({ Compression($0) }) {
            let builder = RecordBatchBuilder(compression: compression)
            builder.append(TestRecord("a", "1"))
            let first = try builder.sealed()
            builder.append(TestRecord("b", "2"))
            let second = try builder.sealed()
            #expect(try DecodedBatch(first).records == [TestRecord("a", "1")])
            #expect(try DecodedBatch(second).records == [TestRecord("a", "1"), TestRecord("b", "2")])
        }
    }

    @Test("a batch without records can be read", arguments: CompressionCodec.allCases.map { Compression($0) })
    func empty(compression: Compression) throws {
        let batch = try DecodedBatch(RecordBatchBuilder.batch([], compression: compression))
        #expect(batch.records.isEmpty)
        #expect(batch.header.recordCount == 0)
        #expect(batch.header.maxTimestamp == -1)
    }
}

extension TestRecord {
    init(_ key: String?, _ value: [UInt8]?) {
        self.init(key.map { Array($0.utf8) }, value)
    }
}
