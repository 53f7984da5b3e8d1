import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Groups after a restart")
struct GroupLoadingTests {
    @Test("Members in this process are dropped, and the empty group is written down")
    func inProcess() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup(host: GroupCoordinator.inProcessHost)
        let count = harness.log.count
        try harness.restart()
        #expect(harness.state == .empty)
        #expect(harness.log.count == count + 1)
        #expect(harness.heartbeat(leader) == .unknownMemberId)
        try harness.restart()
        #expect(harness.log.count == count + 1)
    }

    @Test("Static members in this process may come back, without a rebalance, until their session runs out")
    func staticInProcess() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup(instance: "one", host: GroupCoordinator.inProcessHost)
        try harness.restart()
        #expect(harness.state == .stable)
        let again = try harness.joined(harness.join(GroupHarness.request("a", instance: "one")))
        #expect(again.generation == leader.generation)
        #expect(try harness.assignment(harness.sync(again, instance: "one")) == [1])
        #expect(harness.heartbeat(leader, instance: "one") == .fencedInstanceId)
        try harness.restart()
        harness.now += 10_000
        harness.tick()
        #expect(harness.state == .empty)
    }

    @Test("Members elsewhere go on with a fresh session")
    func elsewhere() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair()
        harness.now += 100_000
        try harness.restart()
        #expect(harness.state == .stable)
        harness.now += 9_999
        harness.tick()
        #expect(harness.heartbeat(pair.follower) == nil)
        #expect(try harness.assignment(harness.sync(pair.follower)) == [2])
        harness.now += 1
        harness.tick()
        #expect(harness.heartbeat(pair.leader) == .unknownMemberId)
    }

    @Test("Members elsewhere rebalance when those in this process are gone")
    func mixed() throws {
        let harness = GroupHarness()
        let alone = try harness.stableGroup(host: GroupCoordinator.inProcessHost)
        let second = harness.join(GroupHarness.request("b"))
        let again = harness.join(
            GroupHarness.request("a", memberId: alone.memberId, host: GroupCoordinator.inProcessHost)
        )
        let follower = try harness.joined(second)
        _ = harness.sync(follower)
        _ = harness.sync(try harness.joined(again))
        try harness.restart()
        #expect(harness.state == .preparingRebalance)
        #expect(harness.heartbeat(follower) == .rebalanceInProgress)
        let rejoined = try harness.joined(harness.join(GroupHarness.request("b", memberId: follower.memberId)))
        #expect(rejoined.isLeader)
        #expect(rejoined.generation == follower.generation + 1)
    }

    @Test("A transaction's offsets that were pending at the stop are still pending")
    func pendingOffsets() throws {
        var coordinator = GroupCoordinator(random: SeededRandom(seed: 1))
        let value = OffsetValue(offset: 4, commitMs: 0)
        coordinator.replay(.offset(OffsetKey(groupId: "g", partition: first), value), producerId: 5)
        _ = coordinator.completeLoading(now: 0)
        #expect(coordinator.fetchOffsets(groupId: "g", requiresStable: true) == [first: .unstable])
        coordinator.replayTransactionMarker(producerId: 5, result: .commit)
        let expected = FetchedOffset.committed(CommittedOffset(offset: 4))
        #expect(coordinator.fetchOffsets(groupId: "g", requiresStable: true) == [first: expected])
    }
}
