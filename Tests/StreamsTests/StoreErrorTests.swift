import Millrace
import Synchronization
import Testing

/// What becomes of a record whose operator cannot write its store, and of what fails when an operator passes on what it
/// held back.
@Suite("Errors around stores", .short)
struct StoreErrorTests {
    private struct Refused: Error {}

    /// Texts, of which those that end with "bad" cannot be written.
    private static let picky = Serde<String>(
        encode: { text, writer in
            if text.hasSuffix("bad") { throw SerdeError.invalid("bad") }
            writer.append(utf8: text)
        },
        decode: { bytes in bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    )

    private func run(
        _ topology: Topology,
        in world: World,
        cacheMaximumBytes: Int = 0
    ) async throws {
        try await world.run(topology) {
            $0.cacheMaximumBytes = cacheMaximumBytes
            $0.emitInterval = .zero
            $0.onProcessingError = .deadLetter(topic: "dead")
        }
    }

    private func header(_ record: ConsumerRecord?, _ name: String) -> String? {
        record?.headers["__streams.errors.\(name)"].map { String(decoding: $0, as: UTF8.self) }
    }

    /// Runs a topology that adds texts up, with one in between whose sum cannot be written.
    private func expectRowKept(
        as final: String = "a=134",
        cacheMaximumBytes: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (KStream<String, String>) -> KStream<String, String?>
    ) async throws {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        let values = ["1", "bad", "3"].map { ProducerRecord(topic: "in", key: "a", value: $0, timestamp: 1_000) }
        try await world.write(values)
        let builder = StreamsBuilder()
        build(builder.stream("in", keys: .utf8, values: .utf8)).to("out", keys: .utf8, values: .utf8)
        let topology = try builder.build()
        try await run(topology, in: world, cacheMaximumBytes: cacheMaximumBytes)
        #expect(try await world.texts(of: "dead") == ["a=bad"], sourceLocation: sourceLocation)
        #expect(header(try await world.records(of: "dead").first, "operator") == "add", sourceLocation: sourceLocation)
        try await world.write([ProducerRecord(topic: "in", key: "a", value: "4", timestamp: 1_000)])
        try await run(topology, in: world, cacheMaximumBytes: cacheMaximumBytes)
        #expect(try await world.texts().last == final, sourceLocation: sourceLocation)
    }

    @Test("an aggregate that cannot be written leaves the row as it was", arguments: [0, 1 << 20])
    func aggregate(cacheMaximumBytes: Int) async throws {
        try await expectRowKept(cacheMaximumBytes: cacheMaximumBytes) { stream in
            stream.groupByKey().aggregate(initial: { "" }, aggregates: Self.picky, named: "add") { $2 + $1 }.toStream()
        }
    }

    @Test("an aggregate of a versioned store that cannot be written leaves the row as it was")
    func versionedAggregate() async throws {
        try await expectRowKept { stream in
            stream.groupByKey().aggregate(
                initial: { "" },
                aggregates: Self.picky,
                store: .versioned(historyRetention: .seconds(60)),
                named: "add"
            ) { $2 + $1 }.toStream()
        }
    }

    @Test("an aggregate of a window that cannot be written leaves the row as it was", arguments: [0, 1 << 20])
    func windowedAggregate(cacheMaximumBytes: Int) async throws {
        try await expectRowKept(cacheMaximumBytes: cacheMaximumBytes) { stream in
            stream.groupByKey().windowedBy(.tumbling(size: .seconds(10), grace: .zero))
                .aggregate(initial: { "" }, aggregates: Self.picky, named: "add") { $2 + $1 }
                .toStream(keys: .utf8) { windowed, _ in windowed.key }
        }
    }

    @Test("an aggregate of a session that cannot be written leaves the sessions as they were", arguments: [0, 1 << 20])
    func sessionAggregate(cacheMaximumBytes: Int) async throws {
        try await expectRowKept(cacheMaximumBytes: cacheMaximumBytes) { stream in
            stream.groupByKey().windowedBy(.sessions(inactivityGap: .seconds(10), grace: .zero))
                .aggregate(initial: { "" }, aggregates: Self.picky, named: "add", merge: { $1 + $2 }) { $2 + $1 }
                .toStream(keys: .utf8) { windowed, _ in windowed.key }
        }
    }

    @Test("an aggregate that is too large for the changelog leaves the row as it was", arguments: [0, 1 << 20])
    func tooLarge(cacheMaximumBytes: Int) async throws {
        let world = try await World(["in": 1, "out": 1])
        try await world.write([("a", "1"), ("a", String(repeating: "large", count: 300)), ("a", "3")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .reduce { $0 + $1 }.toStream().to("out", values: .utf8)
        let progress = try await world.run(try builder.build()) {
            $0.cacheMaximumBytes = cacheMaximumBytes
            $0.maximumRecordSize = 1_000
            $0.onProcessingError = .logAndContinue
        }
        #expect(try await world.texts().last == "a=13")
        #expect(progress.recordsSkipped == 1)
    }

    @Test("a record that a join's buffer cannot write is left out")
    func graceBuffer() async throws {
        let world = try await World(["in": 1, "rows": 1, "out": 1, "dead": 1])
        try await world.write([("a", "row")], to: "rows")
        try await world.write([("a", "1"), ("a", "bad"), ("a", "3")])
        let builder = StreamsBuilder()
        let rows = builder.table(
            "rows",
            keys: .utf8,
            values: .utf8,
            store: .versioned(historyRetention: .seconds(60))
        )
        builder.stream("in", keys: .utf8, values: .utf8)
            .join(rows, values: Self.picky, grace: .seconds(10), named: "join") { value, row in value + row }
            .to("out", values: .utf8)
        try await run(try builder.build(), in: world)
        #expect(try await world.texts(of: "dead") == ["a=bad"])
        #expect(header(try await world.records(of: "dead").first, "operator") == "join")
    }

    @Test("an update that a suppression cannot write is left out")
    func suppression() async throws {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        try await world.write([("a", "1"), ("b", "bad"), ("c", "3")])
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8)
            .mapValues(values: Self.picky) { $0 }
            .suppress(until: .timeLimit(.zero), named: "hold")
            .toStream().to("out", values: .utf8)
        try await run(try builder.build(), in: world)
        #expect(try await world.texts() == ["a=1", "c=3"])
        #expect(try await world.texts(of: "dead") == ["b=bad"])
        #expect(header(try await world.records(of: "dead").first, "operator") == "hold")
    }

    @Test("a left row whose foreign key cannot be written is left out of the join")
    func foreignKey() async throws {
        let world = try await World(["in": 1, "rows": 1, "out": 1, "dead": 1])
        try await world.write([("r", "row")], to: "rows")
        try await world.write([("a", "r"), ("b", "bad"), ("c", "r")])
        let builder = StreamsBuilder()
        let rows = builder.table("rows", keys: Self.picky, values: .utf8)
        builder.table("in", keys: .utf8, values: .utf8)
            .join(rows, foreignKey: { $0 }) { value, row in value + row }
            .toStream().to("out", values: .utf8)
        try await run(try builder.build(), in: world)
        #expect(try await world.texts() == ["a=rrow", "c=rrow"])
        #expect(try await world.texts(of: "dead") == ["b=bad"])
    }

    @Test(
        "a function of a table without a store that throws in a lookup leaves out its row",
        arguments: [false, true]
    )
    func lookups(isLeft: Bool) async throws {
        let world = try await World(["in": 1, "rows": 1, "out": 1, "dead": 1])
        try await world.write([("a", "row"), ("b", "bad")], to: "rows")
        try await world.write([("a", "1"), ("b", "2"), ("a", "3")])
        let builder = StreamsBuilder()
        let rows = builder.table("rows", keys: .utf8, values: .utf8).mapValues(named: "clean") {
            value throws -> String in
            if value == "bad" { throw Refused() }
            return value
        }
        let stream = builder.stream("in", keys: .utf8, values: .utf8)
        let joined =
            isLeft
            ? stream.leftJoin(rows) { value, row in value + (row ?? "-") }
            : stream.join(rows) { value, row in value + row }
        joined.to("out", values: .utf8)
        try await run(try builder.build(), in: world)
        let dead = try await world.records(of: "dead").last
        #expect(dead?.valueText == "2")
        #expect(header(dead, "operator") == "clean")
        #expect(try await world.texts() == ["a=1row"] + (isLeft ? ["b=2-"] : []) + ["a=3row"])
    }

    /// The dead letters of what fails behind something that holds updates back.
    private func expectNoRecord(
        cacheMaximumBytes: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ build: (KStream<String, String>) -> KStream<String, String?>
    ) async throws {
        let world = try await World(["in": 1, "dead": 1])
        let times: [Int64] = [1_000, 2_000, 60_000]
        try await world.write(times.map { ProducerRecord(topic: "in", key: "a", value: "\($0)", timestamp: $0) })
        let builder = StreamsBuilder()
        build(builder.stream("in", keys: .utf8, values: .utf8)).forEach(named: "check") { _, value in
            throw Refused()
        }
        try await run(try builder.build(), in: world, cacheMaximumBytes: cacheMaximumBytes)
        let dead = try await world.records(of: "dead")
        #expect(!dead.isEmpty, sourceLocation: sourceLocation)
        #expect(dead.allSatisfy { $0.key == nil && $0.value == nil }, sourceLocation: sourceLocation)
        #expect(dead.allSatisfy { header($0, "offset") == nil }, sourceLocation: sourceLocation)
        #expect(dead.allSatisfy { header($0, "operator") == "check" }, sourceLocation: sourceLocation)
    }

    @Test("what fails when a window closes is not the failure of the record that closed it")
    func closingWindows() async throws {
        try await expectNoRecord { stream in
            stream.groupByKey().windowedBy(.tumbling(size: .seconds(10), grace: .zero)).emitStrategy(.onWindowClose)
                .reduce { $0 + $1 }.toStream(keys: .utf8) { windowed, _ in windowed.key }
        }
    }

    @Test("what fails when a cache has no room is not the failure of the record that came last")
    func fullCache() async throws {
        try await expectNoRecord(cacheMaximumBytes: 1) { stream in
            stream.groupByKey().reduce { $0 + $1 }.toStream()
        }
    }

    @Test("what fails after a suppression is not the failure of the record that let the update go")
    func suppressed() async throws {
        try await expectNoRecord { stream in
            stream.groupByKey().reduce { $0 + $1 }
                .suppress(until: .timeLimit(.seconds(5))).toStream()
        }
    }

    @Test("an application that stops at what was held back does not blame the record under way")
    func stopping() async throws {
        let world = try await World(["in": 1])
        try await world.write([("a", "1")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count(store: "counts").toStream()
            .forEach(named: "check") { _, _ in throw Refused() }
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.cacheMaximumBytes = 1 }
        }
        guard case .flushing(_, "counts", let underlying) = error else {
            Issue.record("it stopped with \(String(describing: error))")
            return
        }
        #expect("\(underlying)".contains("check: Refused()"))
    }
}
