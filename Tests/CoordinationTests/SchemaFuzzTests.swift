import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Damaged records")
struct SchemaFuzzTests {
    /// Whole keys and values of every kind, to be damaged.
    private static var samples: [(key: [UInt8], value: [UInt8])] {
        var transaction = TransactionSchemaTests.metadata
        transaction.nextProducer = ProducerIdentity(id: 2_000, epoch: 0)
        let transactions = [TransactionRecord(transactionalId: "app", metadata: transaction)]
        let topicId = Identifier128(high: 1, low: 2)
        let groups: [GroupRecord] = [
            .group("g", GroupSchemaTests.group),
            .offset(GroupSchemaTests.key, OffsetValue(offset: 1, metadata: "m", commitMs: 2)),
            .offset(GroupSchemaTests.key, OffsetValue(offset: 1, metadata: "m", commitMs: 2, topicId: topicId)),
        ]
        let flexibleGroup = bytes(
            """
            0004 09 636f6e73756d6572 00000003 06 72616e6765 04 6d2d31 00000000000f4240
            02 04 6d2d31 00 02 63 03 2f68 000493e0 0000afc8 03 0102 02 03 00 00
            """
        )
        return transactions.map { ($0.keyBytes, $0.valueBytes ?? []) }
            + groups.map { ($0.keyBytes, $0.valueBytes ?? []) }
            + [(bytes("0002 0001 67"), flexibleGroup)]
            + PartitionAssignor.allCases.map { assignor in
                let partitions = [TopicPartition("orders", 0), TopicPartition("orders", 1)]
                let subscription = assignor.subscription(
                    topics: ["orders"],
                    owned: assignor.isCooperative ? partitions : [],
                    previous: partitions,
                    generation: 3
                )
                return (bytes("0002 0001 67"), subscription.encoded())
            }
    }

    private func decodeAll(key: [UInt8], value: [UInt8]) {
        if let record = try? TransactionRecord(key: key, value: value) {
            // What could be read can be applied and written.
            var coordinator = TransactionCoordinator()
            coordinator.replay(record)
            _ = coordinator.pendingMarkers()
            _ = coordinator.expireTransactions(now: .max)
            _ = coordinator.expireTransactionalIds(now: .max)
            _ = record.valueBytes
        }
        if let record = try? GroupRecord(key: key, value: value) {
            var coordinator = GroupCoordinator(random: SeededRandom(seed: 1))
            coordinator.replay(record)
            _ = coordinator.completeLoading(now: 5)
            _ = coordinator.tick(now: .max)
            _ = coordinator.expireOffsets(now: .max)
            _ = record.valueBytes
        }
        _ = try? ConsumerSubscription(decoding: value)
        _ = try? ConsumerAssignment(decoding: value)
        for assignor in PartitionAssignor.allCases {
            let member = assignor.member(memberId: "m", groupInstanceId: nil, metadata: value)
            if let member { _ = assignor.assign([member], partitionCounts: ["orders": 2]) }
        }
        _ = try? StickyUserData(decoding: value)
    }

    @Test("Every truncation is read or refused, and never traps")
    func truncations() {
        for sample in Self.samples {
            for count in 0...sample.value.count {
                decodeAll(key: sample.key, value: Array(sample.value.prefix(count)))
            }
            for count in 0...sample.key.count {
                decodeAll(key: Array(sample.key.prefix(count)), value: sample.value)
            }
        }
    }

    @Test(
        "Flipped bytes and random bytes are read or refused, and never trap",
        arguments: [11, 12, 13, 14] as [UInt64]
    )
    func damage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let samples = Self.samples
        for _ in 0..<3_000 {
            var (key, value) = samples[Int.random(in: samples.indices, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                value[Int.random(in: value.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            if Bool.random(using: &random) {
                key[Int.random(in: key.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            decodeAll(key: key, value: value)
            let noise = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            decodeAll(key: samples[Int.random(in: samples.indices, using: &random)].key, value: noise)
            decodeAll(key: noise, value: value)
        }
    }

    @Test("A huge count is refused before anything is allocated for it")
    func hugeCounts() {
        let values = [
            "0003 0008 636f6e73756d6572 00000003 ffff ffff 0000000000000000 7fffffff",
            "0003 7fffffff",
        ]
        for value in values {
            #expect(throws: CoordinatorRecordError.self) {
                try GroupRecord(key: bytes("0002 0001 67"), value: bytes(value))
            }
            #expect(throws: CoordinatorRecordError.self) { try ConsumerSubscription(decoding: bytes("0000 7fffffff")) }
        }
    }
}
