import MillraceCoordination
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

extension GroupRuntime {
    /// Commits positions; they survive loss of power when this returns.
    package func commit(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(BrokerError) {
        try writeCommit(of: membership.groupId, offsets.keys) { (coordinator, now) throws(CoordinatorError) in
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
        try writeCommit(of: membership.groupId, offsets.keys, producer: producer) {
            (coordinator, now) throws(CoordinatorError) in
            try coordinator.commitTransactionalOffsets(offsets, by: membership, now: now)
        }
    }

    /// Writes what the coordinator makes of a commit: all of the positions, or none if it refuses one or there is no such
    /// partition.
    private func writeCommit(
        of groupId: String,
        _ partitions: Dictionary<TopicPartition, CommittedOffset>.Keys,
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
            // Under this lock, which `forget` takes after the topic is gone: no position outlives its topic.
            for partition in partitions { _ = try topics.partition(partition) }
            try shard.append(outcome.records, &state, producer: producer)
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

    /// Drops the positions in a topic that was deleted, also those that transactions have not decided on, so that one made
    /// anew under its name is read from its beginning.
    func forget(topic: String) throws(BrokerError) {
        for shard in shards {
            try shard.state.withLock { (state) throws(BrokerError) in
                let records = state.coordinator.offsetKeys(inTopic: topic).map { GroupRecord.offset($0, nil) }
                try shard.appendInParts(records, &state)
            }
        }
    }

    /// Deletes a group without members, with its offsets.
    package func delete(_ groupId: String) throws(BrokerError) {
        let shard = shard(of: groupId)
        try shard.state.withLock { (state) throws(BrokerError) in
            let records: [GroupRecord]
            do throws(CoordinatorError) {
                records = try state.coordinator.deleteGroup(groupId)
            } catch {
                throw BrokerError(error)
            }
            // The group itself comes last: what a crash leaves of it can be deleted again.
            try shard.appendInParts(records, &state)
        }
        try shard.partition.flush()
    }

    /// Deletes offsets of a group, but for those of topics that it reads; returns why each of these stays.
    package func deleteOffsets(
        of groupId: String,
        _ partitions: [TopicPartition]
    ) throws(BrokerError) -> [TopicPartition: BrokerError] {
        let shard = shard(of: groupId)
        let refusals = try shard.state.withLock { (state) throws(BrokerError) in
            let outcome: OffsetCommitOutcome
            do throws(CoordinatorError) {
                outcome = try state.coordinator.deleteOffsets(groupId: groupId, partitions: partitions)
            } catch {
                throw BrokerError(error)
            }
            try shard.appendInParts(outcome.records, &state)
            return outcome.refusals.mapValues { BrokerError($0) }
        }
        try shard.partition.flush()
        return refusals
    }

    /// Removes committed offsets that nobody has used for the retention time.
    func expireOffsets(_ now: Int64) throws(BrokerError) {
        for shard in shards {
            try shard.state.withLock { (state) throws(BrokerError) in
                try shard.appendInParts(state.coordinator.expireOffsets(now: now), &state)
            }
        }
    }
}
