import MillraceCoordination
import MillracePrimitives
import Testing

/// Random members of one group, well-behaved and not, against the coordinator.
@Suite("Random groups")
struct RandomGroupTests {
    private enum Entry {
        case record(GroupRecord, producerId: Int64?)
        case marker(producerId: Int64, TransactionResult)
    }

    private struct Run {
        var coordinator: GroupCoordinator
        var random: SeededRandom
        var now: Int64 = 1_000_000
        var log: [Entry] = []
        var waiting: Set<GroupReplyToken> = []
        var joined: [JoinedGroup] = []
        var offeredIds: [String] = []
        var nextToken: GroupReplyToken = 0
        let seed: UInt64

        init(seed: UInt64) {
            self.seed = seed
            random = SeededRandom(seed: seed)
            var settings = GroupCoordinator.Settings()
            settings.initialRebalanceDelayMs = seed % 2 == 0 ? 0 : 3_000
            settings.offsetsRetentionMs = 200_000
            coordinator = GroupCoordinator(settings: settings, random: SeededRandom(seed: seed &+ 1_000))
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func append(_ records: [GroupRecord], producerId: Int64? = nil) {
            for record in records {
                log.append(.record(record, producerId: producerId))
                coordinator.replay(record, producerId: producerId)
            }
        }

        mutating func apply(_ outcome: GroupOutcome) {
            append(outcome.records)
            for reply in outcome.replies {
                #expect(waiting.remove(reply.token) != nil, "seed \(seed): an answer that nobody waits for")
                switch reply.answer {
                case .joined(let group): joined.append(group)
                case .joinRefused(_, let memberId): offeredIds.append(memberId)
                case .synced, .syncRefused: break
                }
            }
            if joined.count > 12 { joined.removeFirst(joined.count - 12) }
            if offeredIds.count > 6 { offeredIds.removeFirst(offeredIds.count - 6) }
        }

        mutating func token() -> GroupReplyToken {
            nextToken += 1
            waiting.insert(nextToken)
            return nextToken
        }

        mutating func membership() -> GroupMembership {
            guard let member = joined.randomElement(using: &random), number(0...5) > 0 else {
                return GroupMembership(groupId: "g")
            }
            return GroupMembership(groupId: "g", memberId: member.memberId, generation: member.generation)
        }

        mutating func step() {
            now += Int64(number(0...2_000))
            switch number(0...13) {
            case 0...2: join()
            case 3...5: sync()
            case 6, 7:
                let membership = membership()
                try? coordinator.heartbeat(membership, now: now)
            case 8: leave()
            case 9: commit(isTransactional: false)
            case 10: commit(isTransactional: true)
            case 11: mark()
            case 12: apply(coordinator.tick(now: now))
            default:
                if number(0...3) == 0 { now += 15_000 }
                append(coordinator.expireOffsets(now: now))
                if let records = try? coordinator.deleteGroup("g") { append(records) }
            }
        }

        mutating func join() {
            var memberId = ""
            if number(0...2) > 0, let known = joined.randomElement(using: &random) { memberId = known.memberId }
            if number(0...4) == 0, let offered = offeredIds.randomElement(using: &random) { memberId = offered }
            var request = GroupHarness.request(
                "client",
                memberId: memberId,
                instance: number(0...3) == 0 ? "static-\(number(0...1))" : nil,
                topics: number(0...5) == 0 ? ["orders", "payments"] : ["orders"],
                host: Bool.random(using: &random) ? GroupCoordinator.inProcessHost : "/10.0.0.1"
            )
            request.requiresKnownMemberId = Bool.random(using: &random)
            let token = token()
            apply(coordinator.join(request, token: token, now: now))
        }

        mutating func sync() {
            guard let member = joined.randomElement(using: &random) else { return }
            let request = SyncGroupRequest(
                groupId: "g",
                memberId: member.memberId,
                generation: member.generation,
                assignments: Dictionary(uniqueKeysWithValues: member.members.map { ($0.memberId, [1]) })
            )
            let token = token()
            apply(coordinator.sync(request, token: token, now: now))
        }

        mutating func leave() {
            guard let member = joined.randomElement(using: &random) else { return }
            let leaving = [LeavingMember(memberId: member.memberId)]
            if let left = try? coordinator.leave(groupId: "g", members: leaving, now: now) { apply(left.outcome) }
        }

        mutating func commit(isTransactional: Bool) {
            let offsets = [
                TopicPartition("orders", Int32(number(0...1))): CommittedOffset(offset: Int64(number(0...99)))
            ]
            let membership = membership()
            let outcome =
                isTransactional
                ? try? coordinator.commitTransactionalOffsets(offsets, by: membership, now: now)
                : try? coordinator.commitOffsets(offsets, by: membership, now: now)
            append(outcome?.records ?? [], producerId: isTransactional ? Int64(number(1...2)) : nil)
        }

        mutating func mark() {
            let producerId = Int64(number(1...2))
            let result: TransactionResult = Bool.random(using: &random) ? .commit : .abort
            log.append(.marker(producerId: producerId, result))
            coordinator.replayTransactionMarker(producerId: producerId, result: result)
        }

        mutating func checkReplay() throws {
            var recovered = GroupCoordinator(settings: coordinator.settings, random: SeededRandom(seed: 0))
            for entry in log {
                switch entry {
                case .record(let record, let producerId): recovered.replay(try record.reread, producerId: producerId)
                case .marker(let producerId, let result):
                    recovered.replayTransactionMarker(producerId: producerId, result: result)
                }
            }
            #expect(recovered.log == coordinator.log, "seed \(seed): replaying gives another state")
            _ = recovered.completeLoading(now: now)
        }
    }

    @Test(
        "Records lead to the same state again, and every caller is answered exactly once",
        arguments: 1...12 as ClosedRange<UInt64>
    )
    func replay(seed: UInt64) throws {
        var run = Run(seed: seed)
        for step in 0..<1_500 {
            run.step()
            let group = run.coordinator.describe("g")
            if group.state == .stable || group.state == .completingRebalance {
                let leads = group.members.contains { $0.memberId == group.leaderId }
                #expect(leads, "seed \(seed), step \(step): the leader is a member")
            }
            if group.state == .empty || group.state == .dead { #expect(group.members.isEmpty, "seed \(seed)") }
            if step % 100 == 0 { try run.checkReplay() }
        }
        try run.checkReplay()
        #expect(run.log.count > 50, "seed \(seed): the run did something")

        // With nobody reporting any more, all time-outs run out one after the other.
        var rounds = 0
        while let deadline = run.coordinator.nextDeadline {
            run.now = max(run.now, deadline)
            run.apply(run.coordinator.tick(now: run.now))
            rounds += 1
            #expect(rounds < 1_000, "seed \(seed): time-outs that never end")
            if rounds >= 1_000 { break }
        }
        #expect(run.waiting.isEmpty, "seed \(seed): callers that are never answered")
        #expect([.empty, .dead].contains(run.coordinator.describe("g").state), "seed \(seed)")
        try run.checkReplay()
    }
}
