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
public final class TransactionalProducer: Sendable {
    private let sender: RecordSender

    /// Connects a producer and takes the transactional id over.
    public init(
        id transactionalId: String,
        on backend: any LogBackend,
        settings: ProducerSettings = ProducerSettings()
    ) async throws(ClientError) {
        var settings = settings
        settings.transactionalId = transactionalId
        sender = RecordSender(try backend.connectProducer(settings), settings: settings, time: backend.time)
        do throws(ClientError) {
            try await sender.perform { (connection) throws(ClientError) in try connection.initTransactions() }
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

    /// Aborts what is open and ends the connection.
    public func close() async {
        await sender.close()
    }
}
