import MillracePrimitives

/// The version of the transaction protocol that a client speaks. Source: KIP-890, feature `transaction.version`.
package enum TransactionVersion: Int16, Hashable, Sendable, Comparable, CaseIterable {
    /// The protocol of KIP-98.
    case zero = 0
    /// The same, with flexible records in the coordinator's log.
    case one = 1
    /// Every transaction ends with a raised epoch, so that a late request cannot reach into the next one.
    case two = 2

    /// Whether ending a transaction raises the producer's epoch.
    package var raisesEpoch: Bool { self >= .two }

    /// The older first.
    package static func < (left: TransactionVersion, right: TransactionVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// All that is known of one transactional id: the value of a record of `__transaction_state`.
package struct TransactionMetadata: Hashable, Sendable {
    /// The highest epoch that an owner may be given; one more is left for fencing it.
    package static let ownerEpochMaximum = Int16.max - 1

    /// The timeout of producers that take part in a two-phase commit, whose transactions may take as long as they like.
    /// Source: KIP-939.
    package static let noTimeoutMs = Int32.max

    /// The owner's identity; in `ongoing`, that of the records; during Prepare states, that of the markers.
    package var producer: ProducerIdentity
    /// The producer id before this record; -1 for none. In `empty` it is set only if the initialisation named the
    /// identity that it replaced, which tells a retry of it from a newcomer.
    package var previousProducerId: Int64 = -1
    /// The identity of the owner, where `producer` is not: during Prepare states, the one that it has when the
    /// transaction is complete, if that is not the markers'; in `ongoing`, that of an owner which took the id over and
    /// kept the transaction (KIP-939). `none` otherwise.
    package var nextProducer = ProducerIdentity.none
    /// How long a transaction may take, in milliseconds.
    package var timeoutMs: Int32
    /// Where it is in the cycle.
    package var state: TransactionState
    /// The partitions of the transaction under way or being decided.
    package var partitions: Set<TopicPartition> = []
    /// When this record was made, in milliseconds since 1970.
    package var lastUpdateMs: Int64
    /// When the transaction began, in milliseconds since 1970; -1 for none.
    package var startMs: Int64 = -1
    /// The protocol of the client that made the last transition.
    package var clientVersion = TransactionVersion.zero
    /// Whether the transaction under way is prepared: all of its records are durable, it has no timeout any more, and
    /// outlives restarts until its owner decides it. Its record says so to Kafka with `noTimeoutMs`, and keeps the timeout
    /// in a tagged field of our own.
    package var isPrepared = false

    /// Makes metadata.
    package init(
        producer: ProducerIdentity,
        previousProducerId: Int64 = -1,
        nextProducer: ProducerIdentity = .none,
        timeoutMs: Int32,
        state: TransactionState,
        partitions: Set<TopicPartition> = [],
        lastUpdateMs: Int64,
        startMs: Int64 = -1,
        clientVersion: TransactionVersion = .zero,
        isPrepared: Bool = false
    ) {
        self.producer = producer
        self.previousProducerId = previousProducerId
        self.nextProducer = nextProducer
        self.timeoutMs = timeoutMs
        self.state = state
        self.partitions = partitions
        self.lastUpdateMs = lastUpdateMs
        self.startMs = startMs
        self.clientVersion = clientVersion
        self.isPrepared = isPrepared
    }

    /// Who may end the transaction, or begin one.
    package var owner: ProducerIdentity { nextProducer == .none ? producer : nextProducer }

    /// Whether only the owner decides the transaction under way: it neither times out nor is it aborted by a start.
    package var isTwoPhase: Bool { isPrepared || timeoutMs == Self.noTimeoutMs }

    /// Whether the owner's next epoch must be that of another producer id.
    var isEpochExhausted: Bool { owner.epoch >= Self.ownerEpochMaximum }

    /// The identity that the owner had before the current one and may still name, because it may not have heard of the
    /// current one: a request that carries it is a retry. `none` if every other identity is fenced.
    var retryIdentity: ProducerIdentity {
        switch state {
        case .empty:
            guard previousProducerId >= 0 else { return .none }
            return identity(before: producer)
        case .prepareCommit, .prepareAbort:
            guard clientVersion.raisesEpoch else { return .none }
            // The markers' epoch follows the owner's, unless a next identity does.
            if nextProducer == .none {
                return producer.epoch == .max ? .none : identity(before: producer, wasRotated: false)
            }
            return identity(before: nextProducer)
        case .completeCommit, .completeAbort:
            return clientVersion.raisesEpoch ? identity(before: producer) : .none
        case .ongoing, .dead, .prepareEpochFence:
            return .none
        }
    }

    private func identity(before next: ProducerIdentity) -> ProducerIdentity {
        // An epoch of the maximum is made by fencing alone.
        if next.epoch == .max { return .none }
        return identity(before: next, wasRotated: previousProducerId >= 0 && previousProducerId != next.id)
    }

    private func identity(before next: ProducerIdentity, wasRotated: Bool) -> ProducerIdentity {
        if next.epoch == 0 {
            return wasRotated ? ProducerIdentity(id: previousProducerId, epoch: Self.ownerEpochMaximum) : .none
        }
        return ProducerIdentity(id: next.id, epoch: next.epoch - 1)
    }
}

/// A record of `__transaction_state`; without metadata it is a tombstone.
package struct TransactionRecord: Hashable, Sendable {
    /// The record's key.
    package var transactionalId: String
    /// The record's value; nil when the transactional id has expired.
    package var metadata: TransactionMetadata?

    /// Makes a record.
    package init(transactionalId: String, metadata: TransactionMetadata?) {
        self.transactionalId = transactionalId
        self.metadata = metadata
    }
}
