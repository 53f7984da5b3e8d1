import MillracePrimitives

extension TransactionCoordinator {
    /// Gives the caller an identity that fences every earlier owner of the transactional id.
    ///
    /// The producer id stays over sessions and its epoch is raised; an exhausted one is replaced. With `expected`, the
    /// caller says which identity it has: only the current owner is served, and a retry after a lost answer gets the same
    /// answer (KIP-360). An owner that names its identity while its transaction is under way has it aborted and keeps the
    /// id: the retry is recognised. `producerIds` must not be exhausted, or COORDINATOR_NOT_AVAILABLE may be thrown.
    ///
    /// Two-phase commit (KIP-939): with `keepsPrepared` a transaction under way is not aborted but goes to the new owner,
    /// who can only end it; its records keep their identity. A producer that `isTwoPhase` has no timeout.
    package func initProducerId(
        _ transactionalId: String,
        timeoutMs: Int32,
        expected: ProducerIdentity? = nil,
        keepsPrepared: Bool = false,
        isTwoPhase: Bool = false,
        producerIds: inout ProducerIdBlock,
        now: Int64
    ) throws(CoordinatorError) -> InitProducerIdOutcome {
        try validate(transactionalId)
        let timeoutMs = isTwoPhase ? TransactionMetadata.noTimeoutMs : timeoutMs
        guard isTwoPhase || (timeoutMs > 0 && timeoutMs <= settings.timeoutMaximumMs) else {
            throw CoordinatorError(
                .invalidTransactionTimeout,
                "\(transactionalId) asked for a transaction timeout of \(timeoutMs) ms; "
                    + "it must be from 1 to \(settings.timeoutMaximumMs) ms"
            )
        }
        guard let metadata = transactions[transactionalId] else {
            let producer = ProducerIdentity(id: try producerIds.takeOrThrow(), epoch: 0)
            let created = TransactionMetadata(
                producer: producer,
                timeoutMs: timeoutMs,
                state: .empty,
                lastUpdateMs: now
            )
            return .assigned(producer, record(for: transactionalId, from: nil, to: created))
        }

        let expected = expected == ProducerIdentity.none ? nil : expected
        if let expected, !isOwner(expected, metadata) { throw fenced(transactionalId, expected, metadata) }
        switch metadata.state {
        case .prepareCommit, .prepareAbort, .dead, .prepareEpochFence:
            throw unfinished(transactionalId)
        case .ongoing where keepsPrepared:
            var next = metadata
            next.nextProducer = try successor(of: metadata, producerIds: &producerIds)
            next.timeoutMs = timeoutMs
            next.lastUpdateMs = now
            return .kept(
                next.nextProducer,
                ongoing: metadata.producer,
                record(for: transactionalId, from: metadata, to: next)
            )
        case .ongoing where expected == nil:
            return .abortFirst(fence(transactionalId, metadata, now: now))
        case .ongoing:
            return .abortFirst(
                decide(
                    .abort,
                    of: transactionalId,
                    metadata,
                    clientVersion: .two,
                    isFencing: false,
                    nextProducer: try nextProducer(after: metadata, clientVersion: .two, producerIds: &producerIds),
                    now: now
                )
            )
        case .empty, .completeCommit, .completeAbort:
            var next = TransactionMetadata(
                producer: metadata.producer,
                previousProducerId: expected?.id ?? -1,
                timeoutMs: timeoutMs,
                state: .empty,
                lastUpdateMs: now,
                clientVersion: metadata.clientVersion
            )
            let isRetry = expected != nil && expected != metadata.producer
            if !isRetry { next.producer = try successor(of: metadata, producerIds: &producerIds) }
            return .assigned(next.producer, record(for: transactionalId, from: metadata, to: next))
        }
    }

    /// Adds partitions to the owner's transaction, and begins it if there is none. Partitions of `__consumer_offsets`
    /// are added like those of any topic. Nil if all were added before: nothing has to be written.
    package func addPartitions(
        _ partitions: Set<TopicPartition>,
        to transactionalId: String,
        producer: ProducerIdentity,
        clientVersion: TransactionVersion = .two,
        now: Int64
    ) throws(CoordinatorError) -> TransactionRecord? {
        try validate(transactionalId)
        let metadata = try ownedTransaction(transactionalId, producer)
        switch metadata.state {
        case .prepareCommit, .prepareAbort, .dead, .prepareEpochFence:
            throw unfinished(transactionalId)
        case .ongoing:
            // An owner that kept the transaction has another identity than its records.
            if metadata.nextProducer != .none { throw undecided(transactionalId) }
            if partitions.isSubset(of: metadata.partitions) { return nil }
            if metadata.isPrepared { throw undecided(transactionalId) }
            var next = metadata
            next.partitions.formUnion(partitions)
            next.previousProducerId = metadata.producer.id
            next.lastUpdateMs = now
            next.clientVersion = clientVersion
            return record(for: transactionalId, from: metadata, to: next)
        case .empty, .completeCommit, .completeAbort:
            var next = metadata
            next.state = .ongoing
            next.partitions = partitions
            next.previousProducerId = metadata.producer.id
            next.startMs = now
            next.lastUpdateMs = now
            next.clientVersion = clientVersion
            return record(for: transactionalId, from: metadata, to: next)
        }
    }

