import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Group membership")
struct GroupProtocolTests {
    @Test("Exactly Kafka's transitions of groups are legal")
    func transitions() {
        let legal: [GroupState: Set<GroupState>] = [
            .empty: [.preparingRebalance],
            .preparingRebalance: [.empty, .completingRebalance, .stable],
            .completingRebalance: [.preparingRebalance],
            .stable: [.completingRebalance],
            .dead: Set(GroupState.allCases),
        ]
        for next in GroupState.allCases {
            for previous in GroupState.allCases {
                #expect(next.canFollow(previous) == legal[next]?.contains(previous), "\(previous.name) to \(next.name)")
            }
        }
    }

    @Test("The first member joins at once, leads, and is written down when it has synced")
    func firstMember() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        #expect(leader.isLeader)
        #expect(leader.generation == 1)
        #expect(leader.protocolName == "range")
        #expect(leader.members.map(\.memberId) == [leader.memberId])
        #expect(leader.memberId.hasPrefix("a-"))
        #expect(leader.memberId.count == "a-".count + 36)
        guard case .group("g", let metadata?) = harness.log.last else {
            Issue.record("a group was written")
            return
        }
        #expect(metadata.members.map(\.assignment) == [[1]])
        #expect(metadata.leader == leader.memberId)
    }

    @Test("A second member begins a rebalance that waits for the first")
    func secondMember() throws {
        let harness = GroupHarness()
        let alone = try harness.stableGroup()
        let second = harness.join(GroupHarness.request("b"))
        #expect(harness.state == .preparingRebalance)
        #expect(harness.answers[second] == nil)
        #expect(harness.heartbeat(alone) == .rebalanceInProgress)
        let again = harness.join(GroupHarness.request("a", memberId: alone.memberId))
        let leader = try harness.joined(again)
        let follower = try harness.joined(second)
        #expect(leader.generation == 2)
        #expect(leader.isLeader && leader.members.count == 2)
        #expect(!follower.isLeader && follower.members.isEmpty)
        #expect(harness.state == .completingRebalance)
        #expect(harness.heartbeat(follower) == nil)
    }

    @Test("Members that the leader leaves out get no bytes")
    func leftOut() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let again = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        let second = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId))
        let waiting = harness.sync(try harness.joined(second))
        _ = harness.sync(try harness.joined(again), assignments: [pair.leader.memberId: [9]])
        #expect(try harness.assignment(waiting) == [])
    }

    @Test("When a member leaves, the others are called to join again")
    func leave() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        try harness.leave(pair.leader.memberId)
        #expect(harness.heartbeat(pair.follower) == .rebalanceInProgress)
        let again = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId))
        let joined = try harness.joined(again)
        #expect(joined.isLeader)
        #expect(joined.generation == 3)
        #expect(harness.heartbeat(pair.leader) == .unknownMemberId)
    }

    @Test("When the last member leaves, the empty group is written down with its next generation")
    func lastLeaves() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        try harness.leave(leader.memberId)
        #expect(harness.state == .empty)
        let expected = GroupMetadata(protocolType: "consumer", generation: 2, stateChangedMs: harness.now)
        #expect(harness.log.last == .group("g", expected))
        try harness.restart()
        #expect(harness.state == .empty)
        #expect(try harness.stableGroup().generation == 3)
    }

    @Test("Leaving in a batch answers for each member")
    func leaveBatch() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let left = try harness.coordinator.leave(
            groupId: "g",
            members: [
                LeavingMember(memberId: "", groupInstanceId: "one"),
                LeavingMember(memberId: "nobody"),
                LeavingMember(memberId: "nobody", groupInstanceId: "two"),
                LeavingMember(memberId: pair.follower.memberId, groupInstanceId: "two"),
            ],
            now: harness.now
        )
        #expect(left.refusals.map { $0?.code } == [nil, .unknownMemberId, .fencedInstanceId, nil])
        harness.apply(left.outcome)
        #expect(harness.state == .empty)
    }

    @Test("A member that is silent for its session's time is removed, and one that reports is not")
    func sessionExpiry() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        harness.now += 9_000
        #expect(harness.heartbeat(pair.leader) == nil)
        harness.now += 1_000
        #expect(harness.coordinator.nextDeadline == harness.now)
        harness.tick()
        #expect(harness.state == .preparingRebalance)
        #expect(harness.heartbeat(pair.follower) == .unknownMemberId)
        #expect(harness.heartbeat(pair.leader) == .rebalanceInProgress)
        let again = try harness.joined(harness.join(GroupHarness.request("a", memberId: pair.leader.memberId)))
        #expect(again.members.map(\.memberId) == [pair.leader.memberId])
    }

    @Test("A member that waits for a rebalance does not lose its session")
    func waitingMember() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let waiting = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        for _ in 0..<5 {
            harness.now += 9_000
            _ = harness.heartbeat(pair.follower)
            harness.tick()
        }
        #expect(harness.answers[waiting] == nil)
        #expect(harness.coordinator.describe("g").members.count == 2)
    }

    @Test("A rebalance ends at its timeout without the members that did not come")
    func rebalanceTimeout() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let waiting = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        let end = harness.now + 60_000
        while harness.now < end {
            harness.now += 6_000
            _ = harness.heartbeat(pair.follower)
            harness.tick()
        }
        let joined = try harness.joined(waiting)
        #expect(joined.members.map(\.memberId) == [pair.leader.memberId])
        #expect(harness.heartbeat(pair.follower) == .unknownMemberId)
    }

    @Test("Members that do not sync in time are removed, the leader too")
    func missingLeaderSync() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let again = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        let second = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId))
        let leader = try harness.joined(again)
        let waiting = harness.sync(try harness.joined(second))
        let end = harness.now + 60_000
        while harness.now < end {
            harness.now += 6_000
            _ = harness.heartbeat(leader)
            harness.tick()
        }
        #expect(harness.refusal(waiting) == .rebalanceInProgress)
        #expect(harness.heartbeat(leader) == .unknownMemberId)
        let rejoined = try harness.joined(harness.join(GroupHarness.request("b", memberId: pair.follower.memberId)))
        #expect(rejoined.isLeader)
    }

    @Test("A leader that joins again has the partitions assigned anew; a follower is just told the generation")
    func rejoin() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let follower = try harness.joined(harness.join(GroupHarness.request("b", memberId: pair.follower.memberId)))
        #expect(follower == pair.follower)
        #expect(harness.state == .stable)
        _ = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        #expect(harness.state == .preparingRebalance)
    }

    @Test("A follower with another subscription begins a rebalance")
    func changedSubscription() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        _ = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId, topics: ["orders", "payments"]))
        #expect(harness.state == .preparingRebalance)
    }

    @Test("A join that is repeated supersedes the first, which is answered, too")
    func repeatedJoin() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        let superseded = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        let repeated = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        #expect(harness.refusal(superseded) == .rebalanceInProgress)
        #expect(harness.answers[repeated] == nil)
    }

    @Test("A join during the sync phase cancels the waiting syncs")
    func joinDuringSync() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        _ = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        let second = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId))
        let waiting = harness.sync(try harness.joined(second))
        _ = harness.join(GroupHarness.request("c"))
        #expect(harness.refusal(waiting) == .rebalanceInProgress)
        #expect(harness.state == .preparingRebalance)
    }

    @Test("An older generation is fenced in syncs, heartbeats and commits")
    func generationFencing() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        var zombie = pair.follower
        zombie.generation -= 1
        #expect(harness.heartbeat(zombie) == .illegalGeneration)
        #expect(harness.refusal(harness.sync(zombie)) == .illegalGeneration)
        for isTransactional in [false, true] {
            let answer = code { () throws(CoordinatorError) in
                let membership = GroupHarness.membership(zombie)
                let offsets = [first: CommittedOffset(offset: 1)]
                _ =
                    isTransactional
                    ? try harness.coordinator.commitTransactionalOffsets(offsets, by: membership, now: 0)
                    : try harness.coordinator.commitOffsets(offsets, by: membership, now: 0)
            }
            #expect(answer == .illegalGeneration)
        }
    }

    @Test("A new member that has to know its id gets one, and joins with it")
    func memberIdRequired() throws {
        let harness = GroupHarness()
        var request = GroupHarness.request("a")
        request.requiresKnownMemberId = true
        let token = harness.join(request)
        guard case .joinRefused(let error, let memberId) = harness.answers[token] else {
            Issue.record("the join is refused")
            return
        }
        #expect(error.code == .memberIdRequired)
        request.memberId = memberId
        let joined = try harness.joined(harness.join(request))
        #expect(joined.memberId == memberId)
    }

    @Test("An id that nobody joins with holds up no rebalance for longer than its session's time")
    func pendingMemberExpires() throws {
        let harness = GroupHarness()
        let alone = try harness.stableGroup()
        var request = GroupHarness.request("b")
        request.requiresKnownMemberId = true
        _ = harness.join(request)
        let waiting = harness.join(GroupHarness.request("a", memberId: alone.memberId))
        #expect(harness.answers[waiting] == nil)
        harness.now += 10_000
        harness.tick()
        #expect(try harness.joined(waiting).members.count == 1)
    }

    @Test("The protocol that most members prefer among those that all support is chosen")
    func protocolSelection() throws {
        let harness = GroupHarness()
        let alone = try harness.joined(harness.join(GroupHarness.request("a", protocols: ["x", "sticky", "range"])))
        _ = harness.sync(alone)
        let second = harness.join(GroupHarness.request("b", protocols: ["range", "sticky"]))
        let third = harness.join(GroupHarness.request("c", protocols: ["range", "sticky"]))
        _ = harness.join(GroupHarness.request("a", memberId: alone.memberId, protocols: ["x", "sticky", "range"]))
        #expect(try harness.joined(second).protocolName == "range")
        #expect(try harness.joined(third).protocolName == "range")
        let stranger = harness.join(GroupHarness.request("d", protocols: ["x"]))
        #expect(harness.refusal(stranger) == .inconsistentGroupProtocol)
    }

    @Test("With an initial delay the first rebalance waits for more members, for as long as they come")
    func initialDelay() throws {
        var settings = GroupCoordinator.Settings()
        settings.initialRebalanceDelayMs = 3_000
        let harness = GroupHarness(settings: settings)
        let a = harness.join(GroupHarness.request("a"))
        harness.now += 2_000
        let b = harness.join(GroupHarness.request("b"))
        harness.now += 1_000
        harness.tick()
        #expect(harness.answers[a] == nil, "b came meanwhile")
        harness.now += 3_000
        harness.tick()
        #expect(try harness.joined(a).generation == 1)
        #expect(try harness.joined(b).generation == 1)
    }

    @Test("Requests that make no sense are refused")
    func refusals() throws {
        let harness = GroupHarness(
            settings: {
                var settings = GroupCoordinator.Settings()
                settings.groupSizeMaximum = 1
                return settings
            }()
        )
        var request = GroupHarness.request("a")
        request.sessionTimeoutMs = 5_999
        #expect(harness.refusal(harness.join(request)) == .invalidSessionTimeout)
        request.sessionTimeoutMs = 1_800_001
        #expect(harness.refusal(harness.join(request)) == .invalidSessionTimeout)
        request = GroupHarness.request("a")
        request.groupId = ""
        #expect(harness.refusal(harness.join(request)) == .invalidGroupId)
        request = GroupHarness.request(String(repeating: "n", count: 20_000))
        #expect(harness.refusal(harness.join(request)) == .invalidRequest)
        #expect(harness.refusal(harness.join(GroupHarness.request("a", memberId: "x"))) == .unknownMemberId)
        #expect(harness.refusal(harness.join(GroupHarness.request("a", protocols: []))) == .inconsistentGroupProtocol)
        let leader = try harness.stableGroup()
        #expect(harness.refusal(harness.join(GroupHarness.request("b"))) == .groupMaximumSizeReached)
        var wrong = leader
        wrong.protocolName = "sticky"
        #expect(harness.refusal(harness.sync(wrong)) == .inconsistentGroupProtocol)
        wrong = leader
        wrong.memberId = "x"
        #expect(harness.refusal(harness.sync(wrong)) == .unknownMemberId)
    }
}
