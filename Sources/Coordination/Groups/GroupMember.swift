/// A member of a group while it lives.
struct GroupMember: Hashable, Sendable {
    var memberId: String
    let groupInstanceId: String?
    var clientId: String
    var clientHost: String
    var sessionTimeoutMs: Int32
    var rebalanceTimeoutMs: Int32
    var protocols: [GroupProtocol]
    var assignment: [UInt8] = []
    /// The caller of a join that waits for the rebalance.
    var joinToken: GroupReplyToken?
    /// The caller of a sync that waits for the leader's assignment.
    var syncToken: GroupReplyToken?
    /// Whether it never took part in a completed rebalance. Such a member may have vanished with its first join, so its
    /// waiting does not keep it alive for ever.
    var isNew = false
    /// When it is removed unless it is heard of, in milliseconds.
    var sessionDeadline: Int64

    /// Whether the session may run out now: a known member that waits for an answer cannot report.
    var isSessionRunning: Bool {
        if joinToken != nil { return isNew }
        return syncToken == nil
    }

    var protocolNames: Set<String> { Set(protocols.map(\.name)) }

    /// What it said for a protocol; empty if nothing.
    func metadata(for protocolName: String?) -> [UInt8] {
        protocols.first { $0.name == protocolName }?.metadata ?? []
    }

    mutating func extendSession(now: Int64) {
        sessionDeadline = now.later(byMs: Int64(sessionTimeoutMs))
    }
}
