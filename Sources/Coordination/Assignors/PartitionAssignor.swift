import MillracePrimitives

/// How the leader of a consumer group divides the partitions: Kafka's client-side assignors, under Kafka's names.
///
/// Pure: members and partition counts in, each member's partitions out, the same whoever leads. Racks are ignored, since
/// the embedded broker has none.
package enum PartitionAssignor: String, Hashable, Sendable, CaseIterable {
    /// Runs of each topic's partitions; members keep equal numbers across topics.
    case range
    /// One by one.
    case roundRobin = "roundrobin"
    /// Even, with few moves; all partitions are given back while it is decided.
    case sticky
    /// Even, with few moves; only what moves is given back, and moves in a second rebalance (KIP-429).
    case cooperativeSticky = "cooperative-sticky"

    /// The name under which members offer it.
    package var name: String { rawValue }

    /// The assignor of this name; nil if there is none.
    package init?(name: String) {
        self.init(rawValue: name)
    }

    /// Whether members that use it may keep their partitions while they join again.
    package var isCooperative: Bool { self == .cooperativeSticky }

    /// What a member says for this assignor when it joins.
    ///
    /// - Parameters:
    ///   - topics: what it subscribes to.
    ///   - owned: the partitions that it has now. Under an eager protocol it has given back all, so they are none.
    ///   - previous: the partitions that it had before it gave any back.
    ///   - generation: the generation in which it got them; -1 for none.
    package func subscription(
        topics: [String],
        owned: [TopicPartition],
        previous: [TopicPartition],
        generation: Int32
    ) -> ConsumerSubscription {
        let userData: [UInt8]? =
            switch self {
            case .range, .roundRobin: nil
            case .sticky:
                previous.isEmpty ? nil : StickyUserData(previous: previous, generation: generation).encoded()
            case .cooperativeSticky: CooperativeStickyUserData(generation: generation).encoded()
            }
        return ConsumerSubscription(
            topics: topics,
            userData: userData,
            ownedPartitions: owned,
            generation: generation
        )
    }

    /// A member, from what it said when it joined; nil if that cannot be read.
    package func member(
        memberId: String,
        groupInstanceId: String?,
        metadata: [UInt8]
    ) -> SubscribedMember? {
        guard let subscription = try? ConsumerSubscription(decoding: metadata) else { return nil }
        var member = SubscribedMember(
            memberId: memberId,
            groupInstanceId: groupInstanceId,
            topics: subscription.topics,
            ownedPartitions: subscription.ownedPartitions,
            generation: subscription.generation
        )
        switch self {
        case .range, .roundRobin: break
        case .sticky:
            guard member.ownedPartitions.isEmpty, let userData = subscription.userData,
                let previous = try? StickyUserData(decoding: userData)
            else { break }
            member.ownedPartitions = previous.previous
            member.generation = previous.generation
        case .cooperativeSticky:
            // Version 1 of the subscription has no generation; then it is said here.
            guard member.generation < 0, let userData = subscription.userData,
                let said = try? CooperativeStickyUserData(decoding: userData)
            else { break }
            member.generation = said.generation
        }
        return member
    }

    /// Each member's partitions, sorted; a member that gets none has an empty list. Every partition of a topic that
    /// somebody subscribes to goes to one subscriber, but for those that `cooperativeSticky` withholds until their owner
    /// has given them back. Topics without a known number of partitions are left out.
    package func assign(
        _ members: [SubscribedMember],
        partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        switch self {
        case .range: RangeAssignor.assign(members, partitionCounts: partitionCounts)
        case .roundRobin: RoundRobinAssignor.assign(members, partitionCounts: partitionCounts)
        case .sticky: StickyAssignor.assign(members, partitionCounts: partitionCounts)
        case .cooperativeSticky:
            Self.withhold(StickyAssignor.assign(members, partitionCounts: partitionCounts), members)
        }
    }

    /// Takes out of each member's assignment what another one still has: that one hears in this rebalance that it has to
    /// give it back, and the next rebalance, which it asks for when it has done so, hands it over (KIP-429).
    private static func withhold(
        _ assignments: [String: [TopicPartition]],
        _ members: [SubscribedMember]
    ) -> [String: [TopicPartition]] {
        var owners: [TopicPartition: Set<String>] = [:]
        for member in members {
            for partition in member.ownedPartitions { owners[partition, default: []].insert(member.memberId) }
        }
        var granted: [String: [TopicPartition]] = [:]
        for (memberId, partitions) in assignments {
            granted[memberId] = partitions.filter { (owners[$0] ?? []).subtracting([memberId]).isEmpty }
        }
        return granted
    }
}
