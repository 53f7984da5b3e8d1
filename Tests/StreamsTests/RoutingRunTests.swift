import Millrace
import Testing

@Suite("Routing on a broker", .short)
struct RoutingRunTests {
    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to(named: "by-value") { _, value in "out-\(value)" }
        return try builder.build()
    }

    @Test("records go to topics that are named only while they are processed, exactly once over a restart")
    func routes() async throws {
        let world = try await World(["in": 1, "out-x": 1, "out-y": 2])
        try await world.write([("a", "x"), ("b", "y")])
        try await world.run(try topology())
        try await world.write([("c", "x")])
        try await world.run(try topology())
        #expect(try await world.texts(of: "out-x") == ["a=x", "c=x"])
        #expect(try await world.texts(of: "out-y") == ["b=y"])
    }

    @Test("a topic that does not exist stops the application with an error that names operator, topic and record")
    func missingTopic() async throws {
        let world = try await World(["in": 1, "out-x": 1])
        try await world.write([("a", "x"), ("b", "z")])
        let error = await #expect(throws: StreamsError.self) { try await world.run(try topology()) }
        let text = error.map { "\($0)" } ?? ""
        for part in ["by-value", "\"out-z\"", "offset 1 of in-0"] {
            #expect(text.contains(part), "\(part) is missing in: \(text)")
        }
        #expect(try await world.texts(of: "out-x").isEmpty, "the transaction was aborted")
    }

    @Test("a multicast reaches every partition, a drop none")
    func multicast() async throws {
        let world = try await World(["in": 1, "out": 3])
        try await world.write([("a", "all"), ("b", "none")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.to("out", partitioner: StreamPartitioner { _, value, _ in value == "all" ? .all : .drop })
        }
        let records = try await world.records()
        #expect(records.map(\.partition.partition) == [0, 1, 2])
    }
}
