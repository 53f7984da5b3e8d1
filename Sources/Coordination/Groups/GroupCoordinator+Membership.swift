import MillracePrimitives

extension GroupCoordinator {
    /// A member asks for its assignment; the leader brings everybody's. It is answered under `token`, now or when the
    /// leader has synced.
    package mutating func sync(_ request: SyncGroupRequest, token: GroupReplyToken, now: Int64) -> GroupOutcome {
        var outcome = GroupOutcome()
        do {
            try validate(groupId: request.groupId)
            try withGroup(request.groupId) { group throws(CoordinatorError) in
                guard group != nil else {
                    throw ClassicGroup(groupId: request.groupId, now: now).unknownMember(request.memberId)
                }
                try group?.sync(request, token: token, now: now, into: &outcome)
            }
        } catch {
            outcome.reply(token, .syncRefused(error))
        }
        return outcome
    }

    /// A member reports that it lives; throws if it has to join again.
    package mutating func heartbeat(
        _ membership: GroupMembership,
        now: Int64
    ) throws(CoordinatorError) {
        try validate(groupId: membership.groupId)
        try withGroup(membership.groupId) { group throws(CoordinatorError) in
            guard group != nil else {
                throw ClassicGroup(groupId: membership.groupId, now: now).unknownMember(membership.memberId)
            }
            try group?.heartbeat(membership, now: now)
        }
    }

    /// Members leave, or an administrator removes them; each is answered for itself.
    package mutating func leave(
        groupId: String,
        members: [LeavingMember],
        now: Int64
    ) throws(CoordinatorError) -> LeaveOutcome {
        try validate(groupId: groupId)
        let settings = settings
        return withGroup(groupId) { group in
            var result = LeaveOutcome()
            if group == nil {
                let nobody = ClassicGroup(groupId: groupId, now: now)
                result.refusals = members.map { nobody.unknownMember($0.memberId) }
            }
            group?.leave(members, settings: settings, now: now, into: &result)
            return result
        }
    }
}

extension ClassicGroup {
    fileprivate mutating func sync(
        _ request: SyncGroupRequest,
        token: GroupReplyToken,
        now: Int64,
        into outcome: inout GroupOutcome
    ) throws(CoordinatorError) {
        let memberId = request.memberId
        try validate(memberId: memberId, groupInstanceId: request.groupInstanceId)
        try validate(generation: request.generation, of: memberId)
        let isSameType = request.protocolType == nil || request.protocolType == protocolType
        let isSameProtocol = request.protocolName == nil || request.protocolName == protocolName
        guard isSameType, isSameProtocol else {
            throw CoordinatorError(
                .inconsistentGroupProtocol,
                "member \(memberId) syncs with another protocol than group \(groupId) chose, which is "
                    + "\(protocolName ?? "none") of type \(protocolType ?? "none"); join again"
            )
        }
        switch state {
        case .empty, .dead:
            throw unknownMember(memberId)
        case .preparingRebalance:
            throw rebalancing()
        case .completingRebalance:
            if let superseded = members[memberId]?.syncToken {
                outcome.reply(superseded, .syncRefused(rebalancing()))
            }
            pendingSync.remove(memberId)
            members[memberId]?.syncToken = token
            if memberId == leaderId { assign(request.assignments, now: now, into: &outcome) }
        case .stable:
            pendingSync.remove(memberId)
            members[memberId]?.extendSession(now: now)
            outcome.reply(token, .synced(synced(as: memberId)))
        }
        if state == .stable, pendingSync.isEmpty { syncDeadline = nil }
    }

    fileprivate mutating func heartbeat(_ membership: GroupMembership, now: Int64) throws(CoordinatorError) {
        try validate(memberId: membership.memberId, groupInstanceId: membership.groupInstanceId)
        try validate(generation: membership.generation, of: membership.memberId)
        switch state {
        case .empty, .dead:
            throw unknownMember(membership.memberId)
        case .preparingRebalance:
            members[membership.memberId]?.extendSession(now: now)
            throw rebalancing()
        case .completingRebalance, .stable:
            members[membership.memberId]?.extendSession(now: now)
        }
    }

    fileprivate mutating func leave(
        _ leaving: [LeavingMember],
        settings: GroupCoordinator.Settings,
        now: Int64,
        into result: inout LeaveOutcome
    ) {
        var lostMember = false
        for member in leaving {
            do {
                let memberId = try resolve(member)
                lostMember = lostMember || members[memberId] != nil
                remove(memberId, into: &result.outcome)
                result.refusals.append(nil)
            } catch {
                result.refusals.append(error)
            }
        }
        if lostMember || state == .preparingRebalance {
            rebalance(settings: settings, now: now, into: &result.outcome)
        }
    }

    private func resolve(_ member: LeavingMember) throws(CoordinatorError) -> String {
        if pendingMembers[member.memberId] != nil { return member.memberId }
        if member.memberId.isEmpty, let instanceId = member.groupInstanceId {
            guard let memberId = staticMembers[instanceId] else { throw unknownMember(instanceId) }
            return memberId
        }
        try validate(memberId: member.memberId, groupInstanceId: member.groupInstanceId)
        return member.memberId
    }

    private func rebalancing() -> CoordinatorError {
        CoordinatorError(.rebalanceInProgress, "group \(groupId) is rebalancing; join again")
    }
}
