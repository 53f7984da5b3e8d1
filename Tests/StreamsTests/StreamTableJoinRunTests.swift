import Millrace
import Testing

@Suite("Joins of streams with tables on a broker", .short)
struct StreamTableJoinRunTests {
    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        let table = builder.table(
            "table",
            keys: .utf8,
            values: .utf8,
            store: .versioned("history", historyRetention: .milliseconds(100))
        )
        builder.stream("stream", keys: .utf8, values: .utf8)
            .leftJoin(table, grace: .milliseconds(20)) { "\($0)+\($1 ?? "none")" }
            .to("out", values: .utf8)
        return try builder.build()
    }

    @Test("records that waited for late rows when the application stopped find them when it goes on")
    func restart() async throws {
        let world = try await World(["stream": 1, "table": 1, "out": 1])
        func write(_ topic: String, _ key: String, _ value: String, _ timestamp: Int64) async throws {
            try await world.write([ProducerRecord(topic: topic, key: key, value: value, timestamp: timestamp)])
        }
        try await write("table", "a", "early", 100)
        try await write("stream", "a", "1", 110)
        try await write("stream", "b", "2", 109)
        try await world.run(try topology())
        #expect(try await world.texts().isEmpty)
        try await write("table", "a", "late", 105)
        try await world.run(try topology())
        #expect(try await world.texts().isEmpty)
        try await write("stream", "c", "3", 130)
        try await world.run(try topology())
        #expect(try await world.texts() == ["b=2+none", "a=1+late"])
        try await write("stream", "a", "4", 110)
        try await world.run(try topology())
        #expect(
            try await world.texts() == ["b=2+none", "a=1+late", "a=4+late"],
            "the join's time comes back: a record that is late does not wait"
        )
    }
}
