import MillracePrimitives

/// Divides partitions among the members of a consumer group in ranges, as Kafka's assignor `range` does.
///
/// Each topic's partitions are laid out in order and cut into as many runs as members subscribe to it, the first ones
/// longer by one where it does not divide evenly. Members are taken in the same order for every topic, so topics with
/// the same number of partitions and the same subscribers give each member the same partition numbers: what joins need.
enum RangeAssignor {
    static func assign(
        _ members: [SubscribedMember],
        partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        var assignments: [String: [TopicPartition]] = [:]
        for member in members { assignments[member.memberId] = [] }
        for (topic, count, memberIds) in members.subscribers(partitionCounts: partitionCounts) {
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
