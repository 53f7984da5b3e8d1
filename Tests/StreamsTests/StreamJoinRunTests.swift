import Millrace
import Testing

@Suite("Joins of two streams on a broker", .short)
struct StreamJoinRunTests {
    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        let left = builder.stream("left", keys: .utf8, values: .utf8)
        let right = builder.stream("right", keys: .utf8, values: .utf8)
        left.outerJoin(right, within: JoinWindows(difference: .milliseconds(10), grace: .zero), store: "pairs") {
            "\($0 ?? "-")\($1 ?? "-")"
        }.to("out", values: .utf8)
        return try builder.build()
    }

    @Test("what was unmatched when the application stopped is joined, or leaves, when it goes on")
    func restart() async throws {
        let world = try await World(["left": 1, "right": 1, "out": 1])
        func write(_ topic: String, _ key: String, _ value: String, _ timestamp: Int64) async throws {
            try await world.write([ProducerRecord(topic: topic, key: key, value: value, timestamp: timestamp)])
        }
        try await write("left", "a", "x", 100)
        try await write("left", "b", "y", 101)
        try await world.run(try topology()) { $0.emitInterval = .zero }
        #expect(try await world.texts().isEmpty)
        try await write("right", "b", "1", 105)
        try await world.run(try topology()) { $0.emitInterval = .zero }
        #expect(try await world.texts() == ["b=y1"])
        try await write("right", "c", "2", 111)
        try await world.run(try topology()) { $0.emitInterval = .zero }
        #expect(try await world.texts() == ["b=y1", "a=x-"])
    }
}
