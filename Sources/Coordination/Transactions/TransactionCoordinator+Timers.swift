import MillracePrimitives

extension TransactionCoordinator {
    /// Aborts the transactions that took longer than their timeout, fencing their owners. Carry each out like any other
    /// prepared transaction.
    package func expireTransactions(now: Int64) -> [PreparedTransaction] {
        var expired: [PreparedTransaction] = []
        for (transactionalId, metadata) in transactions where metadata.state == .ongoing {
            guard deadline(of: metadata) <= now else { continue }
            expired.append(
                prepare(
                    .abort,
                    of: transactionalId,
                    metadata,
                    clientVersion: .two,
                    isFencing: true,
                    replacement: .none,
                    now: now
                )
            )
        }
        return expired.sorted { $0.record.transactionalId < $1.record.transactionalId }
    }

    /// When `expireTransactions` will have something to do; nil while no transaction is under way.
    package var nextDeadline: Int64? {
        transactions.values.lazy.filter { $0.state == .ongoing }.map(deadline).min()
    }

    private func deadline(of metadata: TransactionMetadata) -> Int64 {
        metadata.startMs.later(byMs: Int64(metadata.timeoutMs)).later(byMs: 1)
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

    /// All transactional ids, sorted; if given, only those in one of the states, and only those of one of the producers.
    package func list(
        states: Set<TransactionState> = [],
        producerIds: Set<Int64> = []
    ) -> [TransactionDescription] {
        let selected = transactions.filter { _, metadata in
            (states.isEmpty || states.contains(metadata.state))
                && (producerIds.isEmpty || producerIds.contains(metadata.producer.id))
        }
        return selected.map { description(of: $0.key, $0.value) }.sorted { $0.transactionalId < $1.transactionalId }
    }

    private func description(of transactionalId: String, _ metadata: TransactionMetadata) -> TransactionDescription {
        let isUnderWay = metadata.state == .ongoing || metadata.state.pendingResult != nil
        return TransactionDescription(
            transactionalId: transactionalId,
            state: metadata.state,
            producer: metadata.producer,
            timeoutMs: metadata.timeoutMs,
            startMs: isUnderWay ? metadata.startMs : nil,
            partitions: metadata.partitions.sorted()
        )
    }
}
