import MillracePrimitives

/// The markers that end a transaction in its partitions, once its Prepare record is durable.
///
/// Writing them again is harmless: partitions take a marker of a producer without open transaction as a retry.
package struct TransactionMarkers: Hashable, Sendable {
    /// Whose transaction it is.
    package var transactionalId: String
    /// The identity that the markers carry; its epoch fences the transaction's own producer under version 2.
    package var producer: ProducerIdentity
    /// What the markers say.
    package var result: TransactionResult
    /// The coordinator's epoch, which fences markers of older coordinators.
    package var coordinatorEpoch: Int32
    /// The data and offsets partitions, sorted; none if nothing was added before an abort.
    package var partitions: [TopicPartition]
    /// Under version 2 a marker's epoch must exceed the partition's; before, it must not be lower.
    package var version: TransactionVersion
}

/// A decided transaction. Append and replay the record; when it is durable, answer; then write the markers and append
/// what `completeTransaction` returns.
package struct DecidedTransaction: Hashable, Sendable {
    /// The Prepare record. Once it is durable, the decision stands.
    package var record: TransactionRecord
    /// What has to be written then.
    package var markers: TransactionMarkers
    /// The identity for the owner's next transaction.
    package var nextProducer: ProducerIdentity
}

/// The answer to a request for an identity.
package enum InitProducerIdOutcome: Hashable, Sendable {
    /// Append and replay the record; when it is durable, answer with the identity.
    case assigned(ProducerIdentity, TransactionRecord)
    /// The same, and a transaction under way was kept for the new owner, who can only end it (KIP-939): answer with both
    /// identities. `ongoing` is the one that its records carry, and that a prepared transaction is known by.
    case kept(ProducerIdentity, ongoing: ProducerIdentity, TransactionRecord)
    /// A transaction of the previous owner is under way: carry out its abort, then make the same request again, or
    /// answer CONCURRENT_TRANSACTIONS, upon which clients do so themselves.
    case abortFirst(DecidedTransaction)
}

/// The answer to a request to end a transaction.
package enum EndTransactionOutcome: Hashable, Sendable {
    /// Decided by this request; answer with the decided transaction's `nextProducer` once the record is durable.
    case decided(DecidedTransaction)
    /// Ended so by an earlier try of the same request; answer with this identity.
    case alreadyEnded(ProducerIdentity)
}

/// A transactional id as it is shown to people.
package struct TransactionDescription: Hashable, Sendable {
    /// The transactional id.
    package var transactionalId: String
    /// Where it is in its cycle.
    package var state: TransactionState
    /// The current identity; that of the records, if a transaction is under way.
    package var producer: ProducerIdentity
    /// How long a transaction may take, in milliseconds; `TransactionMetadata.noTimeoutMs` for as long as it likes.
    package var timeoutMs: Int32
    /// Whether a transaction is under way that is prepared: only its owner or an administrator ends it.
    package var isPrepared: Bool
    /// When the transaction began, in milliseconds since 1970; nil if none is under way or being decided.
    package var startMs: Int64?
    /// The partitions of the transaction, sorted.
    package var partitions: [TopicPartition]
}
