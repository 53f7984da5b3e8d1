import Millrace
import MillracePrimitives
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

    @Test("With a grace period records wait for late rows, and leave by time with their headers; late ones do not wait")
    func grace() throws {
        let driver = try driver { builder in
            builder.stream("stream", keys: .utf8, values: .utf8)
                .join(history(builder), grace: .milliseconds(10)) { "\($0)+\($1)" }.to("out", values: .utf8)
        }
        let stream = driver.input("stream", keys: .utf8, values: .utf8)
        let table = driver.input("table", keys: .utf8, values: .utf8)
        try table.pipe("a", "x", at: 100)
        try stream.pipe("a", "1", at: 105, headers: [RecordHeader("h", text: "1")])
        try stream.pipe("a", "2", at: 103)
        try table.pipe("a", "late", at: 104)
        try stream.pipe("a", "3", at: 114)
        #expect(try texts(driver) == ["a=2+x@103"])
        try stream.pipe("a", "4", at: 115, headers: [RecordHeader("h", text: "4")])
        let released = try driver.output("out", keys: .utf8, values: .utf8).readAll()
        #expect(released.map(\.value) == ["1+late"])
        #expect(released.map(\.headers) == [[RecordHeader("h", text: "1")]])
        try stream.pipe("a", "5", at: 105)
        try stream.pipe("a", "6", at: 106)
        #expect(try texts(driver) == ["a=5+late@105"], "there is nothing to wait for at 115 - 10")
    }

    @Test("A record without a key does not wait: a left join passes it on at once")
    func graceWithoutKey() throws {
        let driver = try driver { builder in
            builder.stream("stream", keys: .optional(.utf8), values: .optional(.utf8))
                .leftJoin(history(builder), grace: .milliseconds(10)) { value, row in
                    "\(value ?? "none")+\(row ?? "none")"
                }
                .to("out", values: .utf8)
        }
        let stream = driver.input("stream", keys: .utf8, values: .utf8)
        try stream.pipe("a", "1", at: 100)
        try stream.pipe(nil, "2", at: 200)
        try stream.pipe("a", nil, at: 200)
        #expect(try texts(driver) == ["~=2+none@200"], "neither moves the join's time")
        try stream.pipe("b", "3", at: 110)
        #expect(try texts(driver) == ["a=1+none@100"])
    }

    @Test(
        "With a grace period a crash changes nothing: who waits, the join's time and the table's history come back",
        arguments: UInt64(1)...20
    )
    func graceCrash(seed: UInt64) throws {
        // Rows and records come from one topic, whose order is that of processing, also when it is processed again.
        let builder = StreamsBuilder()
        let both = builder.stream("in", keys: .utf8, values: .utf8)
        let table = both.filter(named: "rows") { _, value in value.hasPrefix("row") }
            .toTable(store: .versioned("history", historyRetention: .milliseconds(60)), named: "table")
        both.filterNot(named: "records") { _, value in value.hasPrefix("row") }
            .leftJoin(table, grace: .milliseconds(30), named: "join") { "\($0)+\($1 ?? "none")" }
            .to("out", values: .utf8)
        let topology = try builder.build()

        func run(crashing: Bool) throws -> [String] {
            let driver = try TopologyTestDriver(topology, commitMode: .explicit)
            let input = driver.input("in", keys: .utf8, values: .utf8)
            let output = driver.output("out", keys: .utf8, values: .utf8)
            var random = SeededRandom(seed: seed)
            var now: Int64 = 100
            var results: [String] = []
            for step in 0..<120 {
                now += Int64.random(in: 0...12, using: &random)
                let timestamp = now - Int64.random(in: 0...3, using: &random) * 15
                let key = ["a", "b", "c"][Int.random(in: 0...2, using: &random)]
                let value = Int.random(in: 0...2, using: &random) == 0 ? "row\(step)" : "\(step)"
                try input.pipe(key, value, at: timestamp, headers: [RecordHeader("step", text: "\(step)")])
                let event = Int.random(in: 0...5, using: &random)
                guard event < 3 else { continue }
                if crashing, event == 0 { try driver.crash() }
                try driver.commit()
                if crashing, event == 1 { try driver.crash() }
                results += try output.readAll().map {
                    "\($0.key ?? "~")=\($0.value ?? "~")@\($0.timestampMs) \($0.headers)"
                }
            }
            return results
        }
        let (calm, crashed) = (try run(crashing: false), try run(crashing: true))
        let firstDifference = zip(calm, crashed).first { $0 != $1 }
        #expect(
            calm.count == crashed.count && firstDifference == nil,
            "seed \(seed): \(calm.count) and \(crashed.count) records, \(String(describing: firstDifference))"
        )
        #expect(calm.contains { $0.contains("+row") }, "there are rows found, or nothing is shown; seed \(seed)")
    }

    @Test("A grace period may be as long as the table's history, and no longer")
    func graceLongerThanHistory() throws {
        let builder = StreamsBuilder()
        let table = history(builder)
        let stream = builder.stream("stream", keys: .utf8, values: .utf8)
        stream.join(table, grace: .milliseconds(100), named: "fits") { _, row in row }.to("out", values: .utf8)
        stream.leftJoin(table.filter { _, _ in true }, grace: .milliseconds(101), named: "long") { _, row in row ?? "" }
            .to("out", values: .utf8)
        #expect(
            throws: TopologyError([.graceLongerThanHistory(operator: "long", graceMs: 101, historyMs: 100)])
        ) { try builder.build() }
    }

    private func history(_ builder: StreamsBuilder) -> KTable<String, String> {
        builder.table(
            "table",
            keys: .utf8,
            values: .utf8,
            store: .versioned("history", historyRetention: .milliseconds(100))
        )
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
