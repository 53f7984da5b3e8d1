/// What the runtime finds the caller of a join or sync by when it is answered.
package typealias GroupReplyToken = UInt64

/// One of the protocols that a member can work with, and what it says for it.
package struct GroupProtocol: Hashable, Sendable {
    /// The protocol's name: for consumers, that of an assignor.
    package var name: String
    /// What the member says; for consumers, an encoded `ConsumerSubscription`.
    package var metadata: [UInt8]

    /// Makes a protocol.
    package init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

/// A request to join a group.
package struct JoinGroupRequest: Hashable, Sendable {
    /// The group.
    package var groupId: String
    /// The member's id; empty for a new member.
    package var memberId: String
    /// The static member's instance id (KIP-345).
    package var groupInstanceId: String?
    /// The client's name for itself.
    package var clientId: String
    /// Where the client is; `GroupCoordinator.inProcessHost` for members in this process.
    package var clientHost: String
    /// After how long a silence the member is removed, in milliseconds.
    package var sessionTimeoutMs: Int32
    /// How long a rebalance waits for the member, in milliseconds.
    package var rebalanceTimeoutMs: Int32
    /// What the members of the group do; `consumer` for consumers.
    package var protocolType: String
    /// The protocols that the member can work with, the preferred first.
    package var protocols: [GroupProtocol]
    /// Whether a new member without instance id first gets its id and joins again with it, so that a lost answer leaves
    /// no member behind (KIP-394). Members in this process need not: their answers are not lost.
    package var requiresKnownMemberId: Bool
    /// Whether the client understands that a restarted static leader need not assign (KIP-814).
    package var canSkipAssignment: Bool

    /// Makes a request.
    package init(
        groupId: String,
        memberId: String = "",
        groupInstanceId: String? = nil,
        clientId: String,
        clientHost: String = GroupCoordinator.inProcessHost,
        sessionTimeoutMs: Int32 = 45_000,
        rebalanceTimeoutMs: Int32 = 300_000,
        protocolType: String = GroupCoordinator.consumerProtocolType,
        protocols: [GroupProtocol],
        requiresKnownMemberId: Bool = false,
        canSkipAssignment: Bool = true
    ) {
        self.groupId = groupId
        self.memberId = memberId
        self.groupInstanceId = groupInstanceId
        self.clientId = clientId
        self.clientHost = clientHost
        self.sessionTimeoutMs = sessionTimeoutMs
        self.rebalanceTimeoutMs = rebalanceTimeoutMs
        self.protocolType = protocolType
        self.protocols = protocols
        self.requiresKnownMemberId = requiresKnownMemberId
        self.canSkipAssignment = canSkipAssignment
    }
}

/// A request for the member's assignment, which brings everybody's if it is the leader's.
package struct SyncGroupRequest: Hashable, Sendable {
    /// The group.
    package var groupId: String
    /// The member's id.
    package var memberId: String
    /// The static member's instance id.
    package var groupInstanceId: String?
    /// The generation that the member joined.
    package var generation: Int32
    /// What the member takes the protocol's type to be; nil from clients that do not say (KIP-559).
    package var protocolType: String?
    /// What the member takes the chosen protocol to be; nil from clients that do not say.
    package var protocolName: String?
    /// The leader's assignments, by member id; empty from the others.
    package var assignments: [String: [UInt8]]

    /// Makes a request.
    package init(
        groupId: String,
        memberId: String,
        groupInstanceId: String? = nil,
        generation: Int32,
        protocolType: String? = nil,
        protocolName: String? = nil,
        assignments: [String: [UInt8]] = [:]
    ) {
        self.groupId = groupId
        self.memberId = memberId
        self.groupInstanceId = groupInstanceId
        self.generation = generation
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}

/// A member that leaves: by its id, or, when an administrator removes a static member, by its instance id alone.
package struct LeavingMember: Hashable, Sendable {
    /// The member's id; empty to name a static member by its instance id.
    package var memberId: String
    /// The static member's instance id.
    package var groupInstanceId: String?

    /// Names a member.
    package init(memberId: String, groupInstanceId: String? = nil) {
        self.memberId = memberId
        self.groupInstanceId = groupInstanceId
    }
}
