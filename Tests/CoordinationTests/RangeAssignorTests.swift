import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("The range assignor")
struct RangeAssignorTests {
    private typealias Member = SubscribedMember

    @Test("The first members get one partition more where it does not divide evenly")
    func uneven() {
        let members = ["c", "a", "b"].map { Member(memberId: $0, topics: ["t"]) }
        let assigned = PartitionAssignor.range.assign(members, partitionCounts: ["t": 7])
        #expect(assigned["a"]?.map(\.partition) == [0, 1, 2])
        #expect(assigned["b"]?.map(\.partition) == [3, 4])
        #expect(assigned["c"]?.map(\.partition) == [5, 6])
    }

    @Test("Topics with equal partition counts give each member the same numbers")
    func copartitioned() {
        let members = (0..<3).map { Member(memberId: "m\($0)", topics: ["left", "right"]) }
        let assigned = PartitionAssignor.range.assign(members, partitionCounts: ["left": 8, "right": 8])
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
        let assigned = PartitionAssignor.range.assign(members, partitionCounts: ["x": 2, "y": 1])
        #expect(assigned["a"] == [TopicPartition("x", 0)])
        #expect(assigned["b"] == [TopicPartition("x", 1), TopicPartition("y", 0)])
        #expect(assigned["c"] == [])
    }

    @Test("With more members than partitions the last ones get none")
    func tooManyMembers() {
        let members = ["a", "b", "c"].map { Member(memberId: $0, topics: ["t"]) }
        let assigned = PartitionAssignor.range.assign(members, partitionCounts: ["t": 2])
        #expect(assigned["c"] == [])
    }

    @Test("Static members are ordered by instance id, before the others")
    func staticMembers() {
        let members = [
            Member(memberId: "a", topics: ["t"]),
            Member(memberId: "z-2", groupInstanceId: "1", topics: ["t"]),
            Member(memberId: "z-1", groupInstanceId: "2", topics: ["t"]),
        ]
        let assigned = PartitionAssignor.range.assign(members, partitionCounts: ["t": 3])
        #expect(assigned["z-2"] == [TopicPartition("t", 0)])
        #expect(assigned["z-1"] == [TopicPartition("t", 1)])
        #expect(assigned["a"] == [TopicPartition("t", 2)])
    }
}
