import Millrace

/// Reads what is committed in a topic, from its beginning to its end.
public struct TopicReader: Sendable {
    let broker: EmbeddedBroker

    /// Reads topics of this broker.
    public init(broker: EmbeddedBroker) {
        self.broker = broker
    }

    /// All records, partition by partition.
    public func records(of topic: String) async throws -> [ConsumerRecord] {
        let count = try await Admin(on: broker).describeTopic(topic)?.partitionCount ?? 0
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        try await consumer.assign((0..<count).map { TopicPartition(topic, $0) })
        var records: [ConsumerRecord] = []
        while try await consumer.lag().values.contains(where: { $0 > 0 }) {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) { records += try batch.records() }
        }
        await consumer.close()
        return records.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
    }

    /// The last value of each key; a null removes its key.
    public func last<Key: Hashable, Value>(
        of topic: String,
        keys: Serde<Key>,
        values: Serde<Value>
    ) async throws -> [Key: Value] {
        var last: [Key: Value] = [:]
        for record in try await records(of: topic) {
            last[try keys.value(of: record.key)] = try record.value.map { try values.value(of: $0) }
        }
        return last
    }
}
