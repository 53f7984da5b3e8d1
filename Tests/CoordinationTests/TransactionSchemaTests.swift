import MillraceCoordination
import MillracePrimitives
import Testing

/// The expected bytes are written by hand from Kafka's schemas.
@Suite("Records of __transaction_state")
struct TransactionSchemaTests {
    static let metadata = TransactionMetadata(
        producer: ProducerIdentity(id: 1_000, epoch: 1),
        previousProducerId: 1_000,
        timeoutMs: 60_000,
        state: .prepareCommit,
        partitions: [first, second],
        lastUpdateMs: 1_000_000,
        startMs: 999_999,
        clientVersion: .two
    )

    @Test("A key has version 0 and the transactional id")
    func key() {
        let record = TransactionRecord(transactionalId: "app", metadata: nil)
        #expect(hex(record.keyBytes) == hex(bytes("0000 0003 617070")))
        #expect(record.valueBytes == nil)
    }

    @Test("A value has version 1, sorted partitions and the tagged fields that differ from their defaults")
    func value() throws {
        let record = TransactionRecord(transactionalId: "app", metadata: Self.metadata)
        let expected = bytes(
            """
            0001
            00000000000003e8 0001 0000ea60 02
            02 07 6f7264657273 03 00000000 00000001 00
            00000000000f4240 00000000000f423f
            02 00 08 00000000000003e8 02 02 0002
            """
        )
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("A prepared transaction has no timeout for Kafka, and its own one in a field that Kafka skips")
    func prepared() throws {
        var metadata = Self.metadata
        metadata.state = .ongoing
        metadata.isPrepared = true
        let record = TransactionRecord(transactionalId: "app", metadata: metadata)
        let expected = bytes(
            """
            0001
            00000000000003e8 0001 7fffffff 01
            02 07 6f7264657273 03 00000000 00000001 00
            00000000000f4240 00000000000f423f
            03 00 08 00000000000003e8 02 02 0002 e807 04 0000ea60
            """
        )
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("A change of the producer id adds the next identity as tagged fields 1 and 3")
    func nextProducer() throws {
        var metadata = Self.metadata
        metadata.nextProducer = ProducerIdentity(id: 2_000, epoch: 0)
        metadata.state = .prepareAbort
        metadata.partitions = []
        let record = TransactionRecord(transactionalId: "app", metadata: metadata)
        let expected = bytes(
            """
            0001
            00000000000003e8 0001 0000ea60 03
            01
            00000000000f4240 00000000000f423f
            04 00 08 00000000000003e8 01 08 00000000000007d0 02 02 0002 03 02 0000
            """
        )
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("Before a transaction the partitions are null")
    func empty() throws {
        let metadata = TransactionMetadata(
            producer: ProducerIdentity(id: 1, epoch: 0),
            timeoutMs: 1,
            state: .empty,
            lastUpdateMs: 2
        )
        let record = TransactionRecord(transactionalId: "app", metadata: metadata)
        let expected = bytes("0001 0000000000000001 0000 00000001 00 00 0000000000000002 ffffffffffffffff 00")
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("A value of version 0 is read")
    func versionZero() throws {
        let value = bytes(
            """
            0000
            00000000000003e8 0001 0000ea60 01
            00000001 0006 6f7264657273 00000002 00000000 00000001
            00000000000f4240 00000000000f423f
            """
        )
        var expected = Self.metadata
        expected.state = .ongoing
        expected.previousProducerId = -1
        expected.clientVersion = .zero
        let record = try TransactionRecord(key: bytes("0000 0003 617070"), value: value)
        #expect(record.metadata == expected)
    }

    @Test("An unknown tagged field is skipped")
    func unknownTag() throws {
        let value = bytes(
            "0001 0000000000000001 0000 00000001 00 00 0000000000000002 ffffffffffffffff 02 02 02 0001 63 03 abcdef"
        )
        let record = try TransactionRecord(key: bytes("0000 0003 617070"), value: value)
        #expect(record.metadata?.clientVersion == .one)
    }

    @Test(
        "What cannot be read is said in terms of the schema",
        arguments: [
            ("0001 0003 617070", "", CoordinatorRecordError.unknownKeyVersion(schema: .transactionKey, version: 1)),
            (
                "0000 0003 6170", "",
                .unreadable(schema: .transactionKey, .invalidLength(offset: 4, length: 3))
            ),
            ("0000 0003 617070", "0002", .unknownValueVersion(schema: .transactionValue, version: 2)),
            (
                "0000 0003 617070", "0001 0000000000000001 0000 00000001 07",
                .invalidField(schema: .transactionValue, field: "TransactionStatus", value: 7)
            ),
            (
                "0000 0003 617070", "0001 ffffffffffffffff 0000 00000001 01",
                .invalidField(schema: .transactionValue, field: "ProducerId", value: -1)
            ),
            (
                "0000 0003 617070",
                "0001 0000000000000001 0000 00000001 00 00 0000000000000002 ffffffffffffffff 01 02 02 0009",
                .invalidField(schema: .transactionValue, field: "ClientTransactionVersion", value: 9)
            ),
        ]
    )
    func unreadable(key: String, value: String, expected: CoordinatorRecordError) {
        #expect(throws: expected) { try TransactionRecord(key: bytes(key), value: bytes(value)) }
    }
}
