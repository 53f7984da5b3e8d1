import MillraceCoordination
import MillracePrimitives
import Testing

/// A group coordinator with its log and its callers: appends, replays and delivers what events return. A class, so that
/// one call's answer can be looked up in the same expression.
final class GroupHarness {
    var coordinator: GroupCoordinator
    var log: [GroupRecord] = []
    var answers: [GroupReplyToken: GroupAnswer] = [:]
    var now: Int64 = 1_000_000
    private var nextToken: GroupReplyToken = 1

    init(settings: GroupCoordinator.Settings = .init()) {
        coordinator = GroupCoordinator(settings: settings, random: SeededRandom(seed: 42))
    }

    func append(_ records: [GroupRecord]) {
        for record in records {
            log.append(record)
            coordinator.replay(record)
        }
    }

    func apply(_ outcome: GroupOutcome) {
        append(outcome.records)
        for reply in outcome.replies {
            #expect(answers[reply.token] == nil, "token \(reply.token) is answered once")
            answers[reply.token] = reply.answer
        }
    }

    func token() -> GroupReplyToken {
        defer { nextToken += 1 }
        return nextToken
    }

    static func request(
        _ name: String,
        memberId: String = "",
        instance: String? = nil,
        topics: [String] = ["orders"],
        protocols: [String] = ["range"],
        host: String = "/10.0.0.1"
    ) -> JoinGroupRequest {
        let metadata = ConsumerSubscription(topics: topics).encoded()
        return JoinGroupRequest(
            groupId: "g",
            memberId: memberId,
            groupInstanceId: instance,
            clientId: name,
            clientHost: host,
            sessionTimeoutMs: 10_000,
            rebalanceTimeoutMs: 60_000,
            protocols: protocols.map { GroupProtocol(name: $0, metadata: metadata) }
        )
    }

    /// Sends a join; its answer may come later.
    func join(_ request: JoinGroupRequest) -> GroupReplyToken {
        let token = token()
        apply(coordinator.join(request, token: token, now: now))
        return token
    }

    func sync(
        _ joined: JoinedGroup,
        assignments: [String: [UInt8]] = [:],
        instance: String? = nil
    ) -> GroupReplyToken {
        let token = token()
        let request = SyncGroupRequest(
            groupId: "g",
            memberId: joined.memberId,
            groupInstanceId: instance,
            generation: joined.generation,
            protocolType: "consumer",
            protocolName: joined.protocolName,
            assignments: assignments
        )
        apply(coordinator.sync(request, token: token, now: now))
        return token
    }

    func tick() {
        apply(coordinator.tick(now: now))
    }

    func leave(_ memberId: String) throws(CoordinatorError) {
        let left = try coordinator.leave(groupId: "g", members: [LeavingMember(memberId: memberId)], now: now)
        apply(left.outcome)
        if let refusal = left.refusals.compactMap({ $0 }).first { throw refusal }
    }

    func heartbeat(_ joined: JoinedGroup, instance: String? = nil) -> CoordinatorErrorCode? {
        let membership = Self.membership(joined, instance: instance)
        return code { () throws(CoordinatorError) in try coordinator.heartbeat(membership, now: now) }
    }

    static func membership(_ joined: JoinedGroup, instance: String? = nil) -> GroupMembership {
        GroupMembership(
            groupId: "g",
            memberId: joined.memberId,
            generation: joined.generation,
            groupInstanceId: instance
        )
    }

    func joined(_ token: GroupReplyToken, _ at: SourceLocation = #_sourceLocation) throws -> JoinedGroup {
        guard case .joined(let joined) = answers[token] else {
            Issue.record("not joined: \(String(describing: answers[token]))", sourceLocation: at)
            throw CoordinatorError(.invalidRequest, "not joined")
        }
        return joined
    }

    func assignment(_ token: GroupReplyToken, _ at: SourceLocation = #_sourceLocation) throws -> [UInt8] {
        guard case .synced(let synced) = answers[token] else {
            Issue.record("not synced: \(String(describing: answers[token]))", sourceLocation: at)
            throw CoordinatorError(.invalidRequest, "not synced")
        }
        return synced.assignment
    }

    /// Why a join or sync was refused; nil if it was not, or not yet.
    func refusal(_ token: GroupReplyToken) -> CoordinatorErrorCode? {
        switch answers[token] {
        case .joinRefused(let error, _), .syncRefused(let error): error.code
        case .joined, .synced, nil: nil
        }
    }

    var state: GroupState { coordinator.describe("g").state }

    /// A stable group of one member, which is its leader.
    func stableGroup(
        _ name: String = "a",
        instance: String? = nil,
        host: String = "/10.0.0.1"
    ) throws -> JoinedGroup {
        let token = join(Self.request(name, instance: instance, host: host))
        let leader = try joined(token)
        _ = sync(leader, assignments: [leader.memberId: [1]], instance: instance)
        #expect(state == .stable)
        return leader
    }

    /// A stable group of a leader and a follower with assignments 1 and 2.
    func stablePair(
        firstInstance: String? = nil,
        secondInstance: String? = nil
    ) throws -> (leader: JoinedGroup, follower: JoinedGroup) {
        let alone = try stableGroup(instance: firstInstance)
        let second = join(Self.request("b", instance: secondInstance))
        let again = join(Self.request("a", memberId: alone.memberId, instance: firstInstance))
        let leader = try joined(again)
        let follower = try joined(second)
        let waiting = sync(follower, instance: secondInstance)
        #expect(answers[waiting] == nil, "the follower waits for the leader")
        _ = sync(
            leader,
            assignments: [leader.memberId: [1], follower.memberId: [2]],
            instance: firstInstance
        )
        #expect(try assignment(waiting) == [2])
        return (leader, follower)
    }

    /// Replays the log into a fresh coordinator and goes on with that.
    func restart() throws {
        var recovered = GroupCoordinator(settings: coordinator.settings, random: SeededRandom(seed: 43))
        for record in log { recovered.replay(try record.reread) }
        #expect(recovered.log == coordinator.log, "replaying the log gives another state than living through it")
        coordinator = recovered
        apply(coordinator.completeLoading(now: now))
    }
}
