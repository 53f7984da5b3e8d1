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

@Suite("The range assignor")
struct RangeAssignorTests {
    private typealias Member = RangeAssignor.Member

    @Test("The first members get one partition more where it does not divide evenly")
    func uneven() {
        let members = ["c", "a", "b"].map { Member(memberId: $0, topics: ["t"]) }
        let assigned = RangeAssignor.assign(members, partitionCounts: ["t": 7])
        #expect(assigned["a"]?.map(\.partition) == [0, 1, 2])
        #expect(assigned["b"]?.map(\.partition) == [3, 4])
        #expect(assigned["c"]?.map(\.partition) == [5, 6])
    }

    @Test("Topics with equal partition counts give each member the same numbers")
    func copartitioned() {
        let members = (0..<3).map { Member(memberId: "m\($0)", topics: ["left", "right"]) }
        let assigned = RangeAssignor.assign(members, partitionCounts: ["left": 8, "right": 8])
        for (memberId, partitions) in assigned {
            let left = partitions.filter { $0.topic == "left" }.map(\.partition)
            let right = partitions.filter { $0.topic == "right" }.map(\.partition)
            #expect(left == right, "member \(memberId)")
        }
        #expect(assigned.values.map(\.count).reduce(0, +) == 16)
    }

    @Test("A member gets partitions of its own topics only, and topics that do not exist are left out")
    func subscriptions() {
        let members = [
            Member(memberId: "a", topics: ["x", "x", "gone"]),
            Member(memberId: "b", topics: ["x", "y"]),
            Member(memberId: "c", topics: []),
        ]
        let assigned = RangeAssignor.assign(members, partitionCounts: ["x": 2, "y": 1])
        #expect(assigned["a"] == [TopicPartition("x", 0)])
        #expect(assigned["b"] == [TopicPartition("x", 1), TopicPartition("y", 0)])
        #expect(assigned["c"] == [])
    }

    @Test("With more members than partitions the last ones get none")
    func tooManyMembers() {
        let members = ["a", "b", "c"].map { Member(memberId: $0, topics: ["t"]) }
        let assigned = RangeAssignor.assign(members, partitionCounts: ["t": 2])
        #expect(assigned["c"] == [])
    }

    @Test("Static members are ordered by instance id, before the others")
    func staticMembers() {
        let members = [
            Member(memberId: "a", topics: ["t"]),
            Member(memberId: "z-2", groupInstanceId: "1", topics: ["t"]),
            Member(memberId: "z-1", groupInstanceId: "2", topics: ["t"]),
        ]
        let assigned = RangeAssignor.assign(members, partitionCounts: ["t": 3])
        #expect(assigned["z-2"] == [TopicPartition("t", 0)])
        #expect(assigned["z-1"] == [TopicPartition("t", 1)])
        #expect(assigned["a"] == [TopicPartition("t", 2)])
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
