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
        producer == metadata.producer || producer == metadata.retryIdentity || isNext(producer, metadata)
    }

    private func isNext(_ producer: ProducerIdentity, _ metadata: TransactionMetadata) -> Bool {
        metadata.nextProducer != .none && producer == metadata.nextProducer
    }

    /// The metadata, if `producer` is its current owner, or is about to become so.
    func ownedTransaction(
        _ transactionalId: String,
        _ producer: ProducerIdentity
    ) throws(CoordinatorError) -> TransactionMetadata {
        guard let metadata = transactions[transactionalId] else { throw unknown(transactionalId, producer) }
        if isNext(producer, metadata) { return metadata }
        guard metadata.producer.id == producer.id else { throw unknown(transactionalId, producer) }
        guard metadata.producer.epoch == producer.epoch else { throw fenced(transactionalId, producer, metadata) }
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
        CoordinatorError(
            .producerFenced,
            "\(producer) of transactional id \(transactionalId) was replaced (now \(metadata.producer)): "
                + "another producer took the id, or a transaction timed out; close this producer"
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
