import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Static members")
struct StaticMemberTests {
    @Test("A restarted static member takes its place without a rebalance, and its former self is fenced")
    func replaced() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let token = harness.join(GroupHarness.request("b", instance: "two"))
        let joined = try harness.joined(token)
        #expect(joined.memberId != pair.follower.memberId)
        #expect(joined.generation == pair.follower.generation)
        #expect(harness.state == .stable)
        #expect(try harness.assignment(harness.sync(joined, instance: "two")) == [2])
        #expect(harness.heartbeat(pair.follower, instance: "two") == .fencedInstanceId)
        #expect(harness.heartbeat(joined, instance: "two") == nil)
        #expect(harness.heartbeat(pair.leader, instance: "one") == nil)
        try harness.restart()
        #expect(harness.heartbeat(joined, instance: "two") == nil)
    }

    @Test("A restarted static leader keeps leading, and skips the assignment if it understands that")
    func replacedLeader() throws {
        for canSkip in [true, false] {
            let harness = GroupHarness()
            let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
            var request = GroupHarness.request("a", instance: "one")
            request.canSkipAssignment = canSkip
            let joined = try harness.joined(harness.join(request))
            #expect(joined.isLeader == canSkip)
            #expect(joined.skipsAssignment == canSkip)
            #expect(joined.members.count == (canSkip ? 2 : 0))
            #expect(joined.leaderId == (canSkip ? joined.memberId : pair.leader.memberId))
            #expect(try harness.assignment(harness.sync(joined, instance: "one")) == [1])
        }
    }

    @Test("A join that the former self waits for is answered as fenced")
    func fencedWhileJoining() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        _ = harness.join(GroupHarness.request("c"))
        let former = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId, instance: "two"))
        let restarted = harness.join(GroupHarness.request("b", instance: "two"))
        #expect(harness.refusal(former) == .fencedInstanceId)
        _ = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId, instance: "one"))
        #expect(try harness.joined(restarted).generation == 3)
    }

    @Test("A sync that the former self waits for is answered as fenced")
    func fencedWhileSyncing() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let again = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId, instance: "one"))
        let second = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId, instance: "two"))
        _ = try harness.joined(again)
        let waiting = harness.sync(try harness.joined(second), instance: "two")
        _ = harness.join(GroupHarness.request("b", instance: "two"))
        #expect(harness.refusal(waiting) == .fencedInstanceId)
        #expect(harness.state == .preparingRebalance)
    }

    @Test("A static member that is away stays in the group until its session runs out")
    func away() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(secondInstance: "two")
        _ = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId))
        harness.now += 9_999
        harness.tick()
        #expect(harness.coordinator.describe("g").members.count == 2)
        harness.now += 1
        harness.tick()
        #expect(harness.coordinator.describe("g").members.count == 1)
        #expect(harness.state == .completingRebalance)
    }

    @Test("A restarted static member must sync in time, as its former self had to")
    func replacedWithoutSync() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let again = harness.join(GroupHarness.request("a", memberId: pair.leader.memberId, instance: "one"))
        _ = harness.join(GroupHarness.request("b", memberId: pair.follower.memberId, instance: "two"))
        let leader = try harness.joined(again)
        _ = harness.sync(leader, instance: "one")
        #expect(harness.state == .stable)
        let restarted = try harness.joined(harness.join(GroupHarness.request("b", instance: "two")))
        let end = harness.now + 60_000
        while harness.now < end {
            harness.now += 6_000
            _ = harness.heartbeat(leader, instance: "one")
            _ = harness.heartbeat(restarted, instance: "two")
            harness.tick()
        }
        #expect(harness.coordinator.describe("g").members.map(\.memberId) == [leader.memberId])
    }

    @Test("An instance id that the group does not know is not a member")
    func unknownInstance() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        #expect(harness.heartbeat(leader, instance: "one") == .unknownMemberId)
    }

    @Test("A static member that restarts with other topics begins a rebalance, since its assignment would not fit")
    func replacedWithOtherTopics() throws {
        let harness = GroupHarness()
        _ = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let token = harness.join(GroupHarness.request("b", instance: "two", topics: ["payments"]))
        #expect(harness.answers[token] == nil)
        #expect(harness.state == .preparingRebalance)
    }

    @Test("A static member that leaves by its instance id makes room at once")
    func removed() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(firstInstance: "one", secondInstance: "two")
        let left = try harness.coordinator.leave(
            groupId: "g",
            members: [LeavingMember(memberId: "", groupInstanceId: "two")],
            now: harness.now
        )
        harness.apply(left.outcome)
        #expect(harness.heartbeat(pair.leader, instance: "one") == .rebalanceInProgress)
        #expect(harness.heartbeat(pair.follower, instance: "two") == .unknownMemberId)
    }
}
