import MillracePrimitives

extension TransactionCoordinator {
    /// Aborts the transactions that took longer than their timeout, fencing their owners. Carry each out like any other
    /// decided transaction; one that is part of a two-phase commit has no timeout.
    package func expireTransactions(now: Int64) -> [DecidedTransaction] {
        var expired: [DecidedTransaction] = []
        for (transactionalId, metadata) in transactions {
            guard let deadline = deadline(of: metadata), deadline <= now else { continue }
            expired.append(fence(transactionalId, metadata, now: now))
        }
        return expired.sorted { $0.record.transactionalId < $1.record.transactionalId }
    }

    /// Aborts the transactions under way that nobody can be relied on to go on with: their process has ended, or their
    /// records may have been lost with the power though they were acknowledged. Those of a two-phase commit are kept.
    ///
    /// Owners are not fenced: one that lives may abort, and goes on with its next identity; its commit is refused.
    /// - Parameter transactionalIds: whose; nil for all.
    package func abandonTransactions(of transactionalIds: Set<String>?, now: Int64) -> [DecidedTransaction] {
        var abandoned: [DecidedTransaction] = []
        for (transactionalId, metadata) in transactions where metadata.state == .ongoing && !metadata.isTwoPhase {
            if let transactionalIds, !transactionalIds.contains(transactionalId) { continue }
            // The last epoch cannot be followed without a new producer id, which its owner would have to be told.
            if metadata.isEpochExhausted || metadata.nextProducer != .none {
                abandoned.append(fence(transactionalId, metadata, now: now))
                continue
            }
            abandoned.append(
                decide(
                    .abort,
                    of: transactionalId,
                    metadata,
                    clientVersion: .two,
                    isFencing: false,
                    nextProducer: .none,
                    now: now
                )
            )
        }
        return abandoned.sorted { $0.record.transactionalId < $1.record.transactionalId }
    }

    /// When `expireTransactions` will have something to do; nil while no transaction with a timeout is under way.
    package var nextDeadline: Int64? {
        transactions.values.lazy.compactMap(deadline).min()
    }

    /// When a transaction under way will have taken too long; nil if it may take as long as it likes.
    private func deadline(of metadata: TransactionMetadata) -> Int64? {
        guard metadata.state == .ongoing, !metadata.isTwoPhase else { return nil }
        return metadata.startMs.later(byMs: Int64(metadata.timeoutMs)).later(byMs: 1)
    }

    /// Tombstones for up to `limit` transactional ids that were not used for longer than the setting; never for one
    /// with a transaction under way or being decided. Kafka looks hourly.
    package func expireTransactionalIds(now: Int64, limit: Int = 1_000) -> [TransactionRecord] {
        let expired = transactions.filter { _, metadata in
            TransactionState.dead.canFollow(metadata.state)
                && metadata.lastUpdateMs.later(byMs: settings.transactionalIdExpirationMs) <= now
        }
        return expired.keys.sorted().prefix(limit).map { TransactionRecord(transactionalId: $0, metadata: nil) }
    }

    /// The decided transactions whose markers may not all be written: what recovery has to finish.
    package func pendingMarkers() -> [TransactionMarkers] {
        var pending: [TransactionMarkers] = []
        for (transactionalId, metadata) in transactions {
            guard let result = metadata.state.pendingResult else { continue }
            pending.append(markers(of: transactionalId, metadata, result))
        }
        return pending.sorted { $0.transactionalId < $1.transactionalId }
    }

    /// One transactional id, for people.
    package func describe(_ transactionalId: String) throws(CoordinatorError) -> TransactionDescription {
        guard let metadata = transactions[transactionalId] else {
            throw CoordinatorError(
                .transactionalIdNotFound,
                "there is no transactional id \(transactionalId), or it expired"
            )
        }
        return description(of: transactionalId, metadata)
    }

    /// All transactional ids, sorted; if given, only those in one of the states, only those of one of the producers, and
    /// only those whose transaction began more than `runningLongerThanMs` ago. Source: KIP-664, KIP-994.
    package func list(
        states: Set<TransactionState> = [],
        producerIds: Set<Int64> = [],
        runningLongerThanMs: Int64? = nil,
        now: Int64 = 0
    ) -> [TransactionDescription] {
        let selected = transactions.filter { _, metadata in
            (states.isEmpty || states.contains(metadata.state))
                && (producerIds.isEmpty || producerIds.contains(metadata.producer.id))
        }
        let described = selected.map { description(of: $0.key, $0.value) }
        return described.sorted { $0.transactionalId < $1.transactionalId }.filter { description in
            guard let runningLongerThanMs else { return true }
            return description.startMs.map { $0.later(byMs: runningLongerThanMs) < now } ?? false
        }
    }

    private func description(of transactionalId: String, _ metadata: TransactionMetadata) -> TransactionDescription {
        let isUnderWay = metadata.state == .ongoing || metadata.state.pendingResult != nil
        return TransactionDescription(
            transactionalId: transactionalId,
            state: metadata.state,
            producer: metadata.producer,
            timeoutMs: metadata.timeoutMs,
            isPrepared: metadata.isPrepared,
            startMs: isUnderWay ? metadata.startMs : nil,
            partitions: metadata.partitions.sorted()
        )
    }
}
