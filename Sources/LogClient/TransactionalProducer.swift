import MillracePrimitives

/// Writes records in transactions: what is sent between `begin` and `commit` becomes visible together, or never.
///
///     let producer = try await TransactionalProducer(id: "transfer-1", on: broker)
///     try await producer.withTransaction { transaction in
///         try await transaction.enqueue(ProducerRecord(topic: "accounts", key: "a", value: "-10"))
///         try await transaction.enqueue(ProducerRecord(topic: "accounts", key: "b", value: "+10"))
///     }
///
/// A transactional id has one producer at a time: a new one fences the one before it, and aborts what that left open.
///
/// Together with another database, a two-phase commit makes both sides agree, whatever crashes when (KIP-939): `prepare`
/// the transaction, let the database store the prepared transaction's text together with its own changes, and `complete`
/// it with that text. After a crash, connect with `keepPrepared`, and complete with what the database has stored:
///
///     let producer = try await TransactionalProducer(id: "orders", on: broker, keepPrepared: true)
///     try await producer.complete(database.storedText.flatMap { PreparedTransaction($0) })
public final class TransactionalProducer: Sendable {
    /// The transaction that the producer before this one has left prepared, and that waits for `complete`; nil if there is
    /// none, or if it was not asked for.
    public let keptTransaction: PreparedTransaction?

    private let sender: RecordSender

    /// Connects a producer and takes the transactional id over.
    ///
    /// - Parameter keepPrepared: whether what the producer before this one has left open is kept for `complete` to decide,
    ///   instead of being aborted.
    public init(
        id transactionalId: String,
        on backend: any LogBackend,
        settings: ProducerSettings = ProducerSettings(),
        keepPrepared: Bool = false
    ) async throws(ClientError) {
        var settings = settings
        settings.transactionalId = transactionalId
        sender = RecordSender(try backend.connectProducer(settings), settings: settings, time: backend.time)
        do throws(ClientError) {
            keptTransaction = try await sender.perform { (connection) throws(ClientError) in
                try connection.initTransactions(keepPrepared: keepPrepared)
            }
        } catch {
            await sender.close()
            throw error
        }
    }

    deinit {
        sender.finish()
    }

    /// Begins a transaction.
    public func begin() async throws(ClientError) {
        try await sender.perform { (connection) throws(ClientError) in try connection.beginTransaction() }
    }

    /// Sends a record within the transaction, and returns its offset when it is written; readers of committed data see
    /// it after the commit.
    @discardableResult
    public func send(_ record: ProducerRecord) async throws(ClientError) -> RecordReceipt {
        try await sender.send(record)
    }

    /// Hands a record over, and returns as soon as there is room for it. If it cannot be stored, the commit fails.
    public func enqueue(_ record: ProducerRecord) async throws(ClientError) {
        try await sender.enqueue(record)
    }

    /// Makes consumed positions part of the transaction, fenced by the group's generation (KIP-447).
    public func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) async throws(ClientError) {
        try await sender.perform { (connection) throws(ClientError) in
            try connection.sendOffsets(offsets, for: membership)
        }
    }

    /// Commits. When it returns, the transaction is visible and survives loss of power. If it throws, nothing of it is
    /// visible, with one exception: after an error of code `storage` the log may or may not hold the decision, and
    /// opening the log again finds out which. If the error's `isRetriable` says so, call again.
    public func commit() async throws(ClientError) {
        try await sender.perform { (connection) throws(ClientError) in try connection.commitTransaction() }
    }

    /// Prepares the transaction for a two-phase commit. When it returns, everything sent survives loss of power, and the
    /// transaction waits for `complete` (or `commit` or `abort`) without a time-out, over restarts of the application and
    /// of the log; readers of committed data wait with it. Nothing more can be sent.
    public func prepare() async throws(ClientError) -> PreparedTransaction {
        try await sender.perform { (connection) throws(ClientError) in try connection.prepareTransaction() }
    }

    /// Commits the prepared transaction if the other database has decided for it, which it shows by holding its name;
    /// aborts it if the database holds another name, or none. Without a transaction that waits, nothing happens.
    @discardableResult
    public func complete(_ decision: PreparedTransaction?) async throws(ClientError) -> PreparedTransactionOutcome {
        try await sender.perform { (connection) throws(ClientError) in try connection.completeTransaction(decision) }
    }

    /// Aborts: nothing of the transaction is ever delivered to readers of committed data.
    public func abort() async throws(ClientError) {
        try await sender.perform { (connection) throws(ClientError) in try connection.abortTransaction() }
    }

    /// Runs `body` in a transaction that commits when it returns and aborts when it throws.
    @discardableResult
    public func withTransaction<Result>(
        _ body: (TransactionalProducer) async throws -> Result
    ) async throws -> Result {
        try await begin()
        let result: Result
        do {
            result = try await body(self)
            try await commit()
        } catch {
            // After a fence there is nothing left to abort; the first error says what went wrong.
            try? await abort()
            throw error
        }
        return result
    }

    /// Aborts what is open, unless it is prepared, and ends the connection.
    public func close() async {
        await sender.close()
    }
}
