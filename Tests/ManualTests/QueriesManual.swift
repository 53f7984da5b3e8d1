import Foundation
import Millrace
import Testing

/// The code of the manual's page on questions to stores, run.
struct QueriesManual {
    private let visits = Stores.session("visits", keys: .utf8, values: .int64, retention: .seconds(3_600))
    private let prices = Stores.versioned("prices", keys: .utf8, values: .int64, historyRetention: .seconds(3_600))

    /// Counts words, and keeps each record's value as a session and as a version of its own.
    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        let words = builder.stream("words", keys: .utf8, values: .int64)
        _ = words.groupByKey().count(store: "counts")
        _ = words.groupByKey().windowedBy(.tumbling(size: .seconds(60), grace: .zero))
            .count(store: StoreOptions(name: "per-minute", retention: .seconds(3_600)))
        words.process(stores: visits, prices) { record, context, visits, prices in
            let session = Window(startMs: record.timestampMs, endMs: record.timestampMs + 5)
            try visits.put(record.key, session, record.value)
            try prices.put(record.key, record.value, timestampMs: record.timestampMs)
            try context.forward(record)
        }.to("out", keys: .utf8, values: .int64)
        return try builder.build()
    }

    @Test("A running application answers as the page on stores says")
    func queries() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)").path
        let broker = try await EmbeddedBroker.open(at: directory)
        defer {
            broker.close()
            removeItem(directory)
        }
        for topic in ["words", "out"] { try await Admin(on: broker).createTopicIfMissing(NewTopic(topic)) }
        let application = StreamsApplication(id: "counting", topology: try topology(), on: broker)
        let running = Task { try await application.run() }
        while application.state != .running { try await Task.sleep(for: .milliseconds(5)) }
        let producer = try await Producer(on: broker)
        var receipts: [RecordReceipt] = []
        for (word, timeMs) in [("a", 60_000), ("b", 61_000), ("a", 125_000)] as [(String, Int64)] {
            let record = ProducerRecord(
                topic: "words",
                key: Array(word.utf8),
                value: try Serde<Int64>.int64.bytes(of: timeMs / 1_000),
                timestamp: timeMs
            )
            receipts.append(try await producer.send(record))
        }
        await producer.close()
        // snippet: queries
        let counts = application.keyValues(of: "counts", keys: .utf8, values: .int64)
        let now = try await counts.get("a")

        let options = QueryOptions(isolation: .committed, after: receipts)
        let ours = try await counts.with(options).get("a")
        // snippet.end
        #expect(now.map { (1...2).contains($0) } ?? true)
        #expect(ours == 2)
        var found: [String] = []
        func show(_ text: String) { found.append(text) }
        // snippet: queries-of-windows
        let perMinute = application.windows(of: "per-minute", keys: .utf8, values: .int64, options: options)
        for try await row in try perMinute.fetch("a", from: 0, through: 120_000) {
            show("\(row.key.window): \(row.value)")
        }
        for try await row in try perMinute.all().first(10) { show("\(row.key): \(row.value)") }

        // `visits` and `prices` are what `Stores.session` and `Stores.versioned` returned.
        let sessions = application.sessions(of: visits, options: options)
        for try await row in try sessions.findSessions("a", earliestEndMs: 60_000, latestStartMs: 90_000) {
            show("\(row.key.window): \(row.value)")
        }
        let versions = application.versions(of: prices, options: options)
        let before = try await versions.get("a", asOf: 100_000)
        let history = try await versions.versions(of: "a", from: 0, through: 200_000, ascending: true)
        // snippet.end
        #expect(
            found == [
                "60000-120000: 1", "120000-180000: 1", "a@60000-120000: 1", "a@120000-180000: 1", "b@60000-120000: 1",
                "60000-60005: 60",
            ]
        )
        #expect(before?.value == 60)
        #expect(history.map(\.value) == [60, 125])
        // snippet: queries-metadata
        let partition = try counts.partition(of: "a")
        let isHere = try application.metadata(ofStore: "counts").localPartitions.contains(partition)
        let tasks = application.threadMetadata.flatMap(\.tasks)
        let lags = try await application.storeLags()
        // snippet.end
        #expect(isHere)
        #expect(tasks.map(\.partitions) == [[TopicPartition("words", 0)]])
        #expect(lags.map(\.store) == ["counts", "per-minute", "prices", "visits"])
        application.stop()
        try await running.value
    }

    private func removeItem(_ path: String) {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("could not remove \(path): \(error)")
        }
    }
}
