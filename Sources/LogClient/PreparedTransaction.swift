import MillracePrimitives

/// A transaction that waits for the decision of a two-phase commit, named so that another database can remember it.
///
/// Everything of the transaction survives loss of power, and it has no time-out. The other database stores its text, in
/// the transaction that makes its own changes; after a crash, what it has stored decides: see `TransactionalProducer`.
/// Source: KIP-939.
public struct PreparedTransaction: Hashable, Sendable, LosslessStringConvertible {
    /// The identity that the transaction's records carry.
    public var producer: ProducerIdentity

    /// Names the transaction of this producer.
    public init(producer: ProducerIdentity) {
        self.producer = producer
    }

    /// Reads what `description` has written; nil if the text is not of that form.
    public init?(_ description: String) {
        let parts = description.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = Int64(parts[0]), let epoch = Int16(parts[1]), id >= 0, epoch >= 0 else {
            return nil
        }
        producer = ProducerIdentity(id: id, epoch: epoch)
    }

    /// Producer id and epoch, separated by a colon, as Kafka's client writes it.
    public var description: String { "\(producer.id):\(producer.epoch)" }
}

/// What became of a prepared transaction.
public enum PreparedTransactionOutcome: Hashable, Sendable {
    /// It was the one that the decision names, and is committed.
    case committed
    /// The decision names another one, or none: it is aborted.
    case aborted
    /// No transaction was waiting: it had been decided before.
    case nothingToDecide
}
