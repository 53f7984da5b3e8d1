/// One group of the classic protocol: who its members are and how far a rebalance is.
///
/// Owned by the coordinator, which calls it with the time and collects what follows in a `GroupOutcome`. It is not a
/// function of the log: members and waiting callers live in memory, and what the log keeps is written when a rebalance
/// is complete and when the group becomes empty, as Kafka does.
struct ClassicGroup: Hashable, Sendable {
    /// The wait for more members in the first rebalance of an empty group.
    struct InitialDelay: Hashable, Sendable {
        var deadline: Int64
        /// How much longer it may be put off for members that join meanwhile.
        var remainingMs: Int64
        var sawNewMember = false
    }

    let groupId: String
    private(set) var state = GroupState.empty
    private(set) var stateChangedMs: Int64
    var generation: Int32 = 0
    /// Nil as long as nobody has joined.
    var protocolType: String?
    var protocolName: String?
    var leaderId: String?
    var members: [String: GroupMember] = [:]
    /// Member ids by static instance id.
    var staticMembers: [String: String] = [:]
    /// Ids that were given out and not joined with yet, and until when they are waited for.
    var pendingMembers: [String: Int64] = [:]
    /// Members that joined this generation and have not synced yet.
    var pendingSync: Set<String> = []
    /// Set in `preparingRebalance`, if it is the first of an empty group.
    var initialDelay: InitialDelay?
    /// Until when `preparingRebalance` waits for members to join again.
    var joinDeadline: Int64?
    /// Until when members of this generation may sync for the first time.
    var syncDeadline: Int64?

    /// A new, empty group.
    init(groupId: String, now: Int64) {
        self.groupId = groupId
        stateChangedMs = now
    }

    /// A group as the log has it.
    init(groupId: String, metadata: GroupMetadata, now: Int64) {
        self.groupId = groupId
        stateChangedMs = metadata.stateChangedMs
        generation = metadata.generation
        protocolType = metadata.protocolType.isEmpty ? nil : metadata.protocolType
        guard !metadata.members.isEmpty else { return }
        state = .stable
        protocolName = metadata.protocolName
        for stored in metadata.members {
            var member = GroupMember(
                memberId: stored.memberId,
                groupInstanceId: stored.groupInstanceId,
                clientId: stored.clientId,
                clientHost: stored.clientHost,
                sessionTimeoutMs: stored.sessionTimeoutMs,
                rebalanceTimeoutMs: stored.rebalanceTimeoutMs,
                protocols: [GroupProtocol(name: metadata.protocolName ?? "", metadata: stored.subscription)],
                assignment: stored.assignment,
                sessionDeadline: now
            )
            member.extendSession(now: now)
            add(member)
        }
        leaderId = metadata.leader.flatMap { members[$0] == nil ? nil : $0 } ?? members.keys.min()
    }

    /// What the log keeps.
    var metadata: GroupMetadata {
        GroupMetadata(
            protocolType: protocolType ?? "",
            generation: generation,
            protocolName: protocolName,
            leader: leaderId,
            stateChangedMs: stateChangedMs,
            members: members.values.sorted { $0.memberId < $1.memberId }.map { member in
                GroupMemberMetadata(
                    memberId: member.memberId,
                    groupInstanceId: member.groupInstanceId,
                    clientId: member.clientId,
                    clientHost: member.clientHost,
                    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
                    sessionTimeoutMs: member.sessionTimeoutMs,
                    subscription: member.metadata(for: protocolName),
                    assignment: member.assignment
                )
            }
        )
    }

    /// Whether nothing would be lost by forgetting the group.
    var isTrivial: Bool {
        state == .empty && generation == 0 && members.isEmpty && pendingMembers.isEmpty
    }

    mutating func transition(to next: GroupState, now: Int64) {
        precondition(next.canFollow(state), "\(groupId) cannot go from \(state.name) to \(next.name)")
        state = next
        stateChangedMs = now
    }

    mutating func add(_ member: GroupMember) {
        precondition(members[member.memberId] == nil, "a member is added once")
        if leaderId == nil { leaderId = member.memberId }
        if let instanceId = member.groupInstanceId { staticMembers[instanceId] = member.memberId }
        members[member.memberId] = member
        pendingMembers[member.memberId] = nil
    }

    /// Removes a member and answers whatever it waits for.
    mutating func remove(_ memberId: String, into outcome: inout GroupOutcome) {
        pendingMembers[memberId] = nil
        pendingSync.remove(memberId)
        guard let member = members.removeValue(forKey: memberId) else { return }
        let error = unknownMember(memberId)
        if let token = member.joinToken { outcome.reply(token, .joinRefused(error, memberId: memberId)) }
        if let token = member.syncToken { outcome.reply(token, .syncRefused(error)) }
        if let instanceId = member.groupInstanceId, staticMembers[instanceId] == memberId {
            staticMembers[instanceId] = nil
        }
        if leaderId == memberId { leaderId = members.keys.min() }
    }

    /// Whether a member with these protocols can work with all others.
    func supports(_ protocolType: String, _ protocols: [GroupProtocol]) -> Bool {
        if members.isEmpty { return !protocolType.isEmpty && !protocols.isEmpty }
        return protocolType == self.protocolType && protocols.contains { commonProtocols.contains($0.name) }
    }

    /// The protocols that all members can work with.
    private var commonProtocols: Set<String> {
        guard let first = members.values.first else { return [] }
        return members.values.reduce(into: first.protocolNames) { $0.formIntersection($1.protocolNames) }
    }

    /// Each member votes for the first of its protocols that all share; the first by name wins a tie.
    func selectedProtocol() -> String? {
        let candidates = commonProtocols
        var votes: [String: Int] = [:]
        for member in members.values {
            guard let choice = member.protocols.first(where: { candidates.contains($0.name) }) else { continue }
            votes[choice.name, default: 0] += 1
        }
        let winner = votes.max { left, right in
            left.value == right.value ? left.key > right.key : left.value < right.value
        }
        return winner?.key
    }

    /// The longest that any member may take to join again.
    var rebalanceTimeoutMs: Int64 {
        Int64(members.values.map(\.rebalanceTimeoutMs).max() ?? 0)
    }

    func unknownMember(_ memberId: String) -> CoordinatorError {
        CoordinatorError(
            .unknownMemberId,
            "group \(groupId) does not know member \(memberId): it left, was too slow, or was never one; "
                + "join again without a member id"
        )
    }

    func fencedInstance(_ instanceId: String) -> CoordinatorError {
        CoordinatorError(
            .fencedInstanceId,
            "another member joined group \(groupId) as static instance \(instanceId); close this one"
        )
    }

    /// Throws unless the group knows the member, and its static instance has not been taken over.
    func validate(memberId: String, groupInstanceId: String?) throws(CoordinatorError) {
        if let groupInstanceId {
            guard let current = staticMembers[groupInstanceId] else { throw unknownMember(memberId) }
            guard current == memberId else { throw fencedInstance(groupInstanceId) }
        }
        guard members[memberId] != nil else { throw unknownMember(memberId) }
    }

    /// Throws unless the member's generation is the group's.
    func validate(generation: Int32, of memberId: String) throws(CoordinatorError) {
        guard generation == self.generation else {
            throw CoordinatorError(
                .illegalGeneration,
                "member \(memberId) of group \(groupId) is at generation \(generation), "
                    + "the group at \(self.generation); join again"
            )
        }
    }
}
