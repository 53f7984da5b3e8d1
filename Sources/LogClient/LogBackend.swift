import MillracePrimitives

/// A log that applications write to and read from: the embedded broker, or a Kafka cluster.
///
/// A topology or a client moves from one to the other by being given another backend. The connections are synchronous
/// and may block; the runtime calls them from its own threads, and the asynchronous clients (`Producer`, `Consumer`,
/// `TransactionalProducer`, `Admin`) from threads made for it.
public protocol LogBackend: Sendable {
    /// A producer's connection. Transactions need `settings.transactionalId`.
    func connectProducer(_ settings: ProducerSettings) throws(ClientError) -> any ProducerConnection

    /// A consumer's connection.
    func connectConsumer(_ settings: ConsumerSettings) throws(ClientError) -> any ConsumerConnection

    /// An administrator's connection.
    func connectAdmin() throws(ClientError) -> any AdminConnection

    /// The clock that timestamps and intervals come from.
    var time: any TimeSource { get }

    /// Takes the lowest number that no other live application instance of this id has, so that a restarted instance
    /// gets its old transactional ids again and fences what it left open. Ends with the returned value.
    func claimInstance(of applicationId: String) throws(ClientError) -> ApplicationInstance
}

/// One running instance's place among the instances of an application id; released when it is deinitialised.
public final class ApplicationInstance: Sendable {
    /// The instance's number, from 0, or another name that no other instance has.
    public let name: String
    private let onRelease: @Sendable () -> Void

    /// Makes a place.
    public init(name: String, onRelease: @escaping @Sendable () -> Void = {}) {
        self.name = name
        self.onRelease = onRelease
    }

    deinit {
        onRelease()
    }
}
