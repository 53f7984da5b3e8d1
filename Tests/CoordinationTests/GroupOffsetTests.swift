import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Offsets of groups")
struct GroupOffsetTests {
    private static let producerId: Int64 = 77

    private func offsets(_ offset: Int64) -> [TopicPartition: CommittedOffset] {
        [first: CommittedOffset(offset: offset, leaderEpoch: 3, metadata: "m")]
    }

    /// Commits as a consumer that assigns by itself.
    private func commit(_ offset: Int64, in harness: GroupHarness) throws {
        let outcome = try harness.coordinator.commitOffsets(
            offsets(offset),
            by: GroupMembership(groupId: "g"),
            now: harness.now
        )
        #expect(outcome.refusals.isEmpty)
        harness.append(outcome.records)
    }

    private func commitInTransaction(_ offset: Int64, in harness: GroupHarness) throws {
        let outcome = try harness.coordinator.commitTransactionalOffsets(
            offsets(offset),
            by: GroupMembership(groupId: "g"),
            now: harness.now
        )
        for record in outcome.records { harness.coordinator.replay(record, producerId: Self.producerId) }
    }

    private func fetch(_ harness: GroupHarness, stable: Bool = true) -> FetchedOffset? {
        harness.coordinator.fetchOffsets(groupId: "g", partitions: [first], requiresStable: stable)[first]
    }

    private func committed(_ offset: Int64) -> FetchedOffset {
        .committed(CommittedOffset(offset: offset, leaderEpoch: 3, metadata: "m"))
    }

    @Test("What was committed is fetched, before and after a restart")
    func commitAndFetch() throws {
        let harness = GroupHarness()
        #expect(fetch(harness) == FetchedOffset.none)
        try commit(5, in: harness)
        try commit(6, in: harness)
        #expect(fetch(harness) == committed(6))
        try harness.restart()
        #expect(fetch(harness) == committed(6))
        #expect(harness.coordinator.fetchOffsets(groupId: "g", requiresStable: true) == [first: committed(6)])
        #expect(harness.coordinator.describe("g").state == .empty)
    }

