import MillracePrimitives

/// Divides partitions among the members of a consumer group in ranges, as Kafka's assignor `range` does.
///
/// Each topic's partitions are laid out in order and cut into as many runs as members subscribe to it, the first ones
/// longer by one where it does not divide evenly. Members are taken in the same order for every topic, so topics with
/// the same number of partitions and the same subscribers give each member the same partition numbers: what joins need.
package enum RangeAssignor {
    /// The name under which members offer it.
    package static let name = "range"

    /// A member to assign to.
    package struct Member: Hashable, Sendable {
        /// The member's id.
        package var memberId: String
        /// A static member's instance id, by which it is ordered, so that it keeps its partitions over a restart.
        package var groupInstanceId: String?
        /// What it subscribes to.
        package var topics: [String]

        /// Makes a member.
        package init(memberId: String, groupInstanceId: String? = nil, topics: [String]) {
            self.memberId = memberId
            self.groupInstanceId = groupInstanceId
            self.topics = topics
        }

        /// Static members first, by instance id; then the others by member id.
        fileprivate static func precedes(_ left: Member, _ right: Member) -> Bool {
            switch (left.groupInstanceId, right.groupInstanceId) {
            case (let left?, let right?): left < right
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): left.memberId < right.memberId
            }
        }
    }

    /// Each member's partitions, sorted; a member that gets none has an empty list. Topics without a known number of
    /// partitions are left out.
    package static func assign(
        _ members: [Member],
        partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        var assignments: [String: [TopicPartition]] = [:]
        for member in members { assignments[member.memberId] = [] }
        let ordered = members.sorted(by: Member.precedes)
        var subscribers: [String: [String]] = [:]
        for member in ordered {
            for topic in Set(member.topics) { subscribers[topic, default: []].append(member.memberId) }
        }
        for (topic, memberIds) in subscribers.sorted(by: { $0.key < $1.key }) {
            guard let count = partitionCounts[topic], count > 0 else { continue }
            let share = Int(count) / memberIds.count
            let longer = Int(count) % memberIds.count
            var next = 0
            for (index, memberId) in memberIds.enumerated() {
                let end = next + share + (index < longer ? 1 : 0)
                for partition in next..<end {
                    assignments[memberId, default: []].append(TopicPartition(topic, Int32(partition)))
                }
                next = end
            }
        }
        return assignments
    }
}
