import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Producer id blocks")
struct ProducerIdBlockTests {
    @Test("Each id is given once, and an exhausted block gives none until it is refilled")
    func take() {
        var block = ProducerIdBlock(10..<12)
        #expect(block.take() == 10)
        #expect(!block.isExhausted)
        #expect(block.take() == 11)
        #expect(block.isExhausted)
        #expect(block.take() == nil)
        block.refill(12..<1_012)
        #expect(block.remaining == ProducerIdBlock.defaultSize)
        #expect(block.take() == 12)
    }
}

@Suite("Partitions of internal topics")
struct CoordinatorPartitionTests {
    @Test(
        "They are Kafka's",
        arguments: [
            // Java: "".hashCode() = 0, "a" = 97, "app" = 96801, "polygenelubricants" = Integer.MIN_VALUE.
            ("", 50, 0),
            ("a", 50, 47),
            ("app", 50, 1),
            ("polygenelubricants", 50, 0),
            // 1772899, over the two units of a surrogate pair.
            ("\u{1f600}", 50, 49),
            // -1738392088
            ("consumer-group", 50, 38),
            ("app", 1, 0),
        ] as [(String, Int32, Int32)]
    )
    func partition(key: String, count: Int32, expected: Int32) {
        #expect(coordinatorPartition(forKey: key, partitionCount: count) == expected)
    }
}

@Suite("Error codes")
struct CoordinatorErrorTests {
    @Test("They have Kafka's numbers and names")
    func codes() {
        let expected: [CoordinatorErrorCode: Int16] = [
            .offsetMetadataTooLarge: 12, .illegalGeneration: 22, .inconsistentGroupProtocol: 23, .unknownMemberId: 25,
            .invalidSessionTimeout: 26, .rebalanceInProgress: 27, .invalidProducerEpoch: 47,
            .invalidTransactionState: 48, .invalidProducerIdMapping: 49, .invalidTransactionTimeout: 50,
            .concurrentTransactions: 51, .transactionCoordinatorFenced: 52, .nonEmptyGroup: 68, .groupIdNotFound: 69,
            .memberIdRequired: 79, .fencedInstanceId: 82, .unstableOffsetCommit: 88, .producerFenced: 90,
        ]
        for (code, number) in expected { #expect(code.rawValue == number, "\(code.name)") }
        #expect(Set(CoordinatorErrorCode.allCases.map(\.name)).count == CoordinatorErrorCode.allCases.count)
        let error = CoordinatorError(.producerFenced, "close it")
        #expect(error.description == "PRODUCER_FENCED: close it")
    }
}
