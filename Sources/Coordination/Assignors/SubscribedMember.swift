import MillracePrimitives

/// A member of a consumer group, as an assignor sees it.
package struct SubscribedMember: Hashable, Sendable {
    /// The member's id.
    package var memberId: String
    /// A static member's instance id, by which it is ordered, so that it keeps its partitions over a restart.
    package var groupInstanceId: String?
    /// What it subscribes to.
    package var topics: [String]
    /// The partitions that it has, or had before it gave them back for this rebalance.
    package var ownedPartitions: [TopicPartition]
    /// The generation in which it got them; -1 if it is not known.
    package var generation: Int32

    /// Makes a member.
    package init(
        memberId: String,
        groupInstanceId: String? = nil,
        topics: [String],
        ownedPartitions: [TopicPartition] = [],
        generation: Int32 = -1
    ) {
        self.memberId = memberId
        self.groupInstanceId = groupInstanceId
        self.topics = topics
        self.ownedPartitions = ownedPartitions
        self.generation = generation
    }

    /// The order of members in every assignor: static members first, by instance id; then the others by member id.
    static func precedes(_ left: SubscribedMember, _ right: SubscribedMember) -> Bool {
        switch (left.groupInstanceId, right.groupInstanceId) {
        case (let left?, let right?): left < right
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): left.memberId < right.memberId
        }
    }
}

extension [SubscribedMember] {
    /// The ids of the members of each topic that has partitions, in the members' order; topics sorted by name.
    func subscribers(
        partitionCounts: [String: Int32]
    ) -> [(topic: String, partitionCount: Int32, memberIds: [String])] {
        var memberIds: [String: [String]] = [:]
        for member in sorted(by: SubscribedMember.precedes) {
            for topic in Set(member.topics) { memberIds[topic, default: []].append(member.memberId) }
        }
        return memberIds.sorted { $0.key < $1.key }.compactMap { topic, memberIds in
            guard let count = partitionCounts[topic], count > 0 else { return nil }
            return (topic, count, memberIds)
        }
    }
}
