import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// The leader's work in one generation of a group: divides the partitions, and remembers of how many, so that it notices
/// when they become more, and when a topic comes or goes.
struct GroupLeadership {
    private let assignor: PartitionAssignor
    private let members: [SubscribedMember]
    private let partitionCounts: [String: Int32]

    init(_ joined: JoinedGroup, on broker: EmbeddedBroker) throws(ClientError) {
        guard let assignor = PartitionAssignor(name: joined.protocolName) else {
            throw ClientError(
                .inconsistentGroup,
                "the group chose the strategy \"\(joined.protocolName)\", which this leader did not offer"
            )
        }
        self.assignor = assignor
        // A member whose subscription cannot be read gets nothing.
        members = joined.members.compactMap { member in
            assignor.member(
                memberId: member.memberId,
                groupInstanceId: member.groupInstanceId,
                metadata: member.metadata
            )
        }
        partitionCounts = Self.count(Set(members.flatMap(\.topics)), on: broker)
    }

    /// What each member gets, encoded for it.
    var assignments: [String: [UInt8]] {
        assignor.assign(members, partitionCounts: partitionCounts)
            .mapValues { ConsumerAssignment(partitions: $0).encoded() }
    }

    /// Whether the partitions are not those that were divided.
    func isOutdated(on broker: EmbeddedBroker) -> Bool {
        Self.count(Set(members.flatMap(\.topics)), on: broker) != partitionCounts
    }

    private static func count(_ topics: Set<String>, on broker: EmbeddedBroker) -> [String: Int32] {
        var counts: [String: Int32] = [:]
        for topic in topics { counts[topic] = broker.topic(topic)?.record.partitionCount }
        return counts
    }
}
