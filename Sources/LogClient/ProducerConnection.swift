import MillracePrimitives
import MillraceRecordFormat

/// What becomes of a sent batch.
public typealias DeliveryHandler = @Sendable (Result<BatchReceipt, ClientError>) -> Void

/// A producer's synchronous connection to a log; used by one thread at a time.
///
/// It owns the producer's identity and its sequence numbers. With a transactional id, everything sent between
/// `beginTransaction` and `commitTransaction` becomes visible together or never.
public protocol ProducerConnection: AnyObject, Sendable {
    /// How many partitions a topic has; creates the topic if the log does so by itself.
    func partitionCount(of topic: String) throws(ClientError) -> Int32

    /// The largest batch that a topic takes, in bytes: its `max.message.bytes`; nil if that cannot be told. Whoever opens
    /// batches for the topic keeps them within it: one that is refused takes its transaction with it.
    func maximumBatchSize(of topic: String) throws(ClientError) -> Int?

    /// Seals a batch with the producer's identity and sends it; the builder can be reset as soon as this returns.
    ///
    /// `onDelivery` is called when the batch is stored as the producer's acknowledgement asks, which may be during a
    /// later `flush`, or when it failed for good.
    func send(
        _ batch: RecordBatchBuilder,
        to partition: TopicPartition,
        onDelivery: DeliveryHandler?
    ) throws(ClientError)

    /// Blocks until everything sent is stored as the producer's acknowledgement asks.
    func flush() throws(ClientError)

    /// Takes the transactional id over: an older owner is fenced, and what it left open is aborted, or with `keepPrepared`
    /// returned, for `completeTransaction` to decide. Nil if nothing was left open.
    func initTransactions(keepPrepared: Bool) throws(ClientError) -> PreparedTransaction?

    /// Begins a transaction.
    func beginTransaction() throws(ClientError)

    /// Makes consumed positions part of the transaction; fenced by the group's generation too (KIP-447).
    func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(ClientError)

    /// Prepares the transaction for a two-phase commit (KIP-939): when it returns, all of it survives loss of power, and it
    /// waits for the decision without a time-out, over restarts. From here on it can only be completed, committed or
    /// aborted.
    func prepareTransaction() throws(ClientError) -> PreparedTransaction

    /// Commits the prepared transaction if it is the one given, and aborts it otherwise.
    func completeTransaction(_ decision: PreparedTransaction?) throws(ClientError) -> PreparedTransactionOutcome

    /// Commits; when it returns, the transaction survives loss of power.
    func commitTransaction() throws(ClientError)

    /// Aborts; nothing of the transaction is ever delivered to readers of committed data.
    func abortTransaction() throws(ClientError)

    /// Ends the connection; an open transaction is aborted, a prepared one stays.
    func close()
}

extension ProducerConnection {
    /// Unknown, and left to the log.
    public func maximumBatchSize(of topic: String) throws(ClientError) -> Int? { nil }

    /// Takes the transactional id over: an older owner is fenced, and what it left open is aborted.
    public func initTransactions() throws(ClientError) {
        _ = try initTransactions(keepPrepared: false)
    }
}
