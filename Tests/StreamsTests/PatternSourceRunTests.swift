import Millrace
import Testing

@Suite("Topics that fit a pattern, on a broker", .short)
struct PatternSourceRunTests {
    private func topology(_ reset: OffsetReset? = nil) throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream(matching: .prefix("in-"), keys: .utf8, values: .utf8, offsetReset: reset, named: "inputs")
            .groupByKey()
            .count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        return try builder.build()
    }

    private func write(_ count: Int, to topic: String, _ world: World) async throws {
        try await world.write((0..<count).map { ("k\($0 % 7)", "\($0)") }, to: topic)
    }

    /// Every update of every key is there, once and in order.
    private func check(_ world: World, counts expected: Int...) async throws {
        var next: [String: Int64] = [:]
        for record in try await world.records() {
            let key = record.keyText ?? "~"
            next[key, default: 0] += 1
            #expect(try Serde.int64.value(of: record.value) == next[key], "\(key) at offset \(record.offset)")
        }
        var wanted: [String: Int64] = [:]
        for count in expected { for number in 0..<count { wanted["k\(number % 7)", default: 0] += 1 } }
        #expect(next == wanted)
    }

    @Test("topics that are made while the application runs are read, and state goes on", arguments: [1, 3])
    func newTopics(threads: Int) async throws {
        let world = try await World(["in-a": 3, "out": 1])
        let admin = try Admin(on: world.broker)
        try await write(50, to: "in-a", world)
        let running = RunningApplication(try topology(), in: world) { $0.threads = threads }
        await running.reach(.running)
        try await admin.createTopic(NewTopic("in-b", partitions: 3))
        try await write(40, to: "in-b", world)
        try await admin.createTopic(NewTopic("in-c", partitions: 3))
        try await write(30, to: "in-c", world)
        // Another application of the id ends when all is read.
        try await world.run(try topology())
        try await running.stop()
        try await check(world, counts: 50, 40, 30)
    }

    @Test("after a restart everything goes on where it was, and what is new since is read")
    func restart() async throws {
        let world = try await World(["in-a": 2, "out": 1])
        try await write(20, to: "in-a", world)
        try await world.run(try topology())
        let admin = try Admin(on: world.broker)
        try await admin.createTopic(NewTopic("in-b", partitions: 2))
        try await write(10, to: "in-a", world)
        try await write(15, to: "in-b", world)
        try await world.run(try topology())
        try await world.run(try topology())
        try await check(world, counts: 20, 10, 15)
    }

    @Test("a source with a pattern says where it begins")
    func offsetReset() async throws {
        let world = try await World(["in-a": 1, "out": 1])
        try await write(5, to: "in-a", world)
        try await world.run(try topology(.latest))
        #expect(try await world.records().isEmpty)
        try await write(7, to: "in-a", world)
        try await world.run(try topology(.latest))
        try await check(world, counts: 7)
    }

    @Test("a new topic with more partitions than the store's changelog stops the application and is named")
    func outgrown() async throws {
        let world = try await World(["in-a": 2, "out": 1])
        let running = RunningApplication(try topology(), in: world) { $0.onUncaughtError = .replaceThread }
        await running.reach(.running)
        try await Admin(on: world.broker).createTopic(NewTopic("in-b", partitions: 5))
        let error = await #expect(throws: StreamsError.self) { try await running.end() }
        #expect(error?.description.contains("in-b has 5") == true, "\(String(describing: error))")
    }

    @Test("the first topic may come when the application runs already, if nothing is kept")
    func firstTopicLater() async throws {
        let world = try await World(["out": 1])
        let builder = StreamsBuilder()
        builder.stream(matching: .regex("in-[0-9]+"), keys: .utf8, values: .utf8).to("out")
        let topology = try builder.build()
        let running = RunningApplication(topology, in: world)
        await running.reach(.running)
        try await Admin(on: world.broker).createTopic(NewTopic("in-1", partitions: 2))
        try await write(9, to: "in-1", world)
        try await world.run(topology)
        try await running.stop()
        #expect(try await world.records().count == 9)
    }
}
