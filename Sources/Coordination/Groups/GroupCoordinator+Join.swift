import MillracePrimitives

extension GroupCoordinator {
    /// The most bytes of a name that a client gives itself, so that the ids made of it fit a record.
    private static let clientNameMaximumBytes = 16_384

    /// A member joins, or joins again. It is answered under `token`, now or when the rebalance has all members.
    package mutating func join(_ request: JoinGroupRequest, token: GroupReplyToken, now: Int64) -> GroupOutcome {
        var outcome = GroupOutcome()
        do {
            try validate(request)
            let newMemberId =
                request.memberId.isEmpty ? newMemberId(for: request.groupInstanceId ?? request.clientId) : ""
            let settings = settings
            try withGroup(request.groupId) { group throws(CoordinatorError) in
                if group == nil {
                    guard request.memberId.isEmpty else {
                        throw ClassicGroup(groupId: request.groupId, now: now).unknownMember(request.memberId)
                    }
                    group = ClassicGroup(groupId: request.groupId, now: now)
                }
                try group?.join(
                    request,
                    newMemberId: newMemberId,
                    token: token,
                    settings: settings,
                    now: now,
                    into: &outcome
                )
            }
        } catch {
            outcome.reply(token, .joinRefused(error, memberId: request.memberId))
        }
        return outcome
    }

    private func validate(_ request: JoinGroupRequest) throws(CoordinatorError) {
        try validate(groupId: request.groupId)
        let bounds = settings.sessionTimeoutMinimumMs...settings.sessionTimeoutMaximumMs
        guard bounds.contains(request.sessionTimeoutMs) else {
            throw CoordinatorError(
                .invalidSessionTimeout,
                "\(request.clientId) asked group \(request.groupId) for a session timeout of "
                    + "\(request.sessionTimeoutMs) ms; it must be from \(bounds.lowerBound) to \(bounds.upperBound) ms"
            )
        }
        var names = [request.memberId, request.groupInstanceId ?? "", request.clientId, request.clientHost]
        names += [request.protocolType] + request.protocols.map(\.name)
        guard names.allSatisfy({ $0.utf8.count <= Self.clientNameMaximumBytes }), request.rebalanceTimeoutMs >= 0 else {
            throw CoordinatorError(
                .invalidRequest,
                "a join of group \(request.groupId) must have names of up to \(Self.clientNameMaximumBytes) bytes "
                    + "and a rebalance timeout that is not negative"
            )
        }
    }
}

extension ClassicGroup {
    fileprivate mutating func join(
        _ request: JoinGroupRequest,
        newMemberId: String,
        token: GroupReplyToken,
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) throws(CoordinatorError) {
        guard supports(request.protocolType, request.protocols) else {
            throw CoordinatorError(
                .inconsistentGroupProtocol,
                "\(request.clientId) offers group \(groupId) \(request.protocols.map(\.name)) of type "
                    + "\(request.protocolType), which the other members do not support; set the same assignors in all"
            )
        }
        if request.memberId.isEmpty {
            try joinAsNewMember(
                request,
                newMemberId: newMemberId,
                token: token,
                settings: settings,
                now: now,
                into: &outcome
            )
        } else if pendingMembers[request.memberId] != nil, request.groupInstanceId == nil {
            addMember(request, memberId: request.memberId, token: token, settings: settings, now: now, into: &outcome)
        } else {
            try validate(memberId: request.memberId, groupInstanceId: request.groupInstanceId)
            try rejoin(request, token: token, settings: settings, now: now, into: &outcome)
        }
    }

    private mutating func joinAsNewMember(
        _ request: JoinGroupRequest,
        newMemberId: String,
        token: GroupReplyToken,
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) throws(CoordinatorError) {
        if let instanceId = request.groupInstanceId, let replaced = staticMembers[instanceId] {
            replaceStaticMember(
                replaced,
                by: newMemberId,
                request,
                token: token,
                settings: settings,
                now: now,
                into: &outcome
            )
            return
        }
        guard members.count + pendingMembers.count < settings.groupSizeMaximum else {
            throw CoordinatorError(
                .groupMaximumSizeReached,
                "group \(groupId) has its maximum of \(settings.groupSizeMaximum) members"
            )
        }
        if request.requiresKnownMemberId, request.groupInstanceId == nil {
            pendingMembers[newMemberId] = now.later(byMs: Int64(request.sessionTimeoutMs))
            let error = CoordinatorError(
                .memberIdRequired,
                "join group \(groupId) again as the new member \(newMemberId)"
            )
            outcome.reply(token, .joinRefused(error, memberId: newMemberId))
            return
        }
        addMember(request, memberId: newMemberId, token: token, settings: settings, now: now, into: &outcome)
    }

