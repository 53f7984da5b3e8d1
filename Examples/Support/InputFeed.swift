import Millrace

/// Brings an example's input into its topics, each record once: how much is there is written in the same transaction as
/// the records, so that a run that was killed goes on where it stopped.
struct InputFeed {
    private static let transactionRecords = 500

    let name: String
    let broker: EmbeddedBroker
    let showsCommits: Bool

    private var progressTopic: String { "\(name)-feed" }

    func write(_ records: [ProducerRecord]) async throws {
        try await Admin(on: broker).createTopicIfMissing(
            NewTopic(progressTopic, configuration: ["cleanup.policy": "compact"])
        )
        let producer = try await TransactionalProducer(id: progressTopic, on: broker)
        // Whoever wrote before is fenced now, and its last transaction is decided.
        let done = try await TopicReader(broker: broker).last(of: progressTopic, keys: .utf8, values: .int64)
        var next = Int(done["done"] ?? 0)
        while next < records.count, !Task.isCancelled {
            let end = min(next + Self.transactionRecords, records.count)
            let progress = ProducerRecord(
                topic: progressTopic,
                key: Array("done".utf8),
                value: try Serde.int64.bytes(of: Int64(end))
            )
            let batch = records[next..<end]
            try await producer.withTransaction { transaction in
                for record in batch { try await transaction.enqueue(record) }
                try await transaction.enqueue(progress)
            }
            if showsCommits { ExampleOptions.note("commit of input") }
            next = end
        }
        await producer.close()
    }
}
