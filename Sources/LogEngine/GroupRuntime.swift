import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

/// Carries out what the group coordinator decides: keeps its records in `__consumer_offsets`, and answers joins and
/// syncs when the rebalance allows.
package final class GroupRuntime: Sendable {
    /// What is told the answer to a join or sync.
    package typealias ReplyHandler = @Sendable (GroupAnswer) -> Void

    private struct State {
        var coordinator: GroupCoordinator
        var nextToken: GroupReplyToken = 1
        var waiting: [GroupReplyToken: ReplyHandler] = [:]
        let batch = RecordBatchBuilder(capacity: 4 << 10)
    }

    /// The groups of one partition of `__consumer_offsets`.
    private final class Shard: Sendable {
        let partition: Partition
        let state: Mutex<State>

        init(partition: Partition, coordinator: GroupCoordinator) {
            self.partition = partition
            state = Mutex(State(coordinator: coordinator))
        }
    }

    private let shards: [Shard]
    private let time: any TimeSource

    init(topics: TopicRegistry, time: any TimeSource, seed: UInt64) {
        self.time = time
        let partitions = topics.topic(InternalTopic.offsets)?.partitions ?? []
        shards = partitions.map { partition in
            Shard(
                partition: partition,
                coordinator: GroupCoordinator(random: SeededRandom(seed: seed &+ UInt64(partition.id.partition)))
            )
        }
    }

    private func shard(of groupId: String) -> Shard {
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

    /// Removes committed offsets that nobody has used for the retention time.
    func expireOffsets(_ now: Int64) throws(BrokerError) {
        for shard in shards {
            try shard.state.withLock { (state) throws(BrokerError) in
                try append(state.coordinator.expireOffsets(now: now), &state, shard)
            }
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

    // Offsets

    /// Commits positions; they survive loss of power when this returns.
    package func commit(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(BrokerError) {
        try writeCommit(of: membership.groupId) { (coordinator, now) throws(CoordinatorError) in
            try coordinator.commitOffsets(offsets, by: membership, now: now)
        }
        try shard(of: membership.groupId).partition.flush()
    }

    /// Commits positions within a producer's transaction: they count from its COMMIT marker on.
    func commit(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership,
        producer: ProducerIdentity
    ) throws(BrokerError) {
        try writeCommit(of: membership.groupId, producer: producer) { (coordinator, now) throws(CoordinatorError) in
            try coordinator.commitTransactionalOffsets(offsets, by: membership, now: now)
        }
    }

    /// Writes what the coordinator makes of a commit: all of the positions, or none if it refuses one.
    private func writeCommit(
        of groupId: String,
        producer: ProducerIdentity? = nil,
        _ body: (inout GroupCoordinator, Int64) throws(CoordinatorError) -> OffsetCommitOutcome
    ) throws(BrokerError) {
        let shard = shard(of: groupId)
        let now = time.milliseconds
        try shard.state.withLock { (state) throws(BrokerError) in
            let outcome: OffsetCommitOutcome
            do throws(CoordinatorError) {
                outcome = try body(&state.coordinator, now)
            } catch {
                throw BrokerError(error)
            }
            if let refusal = outcome.refusals.min(by: { $0.key < $1.key })?.value { throw BrokerError(refusal) }
            try append(outcome.records, &state, shard, producer: producer)
        }
    }

    /// Ends a producer's transaction among the groups' positions: log and memory change together.
    func endTransaction(
        _ marker: EndTransactionMarker,
        of producer: ProducerIdentity,
        in partition: Partition,
        transactionVersion: Int
    ) throws(BrokerError) {
        guard let shard = shards.first(where: { $0.partition === partition }) else { return }
        try shard.state.withLock { (state) throws(BrokerError) in
            try partition.appendMarker(marker, for: producer, transactionVersion: transactionVersion)
            state.coordinator.replayTransactionMarker(producerId: producer.id, result: marker.result)
        }
        partition.ring()
    }

    /// What a group has committed for each partition; those that an undecided transaction may change are `unstable` if
    /// `requiresStable`.
    package func fetchOffsets(
        of groupId: String,
        _ partitions: [TopicPartition]?,
        requiresStable: Bool
    ) -> [TopicPartition: FetchedOffset] {
        shard(of: groupId).state.withLock { state in
            state.coordinator.fetchOffsets(groupId: groupId, partitions: partitions, requiresStable: requiresStable)
        }
    }

    /// All that a group has committed.
    package func committedOffsets(of groupId: String) -> [TopicPartition: CommittedOffset] {
        fetchOffsets(of: groupId, nil, requiresStable: false).compactMapValues { fetched in
            switch fetched {
            case .committed(let offset): offset
            case .none, .unstable: nil
            }
        }
    }

    /// Drops the positions in a topic that was deleted, so that one made anew under its name is read from its beginning.
    func forget(topic: String) throws(BrokerError) {
        for shard in shards {
            try shard.state.withLock { (state) throws(BrokerError) in
                for group in state.coordinator.list() {
                    let committed = state.coordinator.fetchOffsets(groupId: group.groupId, requiresStable: false)
                    let gone = committed.keys.filter { $0.topic == topic }.sorted()
                    let records = gone.map { partition in
                        GroupRecord.offset(OffsetKey(groupId: group.groupId, partition: partition), nil)
                    }
                    try append(records, &state, shard)
                }
            }
        }
    }

    // Recovery

    /// Replays `__consumer_offsets`; an observer leaves the groups as they stand there.
    func load(isObserver: Bool) throws(BrokerError) {
        for shard in shards {
            var coordinator = shard.state.withLock { $0.coordinator }
            try CoordinatorLog(partition: shard.partition).replay { (batch, records) throws(BrokerError) in
                do throws(BrokerError) {
                    try Self.replay(batch, records, into: &coordinator)
                } catch {
                    throw BrokerError(error.code, "\(shard.partition.id) cannot be replayed: \(error.message)")
                }
            }
            let outcome = coordinator.completeLoading(now: time.milliseconds, keepsMembers: isObserver)
            let loaded = coordinator
            let deliveries = shard.state.withLock { state in
                state.coordinator = loaded
                return apply(outcome, &state, shard)
            }
            deliver(deliveries)
        }
    }

    private static func replay(
        _ batch: RecordBatch,
        _ records: UnsafeRawBufferPointer,
        into coordinator: inout GroupCoordinator
    ) throws(BrokerError) {
        let attributes = batch.header.attributes
        let producerId = attributes.isTransactional ? batch.header.producer.id : nil
        do {
            var cursor = RecordCursor(batch.header, records: records)
            while let record = try cursor.next() {
                if attributes.isControl {
                    guard let marker = try EndTransactionMarker(record) else { continue }
                    coordinator.replayTransactionMarker(
                        producerId: batch.header.producer.id,
                        result: marker.result
                    )
                } else if let key = record.key {
                    do throws(CoordinatorRecordError) {
                        coordinator.replay(try GroupRecord(key: key, value: record.value), producerId: producerId)
                    } catch {
                        // Records of newer kinds of groups, which a newer Kafka wrote, are not ours.
                        guard error.isUnknownKind else { throw error }
                    }
                }
            }
        } catch {
            throw BrokerError(.corruptMessage, "\(error)")
        }
    }

    // Carrying out

    private struct Delivery: Sendable {
        var handler: ReplyHandler
        var answer: GroupAnswer
    }

    private func answer(
        _ shard: Shard,
        _ reply: @escaping ReplyHandler,
        _ body: (inout State, GroupReplyToken, Int64) -> GroupOutcome
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
    private func apply(_ outcome: GroupOutcome, _ state: inout State, _ shard: Shard) -> [Delivery] {
        var failure: CoordinatorError?
        do throws(BrokerError) {
            try append(outcome.records, &state, shard)
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

    private func deliver(_ deliveries: [Delivery]) {
        for delivery in deliveries { delivery.handler(delivery.answer) }
    }

    /// Appends records in one batch, of a producer's transaction if one is given, and applies them.
    private func append(
        _ records: [GroupRecord],
        _ state: inout State,
        _ shard: Shard,
        producer: ProducerIdentity? = nil
    ) throws(BrokerError) {
        guard !records.isEmpty else { return }
        var key = ByteWriter(capacity: 128)
        var value = ByteWriter(capacity: 256)
        state.batch.reset()
        let now = time.milliseconds
        for record in records {
            key.removeAll()
            value.removeAll()
            record.encodeKey(into: &key)
            let hasValue = record.encodeValue(into: &value)
            let valueBytes = hasValue ? value.bytes : nil
            if !state.batch.append(key: key.bytes, value: valueBytes, timestamp: now) {
                try write(&state, shard, producer)
                state.batch.append(key: key.bytes, value: valueBytes, timestamp: now)
            }
        }
        try write(&state, shard, producer)
        for record in records { state.coordinator.replay(record, producerId: producer?.id) }
    }

    private func write(_ state: inout State, _ shard: Shard, _ producer: ProducerIdentity?) throws(BrokerError) {
        let bytes: UnsafeMutableRawBufferPointer
        do throws(RecordFormatError) {
            bytes = try state.batch.seal(producer: producer ?? .none, isTransactional: producer != nil)
        } catch {
            throw BrokerError(.corruptMessage, "\(error)")
        }
        _ = try shard.partition.append(bytes, origin: .coordinator)
        state.batch.reset()
    }
}
