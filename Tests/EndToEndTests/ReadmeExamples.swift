import Millrace

// The code that the README shows, compiled.
enum ReadmeExamples {
    static func run(_ topology: Topology) async throws {
        // snippet: run
        let broker = try await EmbeddedBroker.open(at: "data")
        let application = StreamsApplication(id: "word-count", topology: topology, on: broker)
        try await application.run()
        // snippet.end
    }

    static func clients(_ broker: EmbeddedBroker) async throws {
        // snippet: clients
        let producer = try await TransactionalProducer(id: "transfer", on: broker)
        try await producer.withTransaction { transaction in
            try await transaction.enqueue(ProducerRecord(topic: "accounts", key: "ann", value: "-10"))
            try await transaction.enqueue(ProducerRecord(topic: "accounts", key: "bob", value: "+10"))
        }

        var settings = ConsumerSettings()
        settings.groupId = "audit"
        let consumer = try await Consumer(on: broker, settings: settings)
        try await consumer.subscribe(to: ["accounts"])
        for try await batch in consumer.batches {
            for record in try batch.records() { print(record.keyText ?? "", record.valueText ?? "") }
        }
        // snippet.end
    }
}
