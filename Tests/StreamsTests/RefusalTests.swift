import Millrace
import Testing

@Suite("Records that a log or a store refuses", .short)
struct RefusalTests {
    private static let large = String(repeating: "large", count: 300)

    @Test(
        "batches stay within what the topic takes, however small, and a record that is larger is one that fails",
        arguments: [Compression.none, .zstd(level: 3)]
    )
    func smallTopics(compression: Compression) async throws {
        let world = try await World(["in": 1])
        let admin = try Admin(on: world.broker)
        try await admin.createTopic(NewTopic("out", configuration: ["max.message.bytes": "1000"]))
        var records = (0..<100).map { (key: String?.some("\($0)"), value: String?.some("small")) }
        records.insert(("big", Self.large), at: 50)
        try await world.write(records)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to("out")
        let progress = try await world.run(try builder.build()) {
            $0.compression = compression
            $0.onProductionError = .logAndContinue
        }
        #expect(try await world.records().count == 100)
        #expect(progress.recordsSkipped == 1)
    }

    @Test("a record that takes exactly what the topic takes is written")
    func exactSize() async throws {
        let world = try await World(["in": 1])
        let admin = try Admin(on: world.broker)
        try await admin.createTopic(NewTopic("out", configuration: ["max.message.bytes": "1000"]))
        // One of them fits to the byte.
        try await world.write((850..<1_000).map { ("k", String(repeating: "x", count: $0)) })
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to("out")
        let progress = try await world.run(try builder.build()) { $0.onProductionError = .logAndContinue }
        let longest = try await world.records().compactMap { $0.value?.count }.max() ?? 0
        // The batch's header, the record's length, attributes with timestamp and offset, key, value's length, no headers.
        #expect(longest == 1_000 - 61 - 2 - 3 - 2 - 2 - 1)
        #expect(progress.recordsSkipped == 999 - longest)
    }

    @Test("a batch that the log refuses is no record's failure: the application stops and says why")
    func refusedBatch() async throws {
        let world = try await World(["in": 1, "out": 1])
        try await world.write((0..<20).map { ("\($0)", "small") })
        let broker = world.broker
        let builder = StreamsBuilder()
        // The topic's limit falls while the application runs, after it was looked at.
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek { key, _ in
                guard key == "0" else { return }
                try broker.connectAdmin().alterConfiguration(of: "out", ["max.message.bytes": "100"])
            }
            .to("out")
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.onProductionError = .logAndContinue }
        }
        #expect(error?.description.contains("max.message.bytes") == true, "\(String(describing: error))")
        #expect(try await world.records().isEmpty)
    }

    /// What becomes of a row whose new value is too large: it stays as it was, and the record is left out.
    private func keepsRow(
        _ topology: Topology,
        cacheMaximumBytes: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let world = try await World()
        let configure: @Sendable (inout StreamsConfiguration) -> Void = {
            $0.maximumRecordSize = 1_000
            $0.cacheMaximumBytes = cacheMaximumBytes
            $0.onProcessingError = .logAndContinue
        }
        try await world.write([("a", "1"), ("a", Self.large), ("a", "read")])
        let progress = try await world.run(topology, configure)
        #expect(progress.recordsSkipped == 1, sourceLocation: sourceLocation)
        try await world.write([("a", "read")])
        try await world.run(topology, configure)
        #expect(try await world.texts() == ["a=1", "a=1"], sourceLocation: sourceLocation)
    }

    @Test("a value that is too large for the changelog leaves a key-value store as it was", arguments: [0, 1 << 20])
    func keyValueStore(cacheMaximumBytes: Int) async throws {
        let rows = Stores.keyValue("rows", keys: .utf8, values: .utf8)
        let builder = StreamsBuilder()
        let out: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).process(stores: rows) {
            record,
            context,
            rows in
            if record.value == "read" { return try context.forward(record.withValue(try rows.get("a") ?? "~")) }
            try rows.put("a", record.value)
        }
        out.to("out", keys: .utf8, values: .utf8)
        try await keepsRow(try builder.build(), cacheMaximumBytes: cacheMaximumBytes)
    }

    @Test("a value that is too large for the changelog leaves a window store as it was")
    func windowStore() async throws {
        let rows = Stores.window(
            "rows",
            keys: .utf8,
            values: .utf8,
            size: .seconds(10),
            retention: .seconds(3_600)
        )
        let builder = StreamsBuilder()
        let out: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).process(stores: rows) {
            record,
            context,
            rows in
            if record.value == "read" {
                return try context.forward(record.withValue(try rows.get("a", startMs: 10) ?? "~"))
            }
            try rows.put("a", record.value, startMs: 10)
        }
        out.to("out", keys: .utf8, values: .utf8)
        try await keepsRow(try builder.build())
    }

    @Test("a value that is too large for the changelog leaves a session store as it was")
    func sessionStore() async throws {
        let rows = Stores.session("rows", keys: .utf8, values: .utf8, retention: .seconds(3_600))
        let builder = StreamsBuilder()
        let session = Window(startMs: 10, endMs: 20)
        let out: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).process(stores: rows) {
            record,
            context,
            rows in
            if record.value == "read" {
                return try context.forward(record.withValue(try rows.get("a", session) ?? "~"))
            }
            try rows.put("a", session, record.value)
        }
        out.to("out", keys: .utf8, values: .utf8)
        try await keepsRow(try builder.build())
    }

    @Test("a value that is too large for the changelog leaves a versioned store as it was")
    func versionedStore() async throws {
        let rows = Stores.versioned("rows", keys: .utf8, values: .utf8, historyRetention: .seconds(3_600))
        let builder = StreamsBuilder()
        let out: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).process(stores: rows) {
            record,
            context,
            rows in
            if record.value == "read" {
                return try context.forward(record.withValue(try rows.get("a")?.value ?? "~"))
            }
            _ = try rows.put("a", record.value, timestampMs: 10)
        }
        out.to("out", keys: .utf8, values: .utf8)
        try await keepsRow(try builder.build())
    }
}
