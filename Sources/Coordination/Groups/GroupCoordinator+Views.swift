import MillracePrimitives

/// A group as it is shown to people.
package struct GroupDescription: Hashable, Sendable {
    /// A member of the group.
    package struct Member: Hashable, Sendable {
        /// The member's id.
        package var memberId: String
        /// The static member's instance id.
        package var groupInstanceId: String?
        /// The client's name for itself.
        package var clientId: String
        /// Where the client is.
        package var clientHost: String
        /// What it said for the chosen protocol; empty while a rebalance is under way.
        package var metadata: [UInt8]
        /// What it was assigned; empty while a rebalance is under way.
        package var assignment: [UInt8]
    }

    /// The group.
    package var groupId: String
    /// Where it is in its cycle; `dead` if there is no such group.
    package var state: GroupState
    /// How many rebalances there were.
    package var generation: Int32
    /// What the members do; empty for a group that only has offsets.
    package var protocolType: String
    /// The chosen protocol; empty while a rebalance is under way.
    package var protocolName: String
    /// The leading member's id.
    package var leaderId: String?
    /// The members, sorted by id.
    package var members: [Member]
}

extension GroupCoordinator {
    /// One group; a group that is not known is described as `dead`, as Kafka does.
    package func describe(_ groupId: String) -> GroupDescription {
        guard let group = groups[groupId] else {
            return GroupDescription(
                groupId: groupId,
                state: exists(groupId) ? .empty : .dead,
                generation: 0,
                protocolType: "",
                protocolName: "",
                leaderId: nil,
                members: []
            )
        }
        let isStable = group.state == .stable
        return GroupDescription(
            groupId: groupId,
            state: group.state,
            generation: group.generation,
            protocolType: group.protocolType ?? "",
            protocolName: isStable ? group.protocolName ?? "" : "",
            leaderId: group.leaderId,
            members: group.members.values.sorted { $0.memberId < $1.memberId }.map { member in
                GroupDescription.Member(
                    memberId: member.memberId,
                    groupInstanceId: member.groupInstanceId,
                    clientId: member.clientId,
                    clientHost: member.clientHost,
                    metadata: isStable ? member.metadata(for: group.protocolName) : [],
                    assignment: isStable ? member.assignment : []
                )
            }
        )
    }

    /// All groups, sorted by id; if given, only those in one of the states.
    package func list(states: Set<GroupState> = []) -> [GroupDescription] {
        let groupIds = Set(groups.keys).union(log.offsets.keys).union(log.groups.keys)
        return groupIds.sorted().map(describe).filter { states.isEmpty || states.contains($0.state) }
    }
}
