import MillracePrimitives

/// Deals partitions out to the members of a consumer group one by one, as Kafka's assignor `roundrobin` does.
///
/// All partitions of all topics are laid out in order, and each goes to the next member that subscribes to its topic.
/// Where all subscribe to the same topics, no member gets more than one partition above any other.
enum RoundRobinAssignor {
    static func assign(
        _ members: [SubscribedMember],
        partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        let ordered = members.sorted(by: SubscribedMember.precedes)
        var assignments: [String: [TopicPartition]] = [:]
        for member in ordered { assignments[member.memberId] = [] }
        var next = 0
        for (topic, count, memberIds) in members.subscribers(partitionCounts: partitionCounts) {
            let subscribers = Set(memberIds)
            for partition in 0..<count {
                // Ends, because a topic in this list has a subscriber.
                while !subscribers.contains(ordered[next].memberId) { next = (next + 1) % ordered.count }
                assignments[ordered[next].memberId, default: []].append(TopicPartition(topic, partition))
                next = (next + 1) % ordered.count
            }
        }
        return assignments
    }
}
