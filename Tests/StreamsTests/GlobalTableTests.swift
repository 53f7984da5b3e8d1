import Millrace
import Testing

@Suite("Global tables", .short)
struct GlobalTableTests {
    /// Gives each order, whose value is a country's code, the country's name; `-` for none.
    private func topology(_ mishap: Mishap? = nil) throws -> Topology {
        let builder = StreamsBuilder()
        let countries = builder.globalTable("countries", keys: .utf8, values: .utf8, store: "names")
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek { _, _ in try mishap?.check() }
            .leftJoin(countries, key: { _, code in code }) { _, name in name ?? "-" }
            .to("out", values: .utf8)
        return try builder.build()
    }

    private static let topics: KeyValuePairs<String, Int32> = ["in": 2, "countries": 3, "out": 1]

    private static func orders(_ count: Int) -> [(key: String?, value: String?)] {
        (0..<count).map { ("order-\($0)", "c\($0)") }
    }

    private static func countries(_ count: Int) -> [(key: String?, value: String?)] {
        (0..<count).map { ("c\($0)", "country \($0)") }
    }

    private static func expected(_ count: Int) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { ("order-\($0)", "country \($0)") })
    }

    @Test("a global table is complete before the first record is processed, in every thread", arguments: [1, 2])
    func complete(threads: Int) async throws {
        let world = try await World(Self.topics)
        try await world.write(Self.orders(2_000))
        try await world.write(Self.countries(2_000), to: "countries")
        let progress = try await world.run(try topology()) { $0.threads = threads }
        #expect(try await world.table(.utf8) == Self.expected(2_000))
        #expect(progress.recordsProcessed == 2_000, "the rows of a global table are no records of a source")
    }

    @Test("a row that was committed before a record was written is there when the record is looked at")
    func keepsUp() async throws {
        let world = try await World(Self.topics)
        let running = RunningApplication(try topology(), in: world)
        await running.reach(.running)
        for number in 0..<50 {
            try await world.write([("c\(number)", "country \(number)")], to: "countries")
            try await world.write([("order-\(number)", "c\(number)")])
        }
        try await running.stop()
        try await world.run(try topology())
        #expect(try await world.table(.utf8) == Self.expected(50))
    }

    @Test("after a restart the table is what its topic says by then, and nothing is kept of it elsewhere")
    func restart() async throws {
        let world = try await World(Self.topics)
        try await world.write(Self.countries(3), to: "countries")
        try await world.write(Self.orders(3))
        try await world.run(try topology())
        try await world.write([("c0", "elsewhere"), ("c1", nil), (nil, "nowhere")], to: "countries")
        try await world.write(Self.orders(3))
        try await world.run(try topology())
        #expect(try await world.table(.utf8) == ["order-0": "elsewhere", "order-1": "-", "order-2": "country 2"])
        let topics = try await Admin(on: world.broker).topicNames()
        #expect(!topics.contains { $0.hasPrefix("test-") }, "a global table has no internal topic: \(topics)")
    }

    @Test("the table outlives a thread that fails: every record finds its row, and results are exact")
    func afterFailure() async throws {
        let world = try await World(["in": 1, "countries": 3, "out": 1])
        try await world.write(Self.countries(100), to: "countries")
        try await world.write(Self.orders(100))
        try await world.run(try topology(Mishap(atCall: 60))) { $0.onUncaughtError = .replaceThread }
        #expect(try await world.records().count == 100)
        #expect(try await world.table(.utf8) == Self.expected(100))
    }

    @Test("rows of a transaction that was aborted are never seen")
    func aborted() async throws {
        let world = try await World(Self.topics)
        let producer = try await TransactionalProducer(id: "writer", on: world.broker)
        try await producer.begin()
        try await producer.enqueue(ProducerRecord(topic: "countries", key: "c0", value: "nowhere"))
        try await producer.abort()
        try await world.write(Self.orders(1))
        try await world.run(try topology())
        #expect(try await world.table(.utf8) == ["order-0": "-"])
    }

    @Test("a global topic that does not exist is named at the start")
    func missing() async throws {
        let world = try await World(["in": 1, "out": 1])
        let error = await #expect(throws: StreamsError.self) { try await world.run(try topology()) }
        guard case .partitions(.missingTopics(["countries"])) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// A world in which one country's name is not UTF-8.
    private func damagedWorld() async throws -> World {
        let world = try await World(["in": 1, "countries": 1, "out": 1, "dead": 1])
        try await world.write(Self.countries(1), to: "countries")
        try await world.write([ProducerRecord(topic: "countries", key: [UInt8]("c1".utf8), value: [0xff])])
        try await world.write(Self.orders(2))
        return world
    }

    @Test("a row that cannot be decoded stops the application, and the error says where it is")
    func undecodable() async throws {
        let world = try await damagedWorld()
        let error = await #expect(throws: StreamsError.self) { try await world.run(try topology()) }
        guard case .undecodableRecord(TopicPartition("countries", 0), offset: 1, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("or it is left out, also where it would be a dead letter: each thread would send it at each start")
    func undecodableSkipped() async throws {
        for policy in [ErrorPolicy.logAndContinue, .deadLetter(topic: "dead")] {
            let world = try await damagedWorld()
            let progress = try await world.run(try topology()) { $0.onDecodingError = policy }
            #expect(try await world.table(.utf8) == ["order-0": "country 0", "order-1": "-"])
            #expect(try await world.records(of: "dead").isEmpty)
            #expect(progress.recordsSkipped == 1)
        }
    }

    @Test("an inner join leaves out records that lead to no row; the key of the row may be asked for")
    func inner() async throws {
        let world = try await World(["in": 1, "countries": 1, "out": 1])
        try await world.write(Self.countries(1), to: "countries")
        try await world.write([("a", "c0"), ("b", "c9"), ("c", "none")])
        try await world.run { builder in
            let countries = builder.globalTable("countries", keys: .utf8, values: .utf8)
            builder.stream("in", keys: .utf8, values: .utf8)
                .join(countries, key: { _, code in code == "none" ? nil : code }) { key, code, value, name in
                    "\(key) \(code) \(value) \(name)"
                }
                .to("out", values: .utf8)
        }
        #expect(try await world.texts() == ["a=a c0 c0 country 0"])
    }

    @Test("a topic of any number of partitions can be joined, and the join needs no repartition topic")
    func description() throws {
        let text = try topology().describe()
        #expect(!text.contains("repartition"), "\(text)")
        #expect(
            text.contains("Sub-topology: 1 for global store (will not generate tasks)"),
            "\(text)"
        )
        #expect(text.contains("Processor: countries-globalTable (stores: [names])"), "\(text)")
    }

    @Test("a topic that is a stream and a global table at once is reported by build()")
    func readTwice() {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to("out")
        _ = builder.globalTable("in", keys: .utf8, values: .utf8)
        #expect(throws: TopologyError([.topicReadTwice(operator: "in-2", topic: "in")])) { try builder.build() }
    }

    /// Orders whose key is in a global store of blocked customers are left out.
    private func blocking(writesToStore: Bool = false) throws -> Topology {
        let builder = StreamsBuilder()
        let blocked = builder.addGlobalStore(
            Stores.keyValue("blocked", keys: .utf8, values: .utf8),
            topic: "countries",
            keys: .utf8,
            values: .optional(.utf8)
        ) { record, store in
            try store.put(record.key, record.value?.uppercased())
        }
        let passed: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8)
            .processValues(stores: blocked) { record, context, blocked in
                if writesToStore { try blocked.put(record.key, "x") }
                let found = try blocked.get(record.key)
                try context.forward(record.withValue("\(record.value) \(found ?? "-")"))
            }
        passed.to("out", values: .utf8)
        return try builder.build()
    }

    @Test("a global store is what its function makes of the whole topic, before the first record and after a restart")
    func globalStore() async throws {
        let world = try await World(["in": 2, "countries": 3, "out": 1])
        try await world.write([("a", "x"), ("b", "y")], to: "countries")
        for _ in 0..<2 {
            try await world.write([("a", "1"), ("b", "2"), ("c", "3")])
            try await world.run(try blocking()) { $0.threads = 2 }
            #expect(try await world.table(.utf8) == ["a": "1 X", "b": "2 Y", "c": "3 -"])
        }
        try await world.write([("a", nil)], to: "countries")
        try await world.write([("a", "1")])
        try await world.run(try blocking())
        #expect(try await world.table(.utf8)["a"] == "1 -")
    }

    @Test("an operator that does not feed a global store cannot change it")
    func readOnly() async throws {
        let world = try await World(["in": 1, "countries": 1, "out": 1])
        try await world.write([("a", "1")])
        let error = await #expect(throws: StreamsError.self) { try await world.run(try blocking(writesToStore: true)) }
        #expect(error?.description.contains("write to its topic instead") == true, "\(String(describing: error))")
    }
}
