import Millrace
import Testing

@Suite("The reset of an application", .short)
struct ApplicationResetTests {
    private static let inputs = (0..<20).map { (key: "k\($0 % 3)" as String?, value: "v\($0 % 4)" as String?) }

    /// Two stores, one of them behind a repartition topic.
    private static func build(_ builder: StreamsBuilder) {
        let stream = builder.stream("in", keys: .utf8, values: .utf8)
        stream.groupByKey().count(store: "by-key").toStream().to("out", values: .int64)
        stream.groupBy(keys: .utf8, named: "by-value") { _, value in value }.count().toStream()
            .to("values", values: .int64)
    }

    private static let internalTopics = [
        "test-by-key-changelog", "test-by-value-count-changelog", "test-by-value-repartition", "test-topology",
    ]

    private func worldAfterRun() async throws -> World {
        let world = try await World(["in": 2, "out": 1, "values": 1])
        try await world.write(Self.inputs)
        try await world.run(cacheMaximumBytes: 0, build: Self.build)
        return world
    }

    private func reset(
        _ world: World,
        to target: OffsetResetTarget = .earliest,
        clearing: [String] = [],
        isDryRun: Bool = false
    ) async throws -> ApplicationResetPlan {
        try await StreamsApplication.reset(
            World.applicationId,
            on: world.broker,
            to: target,
            clearing: clearing,
            isDryRun: isDryRun
        )
    }

    @Test("makes the next run do what the first one did")
    func again() async throws {
        let world = try await worldAfterRun()
        let first = try await (world.table(.int64), world.table(of: "values", .int64))
        let plan = try await reset(world, clearing: ["out", "values"])
        #expect(plan.isDone)
        #expect(plan.deletedTopics == Self.internalTopics)
        #expect(plan.offsets.map(\.to) == [0, 0])
        let left = try await Admin(on: world.broker).topicNames()
        #expect(left.filter { $0.hasPrefix("test-") } == [])
        #expect(try await world.records().isEmpty)
        try await world.run(cacheMaximumBytes: 0, build: Self.build)
        #expect(try await world.table(.int64) == first.0)
        #expect(try await world.table(of: "values", .int64) == first.1)
        #expect(try await world.records().count == Self.inputs.count)
    }

    @Test("lets another topology have the names of the stores")
    func otherTopology() async throws {
        let world = try await worldAfterRun()
        _ = try await reset(world, clearing: ["out"])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey().reduce(store: "by-key") { $0 + $1 }
                .toStream().to("out")
        }
        #expect(try await world.table(.utf8)["k0"]?.hasPrefix("v0") == true)
    }

    @Test("sets the inputs to any place, and begins with empty stores there")
    func places() async throws {
        let world = try await worldAfterRun()
        _ = try await reset(world, to: .latest, clearing: ["out"])
        try await world.write([("k0", "new")])
        try await world.run(build: Self.build)
        #expect(try await world.table(.int64) == ["k0": 1])
    }

    @Test("shows what it would do and does nothing, if it is asked to")
    func dryRun() async throws {
        let world = try await worldAfterRun()
        let plan = try await reset(world, clearing: ["out"], isDryRun: true)
        #expect(!plan.isDone)
        #expect(plan.deletedTopics == Self.internalTopics)
        #expect(plan.clearedTopics == ["out"])
        #expect(plan.offsets.allSatisfy { $0.from == $0.to || $0.to == 0 })
        try await world.write([("k0", "new")])
        try await world.run(build: Self.build)
        #expect(try await world.table(.int64)["k0"] == 8)
    }

    @Test("is refused while the application runs")
    func running() async throws {
        let world = try await worldAfterRun()
        let builder = StreamsBuilder()
        Self.build(builder)
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        let error = await #expect(throws: StreamsError.self) { try await reset(world) }
        guard case .log(let cause) = error, cause.code == .groupNotEmpty else {
            Issue.record("\(String(describing: error))")
            return
        }
        try await running.stop()
    }

    @Test("keeps the application from starting until it has come to its end")
    func interrupted() async throws {
        let world = try await worldAfterRun()
        let manifest = try #require(try await world.records(of: "test-topology").last?.valueText)
        var lines = manifest.split(separator: "\n").map(String.init)
        lines.insert("reset", at: 1)
        try await world.write([("topology", lines.joined(separator: "\n"))], to: "test-topology")
        try await Admin(on: world.broker).deleteTopic("test-by-key-changelog")
        let error = await #expect(throws: StreamsError.self) { try await world.run(build: Self.build) }
        guard case .resetUnfinished = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        _ = try await reset(world, clearing: ["out"])
        try await world.run(build: Self.build)
        #expect(try await world.table(.int64) == ["k0": 7, "k1": 7, "k2": 6])
    }

    @Test("of an application that has no state sets its offsets")
    func stateless() async throws {
        let world = try await World()
        try await world.write([("a", "1")])
        for _ in 0..<2 {
            try await world.run { $0.stream("in", keys: .utf8, values: .utf8).to("out") }
            #expect(try await reset(world).offsets.map(\.to) == [0])
        }
        #expect(try await world.texts() == ["a=1", "a=1"])
    }
}
