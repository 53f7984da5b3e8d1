import MillracePrimitives

/// A record of `__consumer_offsets`; without a value it is a tombstone.
package enum GroupRecord: Hashable, Sendable {
    /// What a group committed for a partition.
    case offset(OffsetKey, OffsetValue?)
    /// Who belongs to a group, as of its last rebalance.
    case group(String, GroupMetadata?)
}

/// Whose offset of which partition.
package struct OffsetKey: Hashable, Sendable {
    /// The group.
    package var groupId: String
    /// The partition.
    package var partition: TopicPartition

    /// Makes a key.
    package init(groupId: String, partition: TopicPartition) {
        self.groupId = groupId
        self.partition = partition
    }
}

/// A committed offset as it is stored.
package struct OffsetValue: Hashable, Sendable {
    /// The next offset to read.
    package var offset: Int64
    /// The leader epoch of the last record read; -1 if not known.
    package var leaderEpoch: Int32 = -1
    /// What the application wanted to remember.
    package var metadata: String = ""
    /// When it was committed, in milliseconds since 1970.
    package var commitMs: Int64
    /// When it expires at the wish of an old client, in milliseconds since 1970; -1 to follow the group's retention.
    package var expireMs: Int64 = -1
    /// The topic's id; nil if it was not known.
    package var topicId: Identifier128?

    /// Makes a value.
    package init(
        offset: Int64,
        leaderEpoch: Int32 = -1,
        metadata: String = "",
        commitMs: Int64,
        expireMs: Int64 = -1,
        topicId: Identifier128? = nil
    ) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitMs = commitMs
        self.expireMs = expireMs
        self.topicId = topicId
    }

    /// What a client gets to see.
    package var committed: CommittedOffset {
        CommittedOffset(offset: offset, leaderEpoch: leaderEpoch < 0 ? nil : leaderEpoch, metadata: metadata)
    }
}

/// A group as it is stored.
package struct GroupMetadata: Hashable, Sendable {
    /// What the members do; `consumer` for consumers.
    package var protocolType: String
    /// How many rebalances there were.
    package var generation: Int32
    /// The chosen protocol; nil in an empty group.
    package var protocolName: String?
    /// The leading member's id; nil in an empty group.
    package var leader: String?
    /// When the group came into its state, in milliseconds since 1970; -1 if not known.
    package var stateChangedMs: Int64
    /// The members, sorted by id.
    package var members: [GroupMemberMetadata]

    /// Makes a group.
    package init(
        protocolType: String,
        generation: Int32,
        protocolName: String? = nil,
        leader: String? = nil,
        stateChangedMs: Int64 = -1,
        members: [GroupMemberMetadata] = []
    ) {
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.stateChangedMs = stateChangedMs
        self.members = members
    }
}

/// A member of a group as it is stored.
package struct GroupMemberMetadata: Hashable, Sendable {
    /// The member's id.
    package var memberId: String
    /// A static member's instance id.
    package var groupInstanceId: String?
    /// The client's name for itself.
    package var clientId: String
    /// Where the client is.
    package var clientHost: String
    /// How long a rebalance waits for the member, in milliseconds.
    package var rebalanceTimeoutMs: Int32
    /// After how long a silence the member is removed, in milliseconds.
    package var sessionTimeoutMs: Int32
    /// What the member said for the chosen protocol.
    package var subscription: [UInt8]
    /// What the leader assigned to it.
    package var assignment: [UInt8]

    /// Makes a member.
    package init(
        memberId: String,
        groupInstanceId: String? = nil,
        clientId: String,
        clientHost: String,
        rebalanceTimeoutMs: Int32,
        sessionTimeoutMs: Int32,
        subscription: [UInt8],
        assignment: [UInt8]
    ) {
        self.memberId = memberId
        self.groupInstanceId = groupInstanceId
        self.clientId = clientId
        self.clientHost = clientHost
        self.rebalanceTimeoutMs = rebalanceTimeoutMs
        self.sessionTimeoutMs = sessionTimeoutMs
        self.subscription = subscription
        self.assignment = assignment
    }
}
