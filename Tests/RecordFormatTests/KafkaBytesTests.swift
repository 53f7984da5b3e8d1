import KafkaFixtures
import MillracePrimitives
import MillraceRecordFormat
import Testing

/// The format against files that Apache Kafka wrote, and what Kafka's own consumer read from them.
@Suite("Kafka's own bytes")
struct KafkaBytesTests {
    /// All directories, but for the one in which a file ends within a batch.
    static func names() throws -> [String] { try KafkaFixture.names().filter { $0 != "torn-0" } }

    @Test("the batches of a log file are those that Kafka's tools list", arguments: try names())
    func headers(name: String) throws {
        let fixture = try KafkaFixture(name)
        for file in Set(fixture.seen.batches.map(\.file)).sorted() {
            let expected = fixture.seen.batches.filter { $0.file == file }
            try fixture.bytes(of: file).withUnsafeBytes { bytes in
                var batches = RecordBatches(bytes)
                for batch in expected {
                    #expect(batches.position == batch.position)
                    let header = try #require(try batches.next(), "\(file) at \(batch.position)").header
                    expect(header, is: batch)
                }
                #expect(try batches.next() == nil)
                #expect(batches.position == bytes.count)
            }
        }
    }

    private func expect(_ header: RecordBatchHeader, is batch: KafkaObservation.Batch) {
        let place: Comment = "\(batch.file) at \(batch.position)"
        #expect(header.sizeInBytes == batch.sizeInBytes, place)
        #expect(header.baseOffset == batch.baseOffset, place)
        #expect(header.lastOffset == batch.lastOffset, place)
        #expect(header.recordCount == batch.recordCount, place)
        #expect(header.leaderEpoch == batch.partitionLeaderEpoch, place)
        #expect(header.checksum == batch.crc, place)
        #expect(header.attributes.codec?.description == batch.compression, place)
        #expect((header.attributes.timestampType == .createTime) == (batch.timestampType == "CreateTime"), place)
        #expect(header.maxTimestamp == batch.maxTimestamp, place)
        #expect(header.attributes.isTransactional == batch.isTransactional, place)
        #expect(header.attributes.isControl == batch.isControl, place)
        #expect(header.producer == ProducerIdentity(id: batch.producerId, epoch: batch.producerEpoch), place)
        #expect(header.baseSequence == batch.baseSequence, place)
        #expect(header.lastSequence == batch.lastSequence, place)
        let deleteHorizonMs = header.attributes.hasDeleteHorizon ? header.baseTimestamp : nil
        #expect(deleteHorizonMs == batch.deleteHorizonMs, place)
    }

    @Test("the records are those that Kafka's consumer read, whatever the codec", arguments: try names())
    func records(name: String) throws {
        let fixture = try KafkaFixture(name)
        for batch in fixture.seen.batches where !batch.isControl {
            let decoded = try DecodedBatch(fixture.bytes(of: batch))
            // Consumers were not shown what lies before the log's start, within a batch that reaches beyond it or before.
            let seen = fixture.records(of: batch)
            guard batch.baseOffset >= fixture.seen.logStartOffset else { continue }
            #expect(decoded.offsets == seen.map(\.offset))
            #expect(decoded.records == seen.map(\.testRecord), "offset \(batch.baseOffset)")
        }
    }

    @Test(
        "the records of an uncompressed batch encode to the same bytes again",
        arguments: ["codec-none-0", "idempotent-0", "txn-1-0", "txn-epoch-0", "restarted-0"]
    )
    func encoding(name: String) throws {
        let fixture = try KafkaFixture(name)
        for batch in fixture.seen.batches where !batch.isControl && batch.compression == "none" {
            let original = try fixture.bytes(of: batch)
            var encoded = try RecordBatchBuilder.batch(
                DecodedBatch(original).records,
                producer: ProducerIdentity(id: batch.producerId, epoch: batch.producerEpoch),
                baseSequence: batch.baseSequence,
                isTransactional: batch.isTransactional
            )
            encoded.withUnsafeMutableBytes {
                RecordBatchHeader.stamp(
                    $0,
                    baseOffset: batch.baseOffset,
                    leaderEpoch: batch.partitionLeaderEpoch
                )
            }
            #expect(encoded == original, "offset \(batch.baseOffset)")
        }
    }

