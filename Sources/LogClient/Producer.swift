import MillracePrimitives

/// Writes records to a log: batched by size and time, idempotent unless told otherwise.
///
///     let producer = try await Producer(on: broker)
///     let receipt = try await producer.send(ProducerRecord(topic: "orders", key: "42", value: "paid"))
///     await producer.close()
///
/// Any number of tasks may send at once; the records of one task keep their order.
public final class Producer: Sendable {
    private let sender: RecordSender

    /// Connects a producer.
    public init(on backend: any LogBackend, settings: ProducerSettings = ProducerSettings()) async throws(ClientError) {
        guard settings.transactionalId == nil else {
            throw ClientError(.invalidArgument, "use TransactionalProducer for a producer with a transactionalId")
        }
        sender = RecordSender(try backend.connectProducer(settings), settings: settings, time: backend.time)
    }

    deinit {
        sender.finish()
    }

    /// Sends a record, and returns when it is stored as the settings ask. Records that are sent at the same time travel
    /// together; waiting for each before sending the next costs a batch each.
    @discardableResult
    public func send(_ record: ProducerRecord) async throws(ClientError) -> RecordReceipt {
        try await sender.send(record)
    }

    /// Hands a record over, and returns as soon as there is room for it. What becomes of it shows in `flush()`.
    public func enqueue(_ record: ProducerRecord) async throws(ClientError) {
        try await sender.enqueue(record)
    }

    /// Waits until everything handed over before is stored as the settings ask; throws if a record could not be.
    public func flush() async throws(ClientError) {
        try await sender.flush()
    }

    /// Sends what is left and ends the connection.
    public func close() async {
        await sender.close()
    }
}