    @Test("A member commits with its generation; others cannot commit to a group with members")
    func membersCommit() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        let outcome = try harness.coordinator.commitOffsets(
            offsets(5),
            by: GroupHarness.membership(leader),
            now: harness.now
        )
        harness.append(outcome.records)
        #expect(fetch(harness) == committed(5))
        let stranger = code { () throws(CoordinatorError) in
            _ = try harness.coordinator.commitOffsets(offsets(1), by: GroupMembership(groupId: "g"), now: 0)
        }
        #expect(stranger == .unknownMemberId)
    }

    @Test("While the leader's assignment is awaited, members' commits wait, and those of transactions do not")
    func completingRebalance() throws {
        let harness = GroupHarness()
        let leader = try harness.joined(harness.join(GroupHarness.request("a")))
        let membership = GroupHarness.membership(leader)
        let plain = code { () throws(CoordinatorError) in
            _ = try harness.coordinator.commitOffsets(offsets(1), by: membership, now: 0)
        }
        #expect(plain == .rebalanceInProgress)
        let transactional = code { () throws(CoordinatorError) in
            _ = try harness.coordinator.commitTransactionalOffsets(offsets(1), by: membership, now: 0)
        }
        #expect(transactional == nil)
    }

    @Test("During a rebalance members still commit what they have")
    func preparingRebalance() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        _ = harness.join(GroupHarness.request("b"))
        #expect(harness.state == .preparingRebalance)
        let outcome = try harness.coordinator.commitOffsets(
            offsets(5),
            by: GroupHarness.membership(leader),
            now: harness.now
        )
        #expect(outcome.records.count == 1)
    }

    @Test("A commit with too much metadata is refused for its partition alone")
    func metadata() throws {
        let harness = GroupHarness()
        let outcome = try harness.coordinator.commitOffsets(
            [
                first: CommittedOffset(offset: 1, metadata: String(repeating: "m", count: 4_097)),
                second: CommittedOffset(offset: 2, metadata: String(repeating: "m", count: 4_096)),
            ],
            by: GroupMembership(groupId: "g"),
            now: 0
        )
        #expect(outcome.refusals.mapValues(\.code) == [first: .offsetMetadataTooLarge])
        #expect(outcome.records.count == 1)
    }

    @Test("A transaction's offsets are unstable until its marker, and count with a commit")
    func transactionCommits() throws {
        let harness = GroupHarness()
        try commit(5, in: harness)
        try commitInTransaction(9, in: harness)
        #expect(fetch(harness) == .unstable)
        #expect(fetch(harness, stable: false) == committed(5))
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId + 1, result: .commit)
        #expect(fetch(harness) == .unstable, "the marker was another producer's")
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .commit)
        #expect(fetch(harness) == committed(9))
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .commit)
        #expect(fetch(harness) == committed(9))
    }

    @Test("A transaction's offsets vanish with an abort")
    func transactionAborts() throws {
        let harness = GroupHarness()
        try commit(5, in: harness)
        try commitInTransaction(9, in: harness)
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .abort)
        #expect(fetch(harness) == committed(5))
    }

    @Test("A tombstone after a transaction's offset wins over it, as it does when the log is compacted")
    func laterTombstone() throws {
        let harness = GroupHarness()
        try commit(5, in: harness)
        try commitInTransaction(9, in: harness)
        harness.coordinator.replay(.offset(OffsetKey(groupId: "g", partition: first), nil), producerId: nil)
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .commit)
        #expect(fetch(harness) == FetchedOffset.none)
    }

    @Test("A plain commit after a transaction's wins over it")
    func laterPlainCommit() throws {
        let harness = GroupHarness()
        try commitInTransaction(9, in: harness)
        try commit(5, in: harness)
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .commit)
        #expect(fetch(harness) == committed(5))
    }

    @Test("A transaction of a member that was replaced cannot commit offsets")
    func transactionalFencing() throws {
        let harness = GroupHarness()
        let pair = try harness.stablePair(secondInstance: "two")
        try harness.leave(pair.leader.memberId)
        let gone = code { () throws(CoordinatorError) in
            let membership = GroupHarness.membership(pair.leader)
            _ = try harness.coordinator.commitTransactionalOffsets(offsets(1), by: membership, now: 0)
        }
        #expect(gone == .unknownMemberId)
        _ = harness.join(GroupHarness.request("b", instance: "two"))
        let fenced = code { () throws(CoordinatorError) in
            let membership = GroupHarness.membership(pair.follower, instance: "two")
            _ = try harness.coordinator.commitTransactionalOffsets(offsets(1), by: membership, now: 0)
        }
        #expect(fenced == .fencedInstanceId)
    }

    @Test("A group with members, or with a transaction pending, is not deleted; an empty one is")
    func deleteGroup() throws {
        let harness = GroupHarness()
        func refusal() -> CoordinatorErrorCode? {
            code { () throws(CoordinatorError) in _ = try harness.coordinator.deleteGroup("g") }
        }
        #expect(refusal() == .groupIdNotFound)
        let leader = try harness.stableGroup()
        #expect(refusal() == .nonEmptyGroup)
        try harness.leave(leader.memberId)
        try commit(5, in: harness)
        try commitInTransaction(9, in: harness)
        #expect(refusal() == .nonEmptyGroup)
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .abort)
        harness.append(try harness.coordinator.deleteGroup("g"))
        #expect(harness.state == .dead)
        #expect(fetch(harness) == FetchedOffset.none)
        #expect(refusal() == .groupIdNotFound)
        #expect(harness.coordinator.list().isEmpty)
    }

    @Test("Offsets of topics that the group reads are not deleted, others are")
    func deleteOffsets() throws {
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        let other = TopicPartition("payments", 0)
        let commits = try harness.coordinator.commitOffsets(
            [first: CommittedOffset(offset: 1), other: CommittedOffset(offset: 2)],
            by: GroupHarness.membership(leader),
            now: 0
        )
        harness.append(commits.records)
        let deleted = try harness.coordinator.deleteOffsets(groupId: "g", partitions: [first, other])
        #expect(deleted.refusals.mapValues(\.code) == [first: .groupSubscribedToTopic])
        harness.append(deleted.records)
        let left = harness.coordinator.fetchOffsets(groupId: "g", requiresStable: false)
        #expect(Set(left.keys) == [first])
        let unknown = code { () throws(CoordinatorError) in
            _ = try harness.coordinator.deleteOffsets(groupId: "other", partitions: [first])
        }
        #expect(unknown == .groupIdNotFound)
    }

    @Test("Offsets expire a retention after the group became empty, and the group with them")
    func expiration() throws {
        let week: Int64 = 604_800_000
        let harness = GroupHarness()
        let leader = try harness.stableGroup()
        let commits = try harness.coordinator.commitOffsets(
            offsets(5),
            by: GroupHarness.membership(leader),
            now: harness.now
        )
        harness.append(commits.records)
        #expect(harness.coordinator.expireOffsets(now: .max).isEmpty, "the group reads the topic")
        harness.now += 5_000
        try harness.leave(leader.memberId)
        let emptySince = harness.now
        #expect(harness.coordinator.expireOffsets(now: emptySince + week - 1).isEmpty)
        let key = OffsetKey(groupId: "g", partition: first)
        let expired = harness.coordinator.expireOffsets(now: emptySince + week)
        #expect(expired == [.offset(key, nil), .group("g", nil)])
        harness.append(expired)
        #expect(harness.state == .dead)
        try harness.restart()
        #expect(harness.coordinator.list().isEmpty)
    }

    @Test("Offsets of a consumer that assigns by itself expire after the commit, but not under a transaction")
    func simpleExpiration() throws {
        let harness = GroupHarness()
        try commit(5, in: harness)
        try commitInTransaction(9, in: harness)
        #expect(harness.coordinator.expireOffsets(now: .max).isEmpty)
        harness.coordinator.replayTransactionMarker(producerId: Self.producerId, result: .abort)
        #expect(harness.coordinator.expireOffsets(now: harness.now + 604_800_000).count == 1)
    }
}
