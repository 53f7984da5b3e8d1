import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// What arrives for a transaction from outside: nothing is stored before the coordinator knows of it, so that what is late
// can neither join a later transaction nor open one that nobody ends (invariant 4, fenced; KIP-890).
extension TransactionRuntime {
    /// Appends a batch of a producer's transaction. The first one adds the partition to the transaction; a client before
    /// version 2 has to have done so itself (LE-52, LE-53).
    ///
    /// What is appended is durable with the commit or with `prepare`, not before; an unclean stop aborts the transaction.
    ///
    /// - Throws: `invalidProducerEpoch` for a batch of an earlier transaction or owner, `transactionAbortable` if a client
    ///   before version 2 has not added the partition.
    package func append(
        _ batch: UnsafeMutableRawBufferPointer,
        to partition: Partition,
        in transactionalId: String,
        origin: AppendOrigin = .client,
        clientVersion: TransactionVersion = .two
    ) throws(BrokerError) -> AppendResult {
        let producer = try producer(of: batch, to: partition.id)
        let isTwoPhase = try checkUndecided(transactionalId)
        // Under version 2 every transaction counts from 0; a later number tells of records that are lost (LE-24).
        let unknown: UnknownProducerPolicy = clientVersion.raisesEpoch ? .startsAtZero : .anySequence
        let result: AppendResult
        do throws(BrokerError) {
            result = try partition.append(batch, origin: origin, unknownProducer: unknown, beginsTransaction: false)
        } catch {
            guard error.code == .transactionAbortable else { throw error }
            do throws(BrokerError) {
                result = try admitting(partition.id, to: transactionalId, producer, clientVersion) {
                    () throws(BrokerError) in
                    try partition.append(batch, origin: origin, unknownProducer: unknown)
                }
            } catch {
                // Producers know what to do about an epoch that is not theirs any more: abort and initialise again.
                guard error.code == .producerFenced else { throw error }
                throw BrokerError(.invalidProducerEpoch, error.message)
            }
        }
        // Its client prepares without telling the broker, and relies on what was acknowledged.
        if isTwoPhase { try partition.flush(upTo: result.lastOffset + 1) }
        return result
    }

    /// Makes a group's positions part of a transaction (KIP-447): visible with its commit only, refused if the member's
    /// generation is not the group's any more.
    package func commitOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership,
        in transactionalId: String,
        producer: ProducerIdentity,
        clientVersion: TransactionVersion = .two
    ) throws(BrokerError) {
        let isTwoPhase = try checkUndecided(transactionalId)
        let partition = groups.offsetsPartition(of: membership.groupId)
        if isTwoPhase { try makeDurable(offsets) }
        try admitting(partition, to: transactionalId, producer, clientVersion) { () throws(BrokerError) in
            // Positions count for nothing until their transaction is decided, so that what they have passed can become
            // durable together with its data.
            passed.withLock { passed in
                passed[transactionalId, default: [:]].merge(offsets.mapValues(\.offset)) { max($0, $1) }
            }
            let isFenced = !deliberateFaults.contains(.forgetGeneration)
            let member = isFenced ? membership : GroupMembership(groupId: membership.groupId)
            try groups.commit(offsets, for: member, producer: producer)
        }
        if isTwoPhase { try topics.partition(partition).flush() }
    }

    /// Runs `body`, which may write the first batch of a transaction in a partition.
    ///
    /// Under version 2 a batch that is too late finds the epoch of the marker in the partition. Before, marker and batch
    /// have the same epoch, so that the coordinator must not decide between its word and the batch.
    private func admitting<Result: Sendable>(
        _ partition: TopicPartition,
        to transactionalId: String,
        _ producer: ProducerIdentity,
        _ clientVersion: TransactionVersion,
        _ body: () throws(BrokerError) -> Result
    ) throws(BrokerError) -> Result {
        if clientVersion.raisesEpoch {
            try addPartitions([partition], to: transactionalId, producer: producer, clientVersion: clientVersion)
            return try body()
        }
        return try state.withLock { (state) throws(BrokerError) in
            do throws(CoordinatorError) {
                try state.coordinator.verify(partition, in: transactionalId, producer: producer)
            } catch {
                throw BrokerError(error)
            }
            return try body()
        }
    }

    private func producer(
        of batch: UnsafeMutableRawBufferPointer,
        to partition: TopicPartition
    ) throws(BrokerError) -> ProducerIdentity {
        let header: RecordBatchHeader
        do throws(RecordFormatError) {
            header = try RecordBatchHeader(reading: UnsafeRawBufferPointer(batch))
        } catch {
            throw BrokerError(.corruptMessage, "a batch for \(partition) cannot be read: \(error)")
        }
        guard header.sizeInBytes == batch.count, header.attributes.isTransactional else {
            throw BrokerError(
                .invalidRequest,
                "what is sent to \(partition) in a transaction has to be one transactional batch"
            )
        }
        return header.producer
    }

    /// Keeps a batch out of a transaction that is decided or prepared: one that is decided is finished first, so that the
    /// batch meets the markers. Returns whether transactions of the id are parts of a two-phase commit that no `prepare`
    /// announces.
    private func checkUndecided(_ transactionalId: String) throws(BrokerError) -> Bool {
        guard let metadata = state.withLock({ $0.coordinator.metadata(of: transactionalId) }) else { return false }
        if metadata.state.pendingResult != nil { try finishPending(transactionalId) }
        if metadata.isPrepared {
            throw BrokerError(
                .invalidTransactionState,
                "the transaction of \(transactionalId) is prepared, and takes nothing more; commit or abort it first"
            )
        }
        return metadata.timeoutMs == TransactionMetadata.noTimeoutMs
    }

    /// Prepares a transaction for a two-phase commit (KIP-939): when this returns, all of it survives loss of power, it has
    /// no time-out any more, and a start of the broker keeps it until its owner decides.
    package func prepare(_ transactionalId: String, producer: ProducerIdentity) throws(BrokerError) {
        try flushData(of: transactionalId)
        _ = try request { (state, now) throws(CoordinatorError) in
            try state.coordinator.prepareTransaction(transactionalId, producer: producer, now: now)
        } record: {
            $0
        }
        try log(of: transactionalId).flush()
    }
}
