import MillraceCoordination
import MillracePrimitives
import Synchronization

/// Carries out what the group coordinator decides: keeps its records in `__consumer_offsets`, and answers joins and
/// syncs when the rebalance allows.
package final class GroupRuntime: Sendable {
    /// What is told the answer to a join or sync.
    package typealias ReplyHandler = @Sendable (GroupAnswer) -> Void

    let shards: [GroupShard]
    let time: any TimeSource
    let topics: TopicRegistry

    init(topics: TopicRegistry, time: any TimeSource, settings: GroupCoordinator.Settings, seed: UInt64) {
        self.time = time
        self.topics = topics
        let partitions = topics.topic(InternalTopic.offsets)?.partitions ?? []
        shards = partitions.map { partition in
            GroupShard(
                partition: partition,
                coordinator: GroupCoordinator(
                    settings: settings,
                    random: SeededRandom(seed: seed &+ UInt64(partition.id.partition))
                ),
                time: time
            )
        }
    }

    func shard(of groupId: String) -> GroupShard {
        shards[Int(coordinatorPartition(forKey: groupId, partitionCount: Int32(shards.count)))]
    }

    /// The partition that keeps a group's offsets.
    package func offsetsPartition(of groupId: String) -> TopicPartition {
        shard(of: groupId).partition.id
    }

    // Membership

    /// A member joins; `reply` is called, from any thread, when it has or has not.
    package func join(_ request: JoinGroupRequest, reply: @escaping ReplyHandler) {
        answer(shard(of: request.groupId), reply) { state, token, now in
            state.coordinator.join(request, token: token, now: now)
        }
    }

    /// A member asks for its assignment; `reply` is called, from any thread, when it is known.
    package func sync(_ request: SyncGroupRequest, reply: @escaping ReplyHandler) {
        answer(shard(of: request.groupId), reply) { state, token, now in
            state.coordinator.sync(request, token: token, now: now)
        }
    }

    /// A member says that it lives; throws if it has to join again.
    package func heartbeat(_ membership: GroupMembership) throws(BrokerError) {
        let now = time.milliseconds
        do throws(CoordinatorError) {
            try shard(of: membership.groupId).state.withLock { (state) throws(CoordinatorError) in
                try state.coordinator.heartbeat(membership, now: now)
            }
        } catch {
            throw BrokerError(error)
        }
    }

    /// A member leaves.
    package func leave(_ membership: GroupMembership) throws(BrokerError) {
        let shard = shard(of: membership.groupId)
        let now = time.milliseconds
        let leaving = LeavingMember(
            memberId: membership.memberId,
            groupInstanceId: membership.groupInstanceId
        )
        let deliveries = try shard.state.withLock { (state) throws(BrokerError) in
            do throws(CoordinatorError) {
                let result = try state.coordinator.leave(groupId: membership.groupId, members: [leaving], now: now)
                return apply(result.outcome, &state, shard)
            } catch {
                throw BrokerError(error)
            }
        }
        deliver(deliveries)
    }

    /// Lets sessions and rebalances run out that are due.
    func expire(_ now: Int64) {
        for shard in shards {
            let deliveries = shard.state.withLock { state in apply(state.coordinator.tick(now: now), &state, shard) }
            deliver(deliveries)
        }
    }

    /// A group as it is shown to people.
    package func describe(_ groupId: String) -> GroupDescription {
        shard(of: groupId).state.withLock { $0.coordinator.describe(groupId) }
    }

    /// All groups.
    package func list() -> [GroupDescription] {
        shards.flatMap { shard in shard.state.withLock { $0.coordinator.list() } }
    }

    // Carrying out

    struct Delivery: Sendable {
        var handler: ReplyHandler
        var answer: GroupAnswer
    }

    private func answer(
        _ shard: GroupShard,
        _ reply: @escaping ReplyHandler,
        _ body: (inout GroupShard.State, GroupReplyToken, Int64) -> GroupOutcome
    ) {
        let now = time.milliseconds
        let deliveries = shard.state.withLock { state in
            let token = state.nextToken
            state.nextToken += 1
            state.waiting[token] = reply
            return apply(body(&state, token, now), &state, shard)
        }
        deliver(deliveries)
    }

    /// Writes an outcome's records and finds who is to be told what. If the records cannot be written, the members are
    /// told to try again.
    func apply(_ outcome: GroupOutcome, _ state: inout GroupShard.State, _ shard: GroupShard) -> [Delivery] {
        var failure: CoordinatorError?
        do throws(BrokerError) {
            try shard.append(outcome.records, &state)
        } catch {
            failure = CoordinatorError(.coordinatorNotAvailable, error.message)
        }
        return outcome.replies.compactMap { reply in
            guard let handler = state.waiting.removeValue(forKey: reply.token) else { return nil }
            guard let failure else { return Delivery(handler: handler, answer: reply.answer) }
            switch reply.answer {
            case .joined(let joined):
                return Delivery(handler: handler, answer: .joinRefused(failure, memberId: joined.memberId))
            case .synced: return Delivery(handler: handler, answer: .syncRefused(failure))
            case .joinRefused, .syncRefused: return Delivery(handler: handler, answer: reply.answer)
            }
        }
    }

    func deliver(_ deliveries: [Delivery]) {
        for delivery in deliveries { delivery.handler(delivery.answer) }
    }
}
