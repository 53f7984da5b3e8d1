import Logging
import Millrace

/// Runs queries on a broker whose topic `events` is written, and reads what they wrote.
package struct NexmarkRun: Sendable {
    package let broker: EmbeddedBroker
    private let admin: Admin
    private let logger: Logger

    package init(on broker: EmbeddedBroker, logger: Logger) throws {
        self.broker = broker
        self.logger = logger
        admin = try Admin(on: broker)
    }

    /// Writes the input, unless there already is one of so many events.
    package func prepare(_ count: Int64, of generator: Generator) async throws {
        let topic = NexmarkInput.topic
        if try await admin.describeTopic(topic) != nil {
            if try await stored(in: topic) == count { return }
            try await admin.deleteTopic(topic)
        }
        try await admin.createTopic(NewTopic(topic, partitions: NexmarkInput.partitions))
        try NexmarkInput.write(count, of: generator, to: broker)
    }

    private func stored(in topic: String) async throws -> Int64 {
        var sum: Int64 = 0
        for partition in 0..<NexmarkInput.partitions {
            sum += Int64(try await admin.offsetRange(of: TopicPartition(topic, partition)).count)
        }
        return sum
    }

    /// An application that answers a query, with an empty topic `output`.
    ///
    /// - Parameter id: the application's id, which must begin with `nexmark-`.
    package func application(
        _ query: any NexmarkQuery.Type,
        id: String,
        configuration: StreamsConfiguration
    ) async throws -> StreamsApplication {
        try await admin.createTopic(NewTopic("output", partitions: NexmarkInput.partitions))
        return StreamsApplication(
            id: id,
            topology: try query.topology(),
            on: broker,
            configuration: configuration,
            logger: logger
        )
    }

    /// Exactly-once, and windows closed when they can be rather than a second later, so that all that can be final is.
    package static func configuration(threads: Int = 1) -> StreamsConfiguration {
        var configuration = StreamsConfiguration()
        configuration.threads = threads
        configuration.guarantee = .exactlyOnce
        configuration.commitInterval = .milliseconds(100)
        configuration.emitInterval = .zero
        return configuration
    }

    /// Removes the output and what the applications keep.
    package func removeOutputs() async throws {
        for topic in try await admin.topicNames() where topic == "output" || topic.hasPrefix("nexmark-") {
            try await admin.deleteTopic(topic)
        }
    }

    /// The committed output of a query, the records of a key in their order.
    package func output<Query: NexmarkQuery>(of query: Query.Type) throws -> [OutputRow<Query.Key, Query.Result>] {
        var settings = ConsumerSettings()
        settings.isolation = .readCommitted
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        let partitions = (0..<NexmarkInput.partitions).map { TopicPartition("output", $0) }
        try consumer.assign(partitions)
        for partition in partitions { try consumer.seek(partition, to: 0) }
        let ends = try consumer.endOffsets(of: partitions)
        let (keys, results) = (Query.keys, Query.results.optional)
        var rows: [OutputRow<Query.Key, Query.Result>] = []
        while try partitions.contains(where: { try consumer.position(of: $0) < ends[$0] ?? 0 }) {
            for batch in try consumer.poll(timeout: .milliseconds(100)) {
                try batch.withEach { record in
                    let (key, value) = (record.key.map { [UInt8]($0) }, record.value.map { [UInt8]($0) })
                    rows.append(OutputRow(key: try keys.value(of: key), result: try results.value(of: value)))
                }
            }
        }
        return rows
    }
}

/// A record of an output.
package struct OutputRow<Key: Hashable & Sendable, Result: Hashable & Sendable>: Hashable, Sendable {
    package var key: Key
    /// nil takes back the result of the key.
    package var result: Result?

    package init(key: Key, result: Result?) {
        self.key = key
        self.result = result
    }
}
