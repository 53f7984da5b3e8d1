import Millrace
import MillraceTestKit
import Testing

/// Streams that look up the row of their key.
struct StreamTableJoinTests {
    private func driver(_ build: (StreamsBuilder) -> Void) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        build(builder)
        return try TopologyTestDriver(try builder.build())
    }

    private func texts(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map {
            "\($0.key ?? "~")=\($0.value ?? "~")@\($0.timestampMs)"
        }
    }

    @Test("A record gets the row as it is then, and keeps its time; without a row it is left out")
    func inner() throws {
        let driver = try driver { builder in
            let table = builder.table("table", keys: .utf8, values: .utf8)
            builder.stream("stream", keys: .utf8, values: .utf8).join(table) { "\($0)+\($1)" }.to("out", values: .utf8)
        }
        let stream = driver.input("stream", keys: .utf8, values: .utf8)
        let table = driver.input("table", keys: .utf8, values: .utf8)
        try stream.pipe("a", "1", at: 1)
        try table.pipe("a", "x", at: 50)
        try stream.pipe("a", "2", at: 2)
        try table.pipe("a", nil, at: 60)
        try stream.pipe("a", "3", at: 3)
        #expect(try texts(driver) == ["a=2+x@2"])
    }

    @Test("A left join keeps records without a row, and those without a key")
    func left() throws {
        let driver = try driver { builder in
            let table = builder.table("table", keys: .utf8, values: .utf8)
            builder.stream("stream", keys: .optional(.utf8), values: .optional(.utf8))
                .leftJoin(table) { key, value, row in "\(key ?? "none"):\(value ?? "none")+\(row ?? "none")" }
                .to("out", values: .utf8)
        }
        let stream = driver.input("stream", keys: .utf8, values: .utf8)
        try driver.input("table", keys: .utf8, values: .utf8).pipe("a", "x", at: 1)
        try stream.pipe("a", "1", at: 2)
        try stream.pipe("b", "2", at: 3)
        try stream.pipe(nil, "3", at: 4)
        try stream.pipe("a", nil, at: 5)
        #expect(try texts(driver) == ["a=a:1+x@2", "b=b:2+none@3", "~=none:3+none@4"], "a value of nil is left out")
    }

    @Test("A stream with other keys goes through a repartition topic that lies as the table does")
    func rekeyed() throws {
        let builder = StreamsBuilder()
        let table = builder.table("table", keys: .utf8, values: .utf8)
        builder.stream("stream", keys: .utf8, values: .utf8)
            .selectKey(keys: .utf8) { _, value in value }
            .join(table, values: .utf8, named: "by-value") { _, row in row }
            .to("out", values: .utf8)
        let topology = try builder.build()
        #expect(topology.describe().contains("by-value-repartition"), "\(topology.describe())")
        let driver = try TopologyTestDriver(topology, partitions: ["stream": 2, "table": 5, "out": 1])
        let rows = driver.input("table", keys: .utf8, values: .utf8)
        let stream = driver.input("stream", keys: .utf8, values: .utf8)
        for number in 0..<20 { try rows.pipe("k\(number)", "row \(number)", at: 1) }
        for number in 0..<20 { try stream.pipe("other", "k\(number)", at: 2) }
        #expect(try Set(texts(driver)) == Set((0..<20).map { "k\($0)=row \($0)@2" }))
    }

    @Test("A table of another number of partitions is refused, with both named")
    func notCopartitioned() throws {
        let builder = StreamsBuilder()
        let table = builder.table("table", keys: .utf8, values: .utf8)
        builder.stream("stream", keys: .utf8, values: .utf8).join(table, named: "join") { _, row in row }
            .to("out", values: .utf8)
        let topology = try builder.build()
        let error = #expect(throws: StreamsError.self) {
            try TopologyTestDriver(topology, partitions: ["stream": 2, "table": 3])
        }
        #expect(error?.description.contains("join brings together topics with unlike numbers") == true)
    }

    @Test("A grace period needs a versioned table, and cannot be negative")
    func graceMistakes() {
        let builder = StreamsBuilder()
        let table = builder.table("table", keys: .utf8, values: .utf8)
        let stream = builder.stream("stream", keys: .utf8, values: .utf8)
        stream.join(table, grace: .seconds(1), named: "waiting") { _, row in row }.to("out", values: .utf8)
        stream.join(table, grace: .seconds(-1), named: "negative") { _, row in row }.to("out", values: .utf8)
        #expect(
            throws: TopologyError([
                .graceWithoutVersions(operator: "waiting"), .negativeGracePeriod(operator: "negative"),
            ])
        ) { try builder.build() }
    }
}
