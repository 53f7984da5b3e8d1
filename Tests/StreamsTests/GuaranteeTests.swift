import Millrace
import Synchronization
import Testing

@Suite("Processing guarantees", .short)
struct GuaranteeTests {
    /// Counts values by key and copies them, with a mishap on the way.
    private func topology(_ mishap: Mishap) throws -> Topology {
        let builder = StreamsBuilder()
        let stream = builder.stream("in", keys: .utf8, values: .utf8).peek { _, _ in try mishap.check() }
        stream.to("copy")
        stream.groupByKey().count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        return try builder.build()
    }

    private static let records = (0..<30).map { (key: "k\($0 % 3)" as String?, value: "\($0)" as String?) }

    @Test("exactly once: after a failure, outputs, counts and positions are as if it had not happened")
    func exactlyOnce() async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write(Self.records)
        let mishap = Mishap(atCall: 20)
        try await world.run(try topology(mishap)) { $0.onUncaughtError = .replaceThread }
        #expect(mishap.callCount == 50, "the first 19 records are processed again")
        #expect(try await world.records(of: "copy").map(\.valueText) == Self.records.map(\.value))
        #expect(try await world.values(.int64) == (1...10).flatMap { n in (0..<3).map { "k\($0)=\(n)" } })
        #expect(try await world.table(of: "test-counts-changelog", .int64) == ["k0": 10, "k1": 10, "k2": 10])
        let lag = try await world.application(try topology(mishap)).lag()
        #expect(lag.isEmpty)
    }

    @Test("exactly once: what was aborted is in the log, and no reader of committed data sees it")
    func abortedIsHidden() async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write((0..<200).map { _ in ("k", String(repeating: "x", count: 1_000)) })
        try await world.run(try topology(Mishap(atCall: 190))) {
            $0.onUncaughtError = .replaceThread
            $0.batchSize = 4_096
        }
        #expect(try await world.records(of: "copy").count == 200)
        #expect(try await world.records(of: "copy", isolation: .readUncommitted).count > 200)
    }

    @Test("at least once: after a failure every record is in the output, and state goes on from the last commit")
    func atLeastOnce() async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write(Self.records)
        let mishap = Mishap(atCall: 20)
        try await world.run(try topology(mishap)) {
            $0.guarantee = .atLeastOnce
            $0.onUncaughtError = .replaceThread
            $0.batchSize = 1
        }
        let copied = try await world.records(of: "copy").compactMap(\.valueText)
        #expect(copied.count > 30, "what was sent before the failure is sent again")
        #expect(Set(copied) == Set(Self.records.compactMap(\.value)))
        #expect(try await world.table(.int64).values.allSatisfy { $0 >= 10 })
    }

    @Test("at most once: after a failure no record is in the output twice")
    func atMostOnce() async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write(Self.records)
        try await world.run(try topology(Mishap(atCall: 20))) {
            $0.guarantee = .atMostOnce
            $0.onUncaughtError = .replaceThread
            $0.batchSize = 1
        }
        let copied = try await world.records(of: "copy").compactMap(\.valueText)
        #expect(copied.count < 30)
        #expect(Set(copied).count == copied.count)
    }

    @Test("at most once: a stop loses nothing that was fetched and not processed")
    func atMostOnceStop() async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write((0..<20_000).map { ("k", "\($0)") })
        let (processing, continuation) = AsyncStream.makeStream(of: Void.self)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek { _, value in if value == "10" { continuation.yield() } }
            .to("copy")
        let topology = try builder.build()
        let running = RunningApplication(topology, in: world) { $0.guarantee = .atMostOnce }
        for await _ in processing { break }
        try await running.stop()
        try await world.run(topology) { $0.guarantee = .atMostOnce }
        #expect(try await world.records(of: "copy").compactMap(\.valueText) == (0..<20_000).map { "\($0)" })
    }

    @Test("an operator's error stops the application and says at which record", arguments: ProcessingGuarantee.allCases)
    func stopping(guarantee: ProcessingGuarantee) async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        try await world.write(Self.records)
        let topology = try topology(Mishap(atCall: 20))
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.guarantee = guarantee }
        }
        guard case .processing(let task, let partition, let offset, let underlying) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(task == TaskId(subtopology: 0, partition: 0))
        #expect(partition == TopicPartition("in", 0))
        #expect(offset == 19)
        #expect((underlying as? OperatorError)?.underlying is Mishap.Failure)
    }

    @Test("an error while a store passes its updates on names the store")
    func flushingError() async throws {
        let world = try await World()
        try await world.write([("a", "1")])
        let error = await #expect(throws: StreamsError.self) {
            try await world.run { builder in
                builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count(store: "counts")
                    .toStream().mapValues { _ -> Int64 in throw Mishap.Failure() }.to("out", values: .int64)
            }
        }
        guard case .flushing(TaskId(subtopology: 0, partition: 0), part: "counts", let underlying) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect((underlying as? OperatorError)?.underlying is Mishap.Failure)
    }

    @Test("a change that the changelog refuses leaves nothing behind", arguments: [true, false])
    func refusedChange(isCached: Bool) async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("a", "large"), ("a", "2")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .aggregate(initial: { "" }, aggregates: .utf8, store: StoreOptions(name: "all", isCached: isCached)) {
                _,
                value,
                all in
                value == "large" ? all + String(repeating: "x", count: 2 << 20) : all + value
            }
            .toStream().to("out")
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) { try await world.run(topology) }
        #expect(error?.description.contains("maximumRecordSize") == true, "\(String(describing: error))")
        #expect(try await world.records().isEmpty)
        #expect(try await world.records(of: "test-all-changelog").isEmpty)
    }
}
