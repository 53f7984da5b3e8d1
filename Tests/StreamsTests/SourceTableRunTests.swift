import Millrace
import Testing

@Suite("Tables restored from their topics, on a broker", .short)
struct SourceTableRunTests {
    private func topology(restoresFromTopic: Bool = true) throws -> Topology {
        let builder = StreamsBuilder()
        let table = builder.table(
            "table",
            keys: .utf8,
            values: .utf8,
            store: "rows",
            restoresFromTopic: restoresFromTopic
        )
        builder.stream("in", keys: .utf8, values: .utf8).leftJoin(table) { "\($0)+\($1 ?? "none")" }
            .to("out", values: .utf8)
        return try builder.build()
    }

    private func world(_ settings: [String: String] = ["cleanup.policy": "compact"]) async throws -> World {
        let world = try await World(["in": 1, "out": 1])
        try await Admin(on: world.broker).createTopic(NewTopic("table", partitions: 1, configuration: settings))
        return world
    }

    @Test("what was aborted in the topic is not in the table, before and after a restart, and no changelog is made")
    func restart() async throws {
        let world = try await world()
        let producer = try await TransactionalProducer(id: "writer", on: world.broker)
        for (value, isKept) in [("1", true), ("2", false)] {
            try await producer.begin()
            try await producer.enqueue(ProducerRecord(topic: "table", key: "a", value: value))
            if isKept { try await producer.commit() } else { try await producer.abort() }
        }
        try await world.write([("a", "x")])
        try await world.run(try topology())
        try await world.write([("a", "y"), ("b", "z")])
        let progress = try await world.run(try topology())
        #expect(progress.recordsRestored == 1)
        #expect(try await world.texts() == ["a=x+1", "a=y+1", "b=z+none"])
        #expect(try await Admin(on: world.broker).describeTopic("test-rows-changelog") == nil)
    }

    @Test("a topic that deletes its records by their age is refused, and one that keeps all of them is not")
    func refusesDeletion() async throws {
        let deleting = try await world([:])
        let error = await #expect(throws: StreamsError.self) { try await deleting.run(try topology()) }
        #expect(error?.description.contains("set its cleanup.policy to compact") == true)
        try await world(["retention.ms": "-1"]).run(try topology())
    }

    @Test("a store goes from its changelog to its topic, and not back")
    func changes() async throws {
        let world = try await world()
        try await world.write([("a", "1")], to: "table")
        try await world.run(try topology(restoresFromTopic: false))
        try await world.run(try topology())
        try await world.write([("a", "x")])
        try await world.run(try topology())
        #expect(try await world.texts() == ["a=x+1"])
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(try topology(restoresFromTopic: false))
        }
        #expect(error?.description.contains("the store rows was restored from the topic table") == true)
    }
}
