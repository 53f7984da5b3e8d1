import MillracePrimitives

extension TransactionCoordinator {
    func validate(_ transactionalId: String) throws(CoordinatorError) {
        guard !transactionalId.isEmpty, transactionalId.utf8.count <= maximumStringBytes else {
            throw CoordinatorError(
                .invalidRequest,
                "a transactional id must have from 1 to \(maximumStringBytes) bytes, not \(transactionalId.utf8.count)"
            )
        }
    }

    /// Whether an identity that a caller names is the owner's, be it one that the owner is about to hear of or one that
    /// it has not heard has passed.
    func isOwner(_ producer: ProducerIdentity, _ metadata: TransactionMetadata) -> Bool {
        isCurrentOwner(producer, metadata) || producer == metadata.retryIdentity
    }

    /// The highest epoch is nobody's: it fences an owner that had the one before.
    private func isCurrentOwner(_ producer: ProducerIdentity, _ metadata: TransactionMetadata) -> Bool {
        producer == metadata.owner && producer.epoch <= TransactionMetadata.ownerEpochMaximum
    }

    /// The metadata, if `producer` is its current owner, or is about to become so.
    func ownedTransaction(
        _ transactionalId: String,
        _ producer: ProducerIdentity
    ) throws(CoordinatorError) -> TransactionMetadata {
        guard let metadata = transactions[transactionalId],
            producer.id == metadata.owner.id || producer.id == metadata.producer.id
        else { throw unknown(transactionalId, producer) }
        guard isCurrentOwner(producer, metadata) else { throw fenced(transactionalId, producer, metadata) }
        return metadata
    }

    /// The metadata, if `producer` may end its transaction, or may have ended it and not know.
    func endableTransaction(
        _ transactionalId: String,
        _ producer: ProducerIdentity
    ) throws(CoordinatorError) -> TransactionMetadata {
        if let metadata = transactions[transactionalId], producer == metadata.retryIdentity {
            switch metadata.state {
            case .prepareCommit, .prepareAbort, .completeCommit, .completeAbort: return metadata
            case .empty, .ongoing, .dead, .prepareEpochFence: break
            }
        }
        return try ownedTransaction(transactionalId, producer)
    }

    func unknown(_ transactionalId: String, _ producer: ProducerIdentity) -> CoordinatorError {
        CoordinatorError(
            .invalidProducerIdMapping,
            "\(producer) is not the producer of transactional id \(transactionalId), or the id expired; "
                + "initialise the producer again"
        )
    }

    func fenced(
        _ transactionalId: String,
        _ producer: ProducerIdentity,
        _ metadata: TransactionMetadata
    ) -> CoordinatorError {
        let wasTerminated =
            metadata.state == .prepareAbort || metadata.state == .completeAbort
            ? metadata.owner.id == producer.id && metadata.owner.epoch == producer.epoch.addingClamped(2) : false
        if wasTerminated {
            return CoordinatorError(
                .producerFenced,
                "the transaction of \(transactionalId) (\(producer)) was aborted, because it took longer than its timeout "
                    + "of \(metadata.timeoutMs) ms or another producer is taking the id over; nothing of it is visible. "
                    + "Close this producer, connect another one, and do the work of the transaction again"
            )
        }
        return CoordinatorError(
            .producerFenced,
            "\(producer) of transactional id \(transactionalId) was replaced (now \(metadata.owner)): another producer "
                + "took the id, or its transaction was terminated; close this producer"
        )
    }

    func undecided(_ transactionalId: String) -> CoordinatorError {
        CoordinatorError(
            .invalidTransactionState,
            "the transaction of \(transactionalId) is prepared, and takes nothing more; commit or abort it first"
        )
    }

    func unfinished(_ transactionalId: String) -> CoordinatorError {
        CoordinatorError(
            .concurrentTransactions,
            "the previous transaction of \(transactionalId) is still being completed; try again"
        )
    }

    func contradicts(
        _ transactionalId: String,
        _ state: TransactionState,
        _ result: TransactionResult
    ) -> CoordinatorError {
        CoordinatorError(
            .invalidTransactionState,
            "\(transactionalId) is in state \(state.name), which a request to \(result) contradicts; "
                + "check the order of the producer's calls"
        )
    }
}