    private mutating func addMember(
        _ request: JoinGroupRequest,
        memberId: String,
        token: GroupReplyToken,
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) {
        if members.isEmpty { protocolType = request.protocolType }
        add(
            GroupMember(
                memberId: memberId,
                groupInstanceId: request.groupInstanceId,
                clientId: request.clientId,
                clientHost: request.clientHost,
                sessionTimeoutMs: request.sessionTimeoutMs,
                rebalanceTimeoutMs: request.rebalanceTimeoutMs,
                protocols: request.protocols,
                joinToken: token,
                isNew: true,
                sessionDeadline: now.later(byMs: settings.newMemberJoinTimeoutMs)
            )
        )
        initialDelay?.sawNewMember = true
        rebalance(settings: settings, now: now, into: &outcome)
    }

    /// A member that the group knows joins again.
    private mutating func rejoin(
        _ request: JoinGroupRequest,
        token: GroupReplyToken,
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) throws(CoordinatorError) {
        guard let member = members[request.memberId] else { throw unknownMember(request.memberId) }
        let isUnchanged = member.protocols == request.protocols
        let isAnsweredNow: Bool
        switch state {
        case .preparingRebalance: isAnsweredNow = false
        // The answer was lost: what it said still holds.
        case .completingRebalance: isAnsweredNow = isUnchanged
        // A leader joins again to have the partitions assigned anew.
        case .stable: isAnsweredNow = isUnchanged && request.memberId != leaderId
        case .empty, .dead: throw unknownMember(request.memberId)
        }
        if isAnsweredNow {
            members[request.memberId]?.extendSession(now: now)
            outcome.reply(token, .joined(joined(as: request.memberId)))
            return
        }
        update(request.memberId, request, token: token, now: now, into: &outcome)
        rebalance(settings: settings, now: now, into: &outcome)
    }

    private mutating func update(
        _ memberId: String,
        _ request: JoinGroupRequest,
        token: GroupReplyToken?,
        now: Int64,
        into outcome: inout GroupOutcome
    ) {
        guard var member = members[memberId] else { return }
        if let superseded = member.joinToken {
            let error = CoordinatorError(.rebalanceInProgress, "member \(memberId) joined group \(groupId) again")
            outcome.reply(superseded, .joinRefused(error, memberId: memberId))
        }
        member.joinToken = token
        member.clientId = request.clientId
        member.clientHost = request.clientHost
        member.sessionTimeoutMs = request.sessionTimeoutMs
        member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
        member.protocols = request.protocols
        member.extendSession(now: now)
        members[memberId] = member
    }

    /// A static instance has restarted and joins without its old member id: it takes the old member's place, and, if
    /// nothing changed for the others, its assignment without a rebalance (KIP-345).
    private mutating func replaceStaticMember(
        _ oldId: String,
        by newId: String,
        _ request: JoinGroupRequest,
        token: GroupReplyToken,
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) {
        guard var member = members.removeValue(forKey: oldId) else { return }
        let instanceId = member.groupInstanceId ?? ""
        if let waiting = member.joinToken {
            outcome.reply(waiting, .joinRefused(fencedInstance(instanceId), memberId: oldId))
        }
        if let waiting = member.syncToken { outcome.reply(waiting, .syncRefused(fencedInstance(instanceId))) }
        let oldLeader = leaderId
        member.memberId = newId
        member.joinToken = nil
        member.syncToken = nil
        members[newId] = member
        staticMembers[instanceId] = newId
        if pendingSync.remove(oldId) != nil { pendingSync.insert(newId) }
        if leaderId == oldId { leaderId = newId }
        let topics = subscribedTopics(of: newId)
        update(newId, request, token: nil, now: now, into: &outcome)

        // With other topics the assignment would not be what it subscribes to, and nobody would ever notice.
        if state == .stable, selectedProtocol() == protocolName, subscribedTopics(of: newId) == topics {
            outcome.records.append(.group(groupId, metadata))
            var answer = joined(as: newId)
            if request.canSkipAssignment {
                answer.skipsAssignment = answer.isLeader
            } else {
                // An older client assigns whenever it leads. Told of the leader that it was, it takes itself for a
                // follower and just syncs.
                answer.leaderId = oldLeader ?? ""
                answer.members = []
            }
            outcome.reply(token, .joined(answer))
            return
        }
        members[newId]?.joinToken = token
        rebalance(settings: settings, now: now, into: &outcome)
    }
}
