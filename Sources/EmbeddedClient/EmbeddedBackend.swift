import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import Synchronization

extension EmbeddedBroker: LogBackend {
    /// A producer's connection, which calls the broker directly.
    public func connectProducer(_ settings: ProducerSettings) throws(ClientError) -> any ProducerConnection {
        try settings.validate()
        return EmbeddedProducer(broker: self, settings: settings)
    }

    /// A consumer's connection, which calls the broker directly.
    public func connectConsumer(_ settings: ConsumerSettings) throws(ClientError) -> any ConsumerConnection {
        try settings.validate()
        return EmbeddedConsumer(broker: self, settings: settings)
    }

    /// An administrator's connection, which calls the broker directly.
    public func connectAdmin() throws(ClientError) -> any AdminConnection {
        EmbeddedAdmin(broker: self)
    }

    /// The lowest number that no other live instance of this application has on this broker.
    public func claimInstance(of applicationId: String) throws(ClientError) -> ApplicationInstance {
        let number = instances.claim(applicationId)
        let instances = self.instances
        return ApplicationInstance(name: "\(number)") { instances.release(applicationId, number) }
    }
}
