extension ClassicGroup {
    var hasAllMembersJoined: Bool {
        pendingMembers.isEmpty && members.values.allSatisfy { $0.joinToken != nil }
    }

    /// Begins a rebalance, or checks whether the one under way is complete.
    mutating func rebalance(settings: GroupCoordinator.Settings, now: Int64, into outcome: inout GroupOutcome) {
        switch state {
        case .empty, .completingRebalance, .stable:
            prepareRebalance(settings: settings, now: now, into: &outcome)
        case .preparingRebalance:
            completeJoinIfPossible(now: now, into: &outcome)
        case .dead:
            break
        }
    }

    private mutating func prepareRebalance(
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) {
        if state == .completingRebalance { cancelSyncs(into: &outcome) }
        pendingSync = []
        syncDeadline = nil
        let isFirst = state == .empty
        transition(to: .preparingRebalance, now: now)
        guard isFirst else {
            joinDeadline = now.later(byMs: rebalanceTimeoutMs)
            completeJoinIfPossible(now: now, into: &outcome)
            return
        }
        guard settings.initialRebalanceDelayMs > 0 else {
            completeJoin(now: now, into: &outcome)
            return
        }
        let delayMs = min(settings.initialRebalanceDelayMs, rebalanceTimeoutMs)
        initialDelay = InitialDelay(
            deadline: now.later(byMs: delayMs),
            remainingMs: max(rebalanceTimeoutMs - delayMs, 0)
        )
    }

    private mutating func cancelSyncs(into outcome: inout GroupOutcome) {
        let error = CoordinatorError(
            .rebalanceInProgress,
            "group \(groupId) began another rebalance before the leader's assignment came; join again"
        )
        for memberId in members.keys.sorted() {
            members[memberId]?.assignment = []
            guard let token = members[memberId]?.syncToken else { continue }
            members[memberId]?.syncToken = nil
            outcome.reply(token, .syncRefused(error))
        }
    }

    private mutating func completeJoinIfPossible(now: Int64, into outcome: inout GroupOutcome) {
        guard state == .preparingRebalance, initialDelay == nil, hasAllMembersJoined else { return }
        completeJoin(now: now, into: &outcome)
    }

    /// The first rebalance has waited; it goes on waiting if members came meanwhile and time is left.
    mutating func finishInitialDelay(
        settings: GroupCoordinator.Settings,
        now: Int64,
        into outcome: inout GroupOutcome
    ) {
        guard let delay = initialDelay else { return }
        guard delay.sawNewMember, delay.remainingMs > 0 else {
            completeJoin(now: now, into: &outcome)
            return
        }
        let nextMs = min(settings.initialRebalanceDelayMs, delay.remainingMs)
        initialDelay = InitialDelay(deadline: now.later(byMs: nextMs), remainingMs: delay.remainingMs - nextMs)
    }

    /// Ends the joining: who did not come is out, the others are told the new generation.
    mutating func completeJoin(now: Int64, into outcome: inout GroupOutcome) {
        precondition(state == .preparingRebalance, "only a rebalance under way can be completed")
        initialDelay = nil
        joinDeadline = nil
        // A static member may be restarting; only its session's timeout removes it.
        let absent = members.values.filter { $0.joinToken == nil && $0.groupInstanceId == nil }
        for member in absent { remove(member.memberId, into: &outcome) }

        guard members.isEmpty || electLeader() else {
            joinDeadline = now.later(byMs: max(rebalanceTimeoutMs, 1))
            return
        }
        generation = generation == .max ? 1 : generation + 1
        if members.isEmpty {
            protocolName = nil
            leaderId = nil
            transition(to: .empty, now: now)
            outcome.records.append(.group(groupId, metadata))
            return
        }
        protocolName = selectedProtocol()
        transition(to: .completingRebalance, now: now)
        syncDeadline = now.later(byMs: max(rebalanceTimeoutMs, 1))
        pendingSync = Set(members.keys)
        for memberId in members.keys.sorted() {
            guard var member = members[memberId], let token = member.joinToken else { continue }
            member.joinToken = nil
            member.isNew = false
            member.extendSession(now: now)
            members[memberId] = member
            outcome.reply(token, .joined(joined(as: memberId)))
        }
    }

    /// Makes sure that the leader is a member that joined; false if nobody did.
    private mutating func electLeader() -> Bool {
        if let leaderId, members[leaderId]?.joinToken != nil { return true }
        let joined = members.values.filter { $0.joinToken != nil }.map(\.memberId).min()
        if let joined { leaderId = joined }
        return joined != nil
    }

    /// What a member is told that is part of the current generation.
    func joined(as memberId: String) -> JoinedGroup {
        let isLeader = memberId == leaderId
        let all = members.values.sorted { $0.memberId < $1.memberId }
        return JoinedGroup(
            memberId: memberId,
            generation: generation,
            protocolType: protocolType ?? "",
            protocolName: protocolName ?? "",
            leaderId: leaderId ?? "",
            members: !isLeader
                ? []
                : all.map { member in
                    JoinedGroup.Member(
                        memberId: member.memberId,
                        groupInstanceId: member.groupInstanceId,
                        metadata: member.metadata(for: protocolName)
                    )
                },
            skipsAssignment: false
        )
    }

    /// Takes the leader's assignment, writes the group down and answers all who wait for it.
    mutating func assign(_ assignments: [String: [UInt8]], now: Int64, into outcome: inout GroupOutcome) {
        for memberId in members.keys { members[memberId]?.assignment = assignments[memberId] ?? [] }
        transition(to: .stable, now: now)
        outcome.records.append(.group(groupId, metadata))
        for memberId in members.keys.sorted() {
            guard var member = members[memberId], let token = member.syncToken else { continue }
            member.syncToken = nil
            member.extendSession(now: now)
            members[memberId] = member
            outcome.reply(token, .synced(synced(as: memberId)))
        }
    }

    func synced(as memberId: String) -> SyncedGroup {
        SyncedGroup(
            protocolType: protocolType ?? "",
            protocolName: protocolName ?? "",
            assignment: members[memberId]?.assignment ?? []
        )
    }

    /// The earliest time at which something runs out; nil if nothing can.
    var nextDeadline: Int64? {
        var deadlines = [initialDelay?.deadline, joinDeadline, syncDeadline].compactMap { $0 }
        deadlines += pendingMembers.values
        deadlines += members.values.lazy.filter(\.isSessionRunning).map(\.sessionDeadline)
        return deadlines.min()
    }

    /// Lets run out what is due.
    mutating func tick(settings: GroupCoordinator.Settings, now: Int64, into outcome: inout GroupOutcome) {
        var silent = members.values.filter { $0.isSessionRunning && $0.sessionDeadline <= now }.map(\.memberId)
        silent += pendingMembers.filter { $0.value <= now }.map(\.key)
        if let syncDeadline, syncDeadline <= now {
            self.syncDeadline = nil
            silent += pendingSync
        }
        if !silent.isEmpty {
            var lostMember = false
            for memberId in Set(silent).sorted() {
                lostMember = lostMember || members[memberId] != nil
                remove(memberId, into: &outcome)
            }
            // An id that nobody joined with was not part of the generation; a rebalance may be waiting for it, though.
            if lostMember || state == .preparingRebalance {
                rebalance(settings: settings, now: now, into: &outcome)
            }
        }
        if let delay = initialDelay, delay.deadline <= now {
            finishInitialDelay(settings: settings, now: now, into: &outcome)
        }
        if let joinDeadline, joinDeadline <= now { completeJoin(now: now, into: &outcome) }
    }
}
