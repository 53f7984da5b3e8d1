import Millrace
import Testing

/// Tables of an application that ends and is started again.
@Suite("Tables over a restart", .short)
struct TableRestartTests {
    @Test("joined rows are restored, whether the join or its sources keep them", arguments: [nil, "joined"])
    func join(store: String?) async throws {
        let world = try await World(["in": 2, "other": 2, "out": 1])
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8).filter { _, value in value != "hidden" }
            .outerJoin(
                builder.table("other", keys: .utf8, values: .utf8),
                values: .utf8,
                store: store.map { StoreOptions(name: $0) }
            ) { "\($0 ?? "-")\($1 ?? "-")" }
            .toStream().to("out", values: .utf8)
        let topology = try builder.build()

        try await world.write([("a", "1"), ("b", "2"), ("c", "hidden")])
        try await world.run(topology)
        #expect(try await world.table(.utf8) == ["a": "1-", "b": "2-"])

        try await world.write([("a", "x"), ("c", "y")], to: "other")
        try await world.write([("b", nil)])
        try await world.run(topology)
        #expect(try await world.table(.utf8) == ["a": "1x", "c": "-y"])
    }

    @Test("groups of rows are restored: what a row was before is taken from its group")
    func group() async throws {
        let world = try await World(["in": 3, "out": 1])
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8)
            .groupBy(keys: .utf8, values: .utf8) { key, value in (value, key) }
            .count(store: "counts")
            .toStream().to("out", values: .int64)
        let topology = try builder.build()

        try await world.write((0..<30).map { ("\($0)", $0 < 20 ? "red" : "blue") })
        try await world.run(topology)
        #expect(try await world.table(.int64) == ["red": 20, "blue": 10])

        try await world.write((0..<5).map { ("\($0)", "blue") } + [("29", nil)])
        try await world.run(topology)
        #expect(try await world.table(.int64) == ["red": 15, "blue": 14])
    }
}
