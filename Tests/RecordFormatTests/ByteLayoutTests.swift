import MillracePrimitives
import MillraceRecordFormat
import Testing

/// Batches against bytes written out by hand; the checksums come from another implementation of CRC-32C.
@Suite("Layout of a batch")
struct ByteLayoutTests {
    static let producer = ProducerIdentity(id: 1009, epoch: 7)

    /// Null and empty keys and values, headers, a timestamp before and one far behind the first.
    static let mixedRecords = [
        TestRecord("k", "v"),
        TestRecord(nil, "", timestamp: 1_699_999_999_997),
        TestRecord(
            "",
            nil,
            timestamp: 1_700_000_000_300,
            headers: [RecordHeader("h", text: "x"), RecordHeader("n", nil), RecordHeader("e", [])]
        ),
    ]

    static let mixedRecordBytes = [UInt8](
        hex: "10 00 00 00 02 6b 02 76 00",
        "0c 00 05 02 01 00 00",  // timestamp delta -3, null key, empty value
        "22 00 d804 04 00 01",  // timestamp delta 300, empty key, null value
        "06 02 68 02 78 02 6e 01 02 65 00"  // three headers, the second one's value is null
    )

    static let mixedBatch =
        [UInt8](
            hex: "0000000000000000",  // base offset
            "00000053",  // length
            "ffffffff",  // leader epoch
            "02",  // magic
            "4764d7b5",  // checksum
            "0000",  // attributes
            "00000002",  // last offset delta
            "0000018bcfe56800",  // base timestamp
            "0000018bcfe5692c",  // max timestamp
            "ffffffffffffffff",  // producer id
            "ffff",  // producer epoch
            "ffffffff",  // base sequence
            "00000003"  // record count
        ) + mixedRecordBytes

    @Test("fields stand where Kafka has them, and null is not empty")
    func plainBatch() throws {
        #expect(try RecordBatchBuilder.batch(Self.mixedRecords) == Self.mixedBatch)
    }

    @Test("hand-written bytes read as the records that they mean")
    func reading() throws {
        let batch = try DecodedBatch(Self.mixedBatch)
        #expect(batch.records == Self.mixedRecords)
        #expect(batch.offsets == [0, 1, 2])
        #expect(batch.header.maxTimestamp == 1_700_000_000_300)
        #expect(batch.header.producer == .none)
        #expect(!batch.header.isIdempotent)
        #expect(batch.header.attributes == BatchAttributes())
    }

    @Test("a transactional batch carries its producer, epoch and sequence")
    func transactionalBatch() throws {
        let bytes = try RecordBatchBuilder.batch(
            [TestRecord("k", "v")],
            producer: Self.producer,
            baseSequence: 41,
            isTransactional: true
        )
        let expected = [UInt8](
            hex: "0000000000000000 0000003a ffffffff 02 1da4b653",
            "0010",  // attributes: transactional
            "00000000 0000018bcfe56800 0000018bcfe56800",
            "00000000000003f1 0007 00000029",  // producer id, epoch, base sequence
            "00000001",
            "10 00 00 00 02 6b 02 76 00"
        )
        #expect(bytes == expected)
        let header = try DecodedBatch(bytes).header
        #expect(header.producer == Self.producer)
        #expect(header.baseSequence == 41)
        #expect(header.isIdempotent)
        #expect(header.attributes.isTransactional)
        #expect(!header.attributes.isControl)
    }

    @Test(
        "a transaction's marker is a control batch without a sequence",
        arguments: [
            (TransactionResult.commit, "4a5418f6", "0001"),
            (TransactionResult.abort, "be6acebe", "0000"),
        ]
    )
    func controlBatch(result: TransactionResult, checksum: String, type: String) throws {
        let marker = EndTransactionMarker(result, coordinatorEpoch: 9)
        let bytes = marker.batch(for: Self.producer, timestamp: 1_700_000_000_000)
        let expected = [UInt8](
            hex: "0000000000000000 00000042 ffffffff 02",
            checksum,
            "0030",  // attributes: transactional, control
            "00000000 0000018bcfe56800 0000018bcfe56800",
            "00000000000003f1 0007 ffffffff",
            "00000001",
            "20 00 00 00",
            "08 0000",  // key: version
            type,
            "0c 0000 00000009",  // value: version, coordinator epoch
            "00"
        )
        #expect(bytes == expected)
        try bytes.withUnsafeBytes { bytes in
            let batch = try RecordBatch(reading: bytes)
            var cursor = RecordCursor(batch.header, records: batch.recordBytes)
            let record = try #require(try cursor.next())
            #expect(try EndTransactionMarker(record) == marker)
        }
    }

    @Test("a length takes a second byte from 64 on")
    func longLength() throws {
        for (size, lengths) in [(63, ["8a01", "7e"]), (64, ["8e01", "8001"])] {
            let bytes = try RecordBatchBuilder.batch([TestRecord(nil, [UInt8](repeating: 0x61, count: size))])
            let expected =
                [UInt8](hex: lengths[0], "00 00 00 01", lengths[1]) + [UInt8](repeating: 0x61, count: size) + [0]
            #expect(Array(bytes[RecordBatchHeader.size...]) == expected, "a value of \(size) bytes")
        }
    }

    @Test("offset and leader epoch are stamped outside of the checksum")
    func stamping() throws {
        var bytes = Self.mixedBatch
        bytes.withUnsafeMutableBytes { RecordBatchHeader.stamp($0, baseOffset: 0x0102_0304_0506, leaderEpoch: 5) }
        #expect(Array(bytes[0..<8]) == [0, 0, 1, 2, 3, 4, 5, 6])
        #expect(Array(bytes[12..<16]) == [0, 0, 0, 5])
        #expect(Array(bytes[16...]) == Array(Self.mixedBatch[16...]))
        let batch = try DecodedBatch(bytes)
        #expect(batch.offsets == [0x0102_0304_0506, 0x0102_0304_0507, 0x0102_0304_0508])
        #expect(batch.header.leaderEpoch == 5)
    }

    @Test("append time replaces every timestamp, and the checksum follows")
    func appendTime() throws {
        var bytes = Self.mixedBatch
        bytes.withUnsafeMutableBytes { RecordBatchHeader.stampAppendTime($0, timestamp: 1_800_000_000_000) }
        let batch = try DecodedBatch(bytes)
        #expect(batch.header.attributes.timestampType == .logAppendTime)
        #expect(batch.header.maxTimestamp == 1_800_000_000_000)
        #expect(batch.header.baseTimestamp == 1_700_000_000_000)
        #expect(batch.records.map(\.timestamp) == [Int64](repeating: 1_800_000_000_000, count: 3))
        #expect(batch.records.map(\.key) == Self.mixedRecords.map(\.key))
    }
}