    /// Throws unless a partition takes part in the producer's transaction under way: asked before the first batch of a
    /// transaction is appended, so that no late batch opens a transaction that nobody ends (KIP-890).
    package func verify(
        _ partition: TopicPartition,
        in transactionalId: String,
        producer: ProducerIdentity
    ) throws(CoordinatorError) {
        try validate(transactionalId)
        let metadata = try ownedTransaction(transactionalId, producer)
        if metadata.state.pendingResult != nil || metadata.state == .prepareEpochFence {
            throw unfinished(transactionalId)
        }
        if metadata.isPrepared || metadata.nextProducer != .none { throw undecided(transactionalId) }
        guard metadata.state == .ongoing, metadata.partitions.contains(partition) else {
            throw CoordinatorError(
                .transactionAbortable,
                "\(partition) is not in the transaction of \(transactionalId) (\(producer)); abort it and begin anew"
            )
        }
    }

    /// Prepares the owner's transaction for a two-phase commit: from this record on it has no timeout, and a start of the
    /// broker keeps it. All of its records must be durable before this one is appended, and this one before the answer.
    /// Nil if nothing has to be written: it was prepared before, or has no partitions, and so nothing to keep.
    package func prepareTransaction(
        _ transactionalId: String,
        producer: ProducerIdentity,
        now: Int64
    ) throws(CoordinatorError) -> TransactionRecord? {
        try validate(transactionalId)
        let metadata = try ownedTransaction(transactionalId, producer)
        switch metadata.state {
        case .prepareCommit, .prepareAbort, .dead, .prepareEpochFence:
            throw unfinished(transactionalId)
        case .empty, .completeCommit, .completeAbort:
            return nil
        case .ongoing:
            if metadata.nextProducer != .none { throw undecided(transactionalId) }
            if metadata.isPrepared { return nil }
            var next = metadata
            next.isPrepared = true
            next.previousProducerId = metadata.producer.id
            next.lastUpdateMs = now
            return record(for: transactionalId, from: metadata, to: next)
        }
    }

    /// Ends the owner's transaction.
    ///
    /// Under version 2 the epoch is raised with the decision and the answer carries the new identity; a retry with the
    /// old one is recognised, and an abort is accepted even if no transaction was begun. Before version 2 the identity
    /// stays. `producerIds` must not be exhausted, or COORDINATOR_NOT_AVAILABLE may be thrown.
    package func endTransaction(
        _ transactionalId: String,
        producer: ProducerIdentity,
        result: TransactionResult,
        clientVersion: TransactionVersion = .two,
        producerIds: inout ProducerIdBlock,
        now: Int64
    ) throws(CoordinatorError) -> EndTransactionOutcome {
        try validate(transactionalId)
        let metadata = try endableTransaction(transactionalId, producer)
        let isRetry = producer == metadata.retryIdentity
        let state = metadata.state
        switch state {
        case .ongoing:
            break
        case .prepareCommit, .prepareAbort:
            let isNextTransaction = metadata.clientVersion.raisesEpoch && !isRetry
            guard isNextTransaction || state.pendingResult == result else {
                throw contradicts(transactionalId, state, result)
            }
            throw unfinished(transactionalId)
        case .completeCommit, .completeAbort:
            let ended: TransactionResult = state == .completeCommit ? .commit : .abort
            if isRetry || !clientVersion.raisesEpoch {
                guard ended == result else { throw contradicts(transactionalId, state, result) }
                return .alreadyEnded(metadata.producer)
            }
            guard result == .abort else { throw contradicts(transactionalId, state, result) }
        case .empty:
            guard result == .abort, clientVersion.raisesEpoch else { throw contradicts(transactionalId, state, result) }
        case .dead, .prepareEpochFence:
            throw unfinished(transactionalId)
        }
        return .decided(
            decide(
                result,
                of: transactionalId,
                metadata,
                clientVersion: clientVersion,
                isFencing: false,
                nextProducer: try nextProducer(
                    after: metadata,
                    clientVersion: clientVersion,
                    producerIds: &producerIds
                ),
                now: now
            )
        )
    }

    /// The Complete record for a decided transaction whose markers are all written; nil if it was completed before.
    package func completeTransaction(
        _ transactionalId: String,
        producer: ProducerIdentity,
        now: Int64
    ) -> TransactionRecord? {
        guard let metadata = transactions[transactionalId], let result = metadata.state.pendingResult,
            metadata.producer == producer
        else { return nil }
        var next = metadata
        next.state = result == .commit ? .completeCommit : .completeAbort
        if next.previousProducerId < 0 { next.previousProducerId = metadata.producer.id }
        next.partitions = []
        next.lastUpdateMs = now
        if metadata.nextProducer != .none {
            next.producer = metadata.nextProducer
            next.nextProducer = .none
        }
        return record(for: transactionalId, from: metadata, to: next)
    }
}
