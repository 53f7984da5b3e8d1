import MillracePrimitives

/// What came of an event: first append and replay the records; then, once they are durable, send the replies. If the
/// records cannot be appended, answer the replies' tokens with COORDINATOR_NOT_AVAILABLE instead: the members join anew.
package struct GroupOutcome: Hashable, Sendable {
    /// What has to be written, in order.
    package var records: [GroupRecord] = []
    /// Whom to answer what.
    package var replies: [GroupReply] = []

    /// Nothing.
    package init() {}

    mutating func reply(_ token: GroupReplyToken, _ answer: GroupAnswer) {
        replies.append(GroupReply(token: token, answer: answer))
    }
}

/// An answer and whom it is for. Each token is answered once.
package struct GroupReply: Hashable, Sendable {
    /// The caller.
    package var token: GroupReplyToken
    /// The answer.
    package var answer: GroupAnswer
}

/// The answer to a join or sync.
package enum GroupAnswer: Hashable, Sendable {
    /// The member has joined.
    case joined(JoinedGroup)
    /// The member has not joined. With MEMBER_ID_REQUIRED, `memberId` is the id to join again with.
    case joinRefused(CoordinatorError, memberId: String)
    /// The member's assignment.
    case synced(SyncedGroup)
    /// There is no assignment.
    case syncRefused(CoordinatorError)
}

/// How the group looks to a member that joined.
package struct JoinedGroup: Hashable, Sendable {
    /// A member, as the leader sees it.
    package struct Member: Hashable, Sendable {
        /// The member's id.
        package var memberId: String
        /// The static member's instance id.
        package var groupInstanceId: String?
        /// What it said for the chosen protocol.
        package var metadata: [UInt8]
    }

    /// The member's id from now on.
    package var memberId: String
    /// The generation, to be given with syncs, heartbeats and commits.
    package var generation: Int32
    /// What the members do.
    package var protocolType: String
    /// The chosen protocol.
    package var protocolName: String
    /// The leading member's id.
    package var leaderId: String
    /// For the leader, all members, sorted by id; for the others, none.
    package var members: [Member]
    /// The leader is to take the assignment as it is (KIP-814).
    package var skipsAssignment: Bool

    /// Whether this member leads.
    package var isLeader: Bool { memberId == leaderId }
}

/// A member's assignment.
package struct SyncedGroup: Hashable, Sendable {
    /// What the members do.
    package var protocolType: String
    /// The chosen protocol.
    package var protocolName: String
    /// What the leader assigned; for consumers, an encoded `ConsumerAssignment`. Empty if it left the member out.
    package var assignment: [UInt8]
}

/// What came of leaving.
package struct LeaveOutcome: Hashable, Sendable {
    /// For each member, in the order of the request, why it was not removed; nil if it was.
    package var refusals: [CoordinatorError?] = []
    /// What follows for the others.
    package var outcome = GroupOutcome()
}