    @Test("append time encodes to the same bytes again")
    func appendTime() throws {
        let fixture = try KafkaFixture("append-time-0")
        for batch in fixture.seen.batches where batch.compression == "none" {
            let original = try fixture.bytes(of: batch)
            // The records' own timestamps are in the deltas still, though no reader is shown them.
            let header = try DecodedBatch(original).header
            var createTimes: [TestRecord] = []
            try original.withUnsafeBytes { bytes in
                var cursor = RecordCursor(
                    records: UnsafeRawBufferPointer(rebasing: bytes[RecordBatchHeader.size...]),
                    recordCount: Int(header.recordCount),
                    baseOffset: header.baseOffset,
                    lastOffsetDelta: header.lastOffsetDelta,
                    baseTimestamp: header.baseTimestamp,
                    appendTimestamp: nil
                )
                while let record = try cursor.next() { createTimes.append(try TestRecord(record)) }
            }
            var encoded = try RecordBatchBuilder.batch(
                createTimes,
                producer: header.producer,
                baseSequence: header.baseSequence
            )
            encoded.withUnsafeMutableBytes {
                RecordBatchHeader.stampAppendTime($0, timestamp: batch.maxTimestamp)
                RecordBatchHeader.stamp(
                    $0,
                    baseOffset: batch.baseOffset,
                    leaderEpoch: batch.partitionLeaderEpoch
                )
            }
            #expect(encoded == original, "offset \(batch.baseOffset)")
        }
    }

    @Test(
        "transaction markers are read, and encode to the same bytes again",
        arguments: ["txn-epoch-0", "compacted-txn-0"]
    )
    func markers(name: String) throws {
        let fixture = try KafkaFixture(name)
        for batch in fixture.seen.batches where batch.isControl {
            let original = try fixture.bytes(of: batch)
            let control = try #require(batch.control?.first)
            let expected = EndTransactionMarker(
                control.type == "commit" ? .commit : .abort,
                coordinatorEpoch: control.coordinatorEpoch
            )
            try original.withUnsafeBytes { bytes in
                let read = try RecordBatch(reading: bytes)
                var cursor = RecordCursor(read.header, records: read.recordBytes)
                let record = try #require(try cursor.next())
                #expect(try EndTransactionMarker(record) == expected, "offset \(batch.baseOffset)")
            }
            // The cleaner writes a marker anew when it sets its delete horizon.
            guard batch.deleteHorizonMs == nil else { continue }
            var encoded = expected.batch(
                for: ProducerIdentity(id: batch.producerId, epoch: batch.producerEpoch),
                timestamp: batch.maxTimestamp
            )
            encoded.withUnsafeMutableBytes {
                RecordBatchHeader.stamp(
                    $0,
                    baseOffset: batch.baseOffset,
                    leaderEpoch: batch.partitionLeaderEpoch
                )
            }
            #expect(encoded == original, "offset \(batch.baseOffset)")
        }
    }

    @Test(
        "a batch that a broker would take from Kafka's producer passes for one",
        arguments: try names().filter { !$0.hasPrefix("compacted") }
    )
    func validation(name: String) throws {
        let fixture = try KafkaFixture(name)
        for batch in fixture.seen.batches where !batch.isControl {
            try fixture.bytes(of: batch).withUnsafeBytes { bytes in
                var decompressor = Decompressor()
                try RecordBatch(reading: bytes).validateRecords(&decompressor)
            }
        }
    }

    @Test("an lz4 block has the frame header that Kafka writes", arguments: ["codec-lz4-0"])
    func lz4Frame(name: String) throws {
        let fixture = try KafkaFixture(name)
        let batch = try #require(fixture.seen.batches.first)
        let header = try fixture.bytes(of: batch)[RecordBatchHeader.size...].prefix(7)
        let ours = try RecordBatchBuilder.batch(DecodedBatch(fixture.bytes(of: batch)).records, compression: .lz4())
        #expect(Array(ours[RecordBatchHeader.size...].prefix(7)) == Array(header))
    }

    @Test("a snappy block has the framing that Kafka writes", arguments: ["codec-snappy-0"])
    func snappyFraming(name: String) throws {
        let fixture = try KafkaFixture(name)
        let batch = try #require(fixture.seen.batches.first)
        let header = try fixture.bytes(of: batch)[RecordBatchHeader.size...].prefix(16)
        let ours = try RecordBatchBuilder.batch(DecodedBatch(fixture.bytes(of: batch)).records, compression: .snappy)
        #expect(Array(ours[RecordBatchHeader.size...].prefix(16)) == Array(header))
    }
}

extension KafkaObservation.Record {
    var testRecord: TestRecord {
        let headers = (headers ?? []).map { RecordHeader(($0[0] ?? ""), $0[1].map { Array($0.utf8) }) }
        return TestRecord(key, value, timestamp: timestamp, headers: RecordHeaders(headers))
    }
}
