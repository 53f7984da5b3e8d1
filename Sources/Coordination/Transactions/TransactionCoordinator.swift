import MillracePrimitives

/// Decides the fate of transactions: who owns a transactional id, which partitions take part, and how each ends.
///
/// Pure: a request is checked against the state and answered with a record; nothing changes until `replay` applies the
/// record, live and in recovery alike. The state is a function of the records alone. The runtime owns the coordinator
/// behind its lock, appends and replays each record before it handles the next request, and answers when the record is
/// durable. It takes times in milliseconds since 1970 as `now`.
///
/// The semantics are Kafka's at transaction version 2, and those of versions 0 and 1 for requests of older clients.
/// Source: KIP-98, KIP-360, KIP-447, KIP-588, KIP-890.
package struct TransactionCoordinator: Hashable, Sendable {
    /// Bounds, with Kafka's defaults.
    package struct Settings: Hashable, Sendable {
        /// The longest transaction timeout that a client may ask for. Kafka: `transaction.max.timeout.ms`.
        package var timeoutMaximumMs: Int32 = 900_000
        /// How long an unused transactional id is remembered. Kafka: `transactional.id.expiration.ms`.
        package var transactionalIdExpirationMs: Int64 = 604_800_000

        /// The defaults.
        package init() {}
    }

    /// The bounds in force.
    package let settings: Settings
    /// What markers carry to fence those of an older coordinator; the runtime raises it with each start.
    package let coordinatorEpoch: Int32

    var transactions: [String: TransactionMetadata] = [:]

    /// A coordinator that knows of no transactional id yet; recovery replays the log into it.
    package init(settings: Settings = Settings(), coordinatorEpoch: Int32 = 0) {
        self.settings = settings
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Applies a record. Any record is accepted in any state, because compaction leaves gaps.
    package mutating func replay(_ record: TransactionRecord) {
        let isAlive = record.metadata?.state != .dead
        transactions[record.transactionalId] = isAlive ? record.metadata : nil
    }

    /// What is known of a transactional id; nil if nothing is.
    package func metadata(of transactionalId: String) -> TransactionMetadata? {
        transactions[transactionalId]
    }

    /// A record that takes a transactional id to its next state.
    func record(
        for transactionalId: String,
        from previous: TransactionMetadata?,
        to next: TransactionMetadata
    ) -> TransactionRecord {
        if let previous {
            precondition(
                next.state.canFollow(previous.state),
                "\(transactionalId) cannot go from \(previous.state.name) to \(next.state.name)"
            )
        }
        precondition(next.producer.id >= 0 && next.producer.epoch >= 0, "a record names its producer")
        return TransactionRecord(transactionalId: transactionalId, metadata: next)
    }

    /// Decides a transaction. `isFencing` raises the epoch once more than its end does, so that the identity that began
    /// it is not even taken for a retry. `nextProducer` is the owner's identity afterwards, if not the markers'.
    func decide(
        _ result: TransactionResult,
        of transactionalId: String,
        _ metadata: TransactionMetadata,
        clientVersion: TransactionVersion,
        isFencing: Bool,
        nextProducer: ProducerIdentity,
        now: Int64
    ) -> DecidedTransaction {
        precondition(!isFencing || clientVersion.raisesEpoch, "fencing raises the epoch")
        precondition(!isFencing || result == .abort, "an owner is fenced to abort its transaction")

        var next = metadata
        next.state = result == .commit ? .prepareCommit : .prepareAbort
        next.previousProducerId = metadata.owner.id
        next.nextProducer = nextProducer
        next.lastUpdateMs = now
        next.clientVersion = clientVersion
        next.isPrepared = false
        // An abort of a transaction that never reached the coordinator has to begin at some time.
        if metadata.state != .ongoing { next.startMs = now }
        if clientVersion.raisesEpoch {
            next.producer.epoch = raised(metadata.producer.epoch, times: isFencing ? 2 : 1)
        }
        let previousState = isFencing ? TransactionState.prepareEpochFence : metadata.state
        precondition(next.state.canFollow(previousState), "\(previousState.name) cannot become \(next.state.name)")
        return DecidedTransaction(
            record: TransactionRecord(transactionalId: transactionalId, metadata: next),
            markers: markers(of: transactionalId, next, result),
            nextProducer: next.owner
        )
    }

    /// Aborts a transaction and fences its owner, who is not told the identity that replaces its own.
    func fence(_ transactionalId: String, _ metadata: TransactionMetadata, now: Int64) -> DecidedTransaction {
        var nextProducer = metadata.nextProducer
        if nextProducer != .none { nextProducer.epoch = raised(nextProducer.epoch, times: 2) }
        return decide(
            .abort,
            of: transactionalId,
            metadata,
            clientVersion: .two,
            isFencing: true,
            nextProducer: nextProducer,
            now: now
        )
    }

    /// The owner's identity after its transaction, if the markers do not carry it: where its epochs are used up, and
    /// where it took over a transaction that another identity began.
    func nextProducer(
        after metadata: TransactionMetadata,
        clientVersion: TransactionVersion,
        producerIds: inout ProducerIdBlock
    ) throws(CoordinatorError) -> ProducerIdentity {
        guard clientVersion.raisesEpoch else { return metadata.nextProducer }
        if metadata.isEpochExhausted { return ProducerIdentity(id: try producerIds.takeOrThrow(), epoch: 0) }
        return metadata.nextProducer == .none ? .none : try successor(of: metadata, producerIds: &producerIds)
    }

    /// The identity that follows the owner's.
    func successor(
        of metadata: TransactionMetadata,
        producerIds: inout ProducerIdBlock
    ) throws(CoordinatorError) -> ProducerIdentity {
        if metadata.isEpochExhausted { return ProducerIdentity(id: try producerIds.takeOrThrow(), epoch: 0) }
        return ProducerIdentity(id: metadata.owner.id, epoch: metadata.owner.epoch + 1)
    }

    /// The highest epoch fences all owners, and is not raised further.
    private func raised(_ epoch: Int16, times: Int16) -> Int16 {
        epoch.addingClamped(times)
    }

    func markers(
        of transactionalId: String,
        _ metadata: TransactionMetadata,
        _ result: TransactionResult
    ) -> TransactionMarkers {
        TransactionMarkers(
            transactionalId: transactionalId,
            producer: metadata.producer,
            result: result,
            coordinatorEpoch: coordinatorEpoch,
            partitions: metadata.partitions.sorted(),
            version: metadata.clientVersion
        )
    }
}
