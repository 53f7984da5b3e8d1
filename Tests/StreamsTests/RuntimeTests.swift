import Logging
import Millrace
import MillraceLogEngine
import MillraceSimulationKit
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Running an application", .short)
struct RuntimeTests {
    private func counts(isCached: Bool = true) throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .count(store: StoreOptions(name: "counts", isCached: isCached))
            .toStream().to("out", values: .int64)
        return try builder.build()
    }

    private func copy() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .optional(.utf8), values: .utf8).to("out")
        return try builder.build()
    }

    @Test("an input many times the size of the buffer is read to its end")
    func largeInput() async throws {
        let world = try await World(["in": 2, "out": 2])
        let count = 6_000
        let padding = String(repeating: "x", count: 1_000)
        try await world.write((0..<count).map { ("\($0)", padding) })
        let progress = try await world.run(try copy()) { $0.bufferedRecordsPerPartition = 10 }
        #expect(progress.recordsProcessed == count)
        #expect(try await world.records().count == count)
    }

    @Test(
        "processed records of a repartition topic are deleted, and a restart goes on after them",
        arguments: [
            ProcessingGuarantee.exactlyOnce, .atLeastOnce,
        ]
    )
    func purging(guarantee: ProcessingGuarantee) async throws {
        let world = try await World()
        let builder = StreamsBuilder()
        builder.stream("in", keys: .ignored, values: .utf8).groupBy(keys: .utf8, named: "words") { _, word in word }
            .count().toStream().to("out", values: .int64)
        let topology = try builder.build()
        for round: Int64 in 1...2 {
            try await world.write((0..<500).map { _ in "word" })
            try await world.run(topology) {
                $0.guarantee = guarantee
                $0.repartitionPurgeInterval = .nanoseconds(1)
            }
            let left = try await Admin(on: world.broker).offsetRange(of: TopicPartition("test-words-repartition", 0))
            #expect(left.lowerBound >= round * 500)
            #expect(left.count <= 1, "at most the marker of the last transaction")
            #expect(try await world.table(.int64) == ["word": round * 500])
        }
    }

    // State

    @Test("a store is restored from its changelog when the application is started again")
    func restoring() async throws {
        let world = try await World()
        try await world.write([("a", "x"), ("b", "x"), ("a", "x")])
        try await world.run(try counts())
        try await world.write([("a", "x"), ("c", "x")])
        let progress = try await world.run(try counts())
        #expect(progress.recordsProcessed == 2)
        #expect(progress.recordsRestored == 2)
        #expect(try await world.table(.int64) == ["a": 3, "b": 1, "c": 1])
    }

    @Test("a removed key stays removed after a restore")
    func restoringRemovals() async throws {
        let world = try await World()
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8, store: "table").toStream().to("out")
        let topology = try builder.build()
        try await world.write([("a", "1"), ("b", "2"), ("a", nil)])
        try await world.run(topology) { $0.cacheMaximumBytes = 0 }
        // Removing what is not there changes nothing, and is passed on as the topic says it.
        try await world.write([("a", nil), ("b", nil)])
        try await world.run(topology) { $0.cacheMaximumBytes = 0 }
        #expect(try await world.texts() == ["a=1", "b=2", "a=~", "a=~", "b=~"])
    }

    @Test("after an application that failed, the next one has the state of the last commit")
    func restoringAfterFailure() async throws {
        let world = try await World()
        try await world.write([("a", "x"), ("b", "x")])
        try await world.run(try counts())
        try await world.write([("a", "x"), ("a", "poison")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek { _, value in if value == "poison" { throw Mishap.Failure() } }
            .groupByKey().count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        let poisoned = try builder.build()
        await #expect(throws: StreamsError.self) { try await world.run(poisoned) }
        try await world.run(try counts())
        #expect(try await world.table(.int64) == ["a": 3, "b": 1])
        #expect(try await world.values(.int64) == ["a=1", "b=1", "a=3"])
    }

    @Test("a transaction that a dead owner left open on a changelog delays the start until its time-out, not for ever")
    func openTransactionOnChangelog() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(try counts())
        var settings = ProducerSettings()
        settings.transactionTimeout = .milliseconds(300)
        let dead = try await TransactionalProducer(id: "dead-owner", on: world.broker, settings: settings)
        try await dead.begin()
        try await dead.send(ProducerRecord(topic: "test-counts-changelog", key: "a", value: "12345678"))
        try await world.write([("a", "x")])
        try await world.run(try counts())
        #expect(try await world.table(.int64) == ["a": 2])
        await dead.close()
    }

    @Test("an application can be stopped while it waits to restore")
    func stoppedWhileRestoring() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(try counts())
        let owner = try await TransactionalProducer(id: "owner", on: world.broker)
        try await owner.begin()
        try await owner.send(ProducerRecord(topic: "test-counts-changelog", key: "a", value: "12345678"))
        let running = RunningApplication(try counts(), in: world)
        await running.reach(.rebalancing)
        try await running.cancel()
        #expect(running.history.last == .notRunning)
        try await owner.abort()
        await owner.close()
    }

    // Order and time

    @Test("among a task's partitions the record with the smallest timestamp comes first")
    func timestampOrder() async throws {
        let world = try await World(["left": 1, "right": 1, "out": 1])
        func write(_ topic: String, _ timestamps: [Int64]) async throws {
            try await world.write(
                timestamps.map {
                    ProducerRecord(topic: topic, key: nil, value: "\($0)", timestamp: $0)
                }
            )
        }
        try await write("left", [1, 4, 5, 9, 12])
        try await write("right", [2, 3, 6, 7, 8, 10, 11, 13])
        try await world.run { builder in
            builder.stream("left", keys: .ignored, values: .utf8)
                .merge(builder.stream("right", keys: .ignored, values: .utf8)).to("out")
        }
        #expect(try await world.records().compactMap(\.valueText) == (1...13).map { "\($0)" })
    }

    @Test("the order of timestamps holds although a commit lies within a batch")
    func timestampOrderAfterRestart() async throws {
        let world = try await World(["left": 1, "right": 1, "out": 1])
        func write(_ topic: String, _ timestamps: [Int64]) async throws {
            try await world.write(
                timestamps.map {
                    ProducerRecord(topic: topic, key: nil, value: "\($0)", timestamp: $0)
                }
            )
        }
        try await write("left", [1, 2, 3, 20, 21])
        try await write("right", [10, 11, 12, 13])
        let builder = StreamsBuilder()
        let mishap = Mishap(atCall: 5)
        builder.stream("left", keys: .ignored, values: .utf8)
            .merge(builder.stream("right", keys: .ignored, values: .utf8))
            .peek { _, _ in try mishap.check() }
            .to("out")
        let topology = try builder.build()
        try await world.run(topology) { $0.onUncaughtError = .replaceThread }
        #expect(try await world.records().compactMap(\.valueText) == [1, 2, 3, 10, 11, 12, 13, 20, 21].map { "\($0)" })
    }

    @Test("results are committed when the interval has passed on the broker's clock, not before")
    func commitInterval() async throws {
        let time = ManualTime()
        let world = try await World(time: time)
        let (processed, continuation) = AsyncStream.makeStream(of: Void.self)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to("out")
        let done = builder.stream("done", keys: .ignored, values: .ignored)
        done.forEach(named: "report") { _, _ in continuation.yield() }
        let admin = try Admin(on: world.broker)
        try await admin.createTopic(NewTopic("done"))
        let running = RunningApplication(try builder.build(), in: world) { $0.commitInterval = .seconds(5) }
        await running.reach(.running)
        try await world.write([("a", "1")])
        // Both topics are fetched in each poll, so that this one is processed no earlier than the first.
        try await world.write(["x"], to: "done")
        for await _ in processed { break }
        #expect(try await world.records().isEmpty)
        time.advance(by: .seconds(5))
        let consumer = try await Consumer(on: world.broker)
        try await consumer.assign([TopicPartition("out", 0)])
        var found: [ConsumerRecord] = []
        while found.isEmpty { found = try await consumer.poll(timeout: .seconds(1)).flatMap { try $0.records() } }
        #expect(found.map(\.valueText) == ["1"])
        await consumer.close()
        try await running.stop()
    }

    // Ends

    @Test("an application that ends with its input ends although every topic is empty")
    func emptyTopics() async throws {
        let world = try await World(["in": 3, "out": 1])
        #expect(try await world.run(try copy()).recordsProcessed == 0)
    }

    @Test("it ends with more threads than there are tasks", arguments: ProcessingGuarantee.allCases)
    func moreThreadsThanTasks(guarantee: ProcessingGuarantee) async throws {
        let world = try await World()
        try await world.write(["1", "2"])
        try await world.run(try copy()) {
            $0.threads = 3
            $0.guarantee = guarantee
        }
        #expect(try await world.texts() == ["~=1", "~=2"])
    }

    @Test("two applications of one id end together, though one may have no task")
    func endingTogether() async throws {
        let world = try await World()
        try await world.write(["1", "2"])
        let topology = try copy()
        async let first = world.run(topology)
        async let second = world.run(topology)
        _ = try await (first, second)
        #expect(try await world.texts() == ["~=1", "~=2"])
    }

    @Test("beginning at the latest record, it ends at once, and goes on there when it is started again")
    func latest() async throws {
        let world = try await World()
        try await world.write(["old"])
        try await world.run(try copy()) { $0.offsetReset = .latest }
        try await world.write(["new"])
        try await world.run(try copy()) { $0.offsetReset = .latest }
        #expect(try await world.texts() == ["~=new"])
    }

    @Test("it reads what comes back to it through a topic of its own, whatever the order of declaration")
    func feedback() async throws {
        let world = try await World(["in": 1, "middle": 1, "out": 1])
        try await world.write((0..<100).map { "\($0)" })
        try await world.run { builder in
            builder.stream("middle", keys: .ignored, values: .utf8).to("out")
            builder.stream("in", keys: .ignored, values: .utf8).to("middle")
        }
        #expect(try await world.records().count == 100)
    }

    @Test("a graceful shutdown commits what was processed")
    func gracefulShutdown() async throws {
        let world = try await World()
        let (processed, continuation) = AsyncStream.makeStream(of: Void.self)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .optional(.utf8), values: .utf8).peek { _, _ in continuation.yield() }.to("out")
        try await world.write(["1"])
        // So long an interval that only the shutdown commits.
        let application = world.application(try builder.build()) {
            $0.commitInterval = .seconds(300)
            $0.transactionTimeout = .seconds(600)
        }
        let group = ServiceGroup(services: [application], logger: World.quiet)
        let running = Task { try await group.run() }
        for await _ in processed { break }
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(try await world.texts() == ["~=1"])
        #expect(application.state == .notRunning)
    }

    @Test("a cancelled task's application commits and returns")
    func cancellation() async throws {
        let world = try await World()
        let running = RunningApplication(try copy(), in: world)
        await running.reach(.running)
        try await running.cancel()
        #expect(running.history == [.created, .rebalancing, .running, .pendingShutdown, .notRunning])
    }

    @Test("the states of a run that is stopped, and of one that fails")
    func states() async throws {
        let world = try await World()
        try await world.write(["x"])
        let good = RunningApplication(try copy(), in: world, run: { try await $0.runUntilCaughtUp() })
        try await good.end()
        #expect(good.history == [.created, .rebalancing, .running, .pendingShutdown, .notRunning])
        #expect(good.application.state == .notRunning)
        try await world.write(["y"])
        let builder = StreamsBuilder()
        let stream = builder.stream("in", keys: .ignored, values: .utf8)
        stream.forEach(named: "failing") { _, _ in throw Mishap.Failure() }
        let bad = RunningApplication(try builder.build(), in: world)
        await #expect(throws: StreamsError.self) { try await bad.end() }
        #expect(bad.history.first == .created)
        #expect(bad.history.suffix(2) == [.pendingShutdown, .error], "\(bad.history)")
    }

    @Test("an application that was stopped before it runs returns at once")
    func stoppedBeforeRun() async throws {
        let world = try await World()
        try await world.write(["x"])
        let application = world.application(try copy())
        application.stop()
        try await application.run()
        #expect(application.state == .notRunning)
        #expect(try await world.records().isEmpty)
    }

    @Test("an application runs once")
    func runningTwice() async throws {
        let world = try await World()
        let application = world.application(try copy())
        try await application.runUntilCaughtUp()
        let error = await #expect(throws: StreamsError.self) { try await application.run() }
        guard case .alreadyStarted = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    // Mistakes found at the start

    @Test("missing topics are named")
    func missingTopics() async throws {
        let noInput = try await World(["out": 1])
        let first = await #expect(throws: StreamsError.self) { try await noInput.run(try copy()) }
        #expect(first?.description == "the topology reads topics that do not exist: in; create them first")
        let noOutput = try await World(["in": 1])
        let second = await #expect(throws: StreamsError.self) { try await noOutput.run(try counts()) }
        #expect(second?.description.contains("writes topics that do not exist: out") == true)
        #expect(try await Admin(on: noOutput.broker).describeTopic("test-counts-changelog") == nil)
    }

    @Test("an internal topic with another number of partitions is refused")
    func internalTopicMismatch() async throws {
        let world = try await World(["in": 2, "out": 1, "test-counts-changelog": 3])
        let error = await #expect(throws: StreamsError.self) { try await world.run(try counts()) }
        guard case .internalTopicMismatch("test-counts-changelog", expected: 2, actual: 3) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a configuration that makes no sense is refused before anything is done", arguments: 0..<11)
    func invalidConfiguration(number: Int) async throws {
        let world = try await World()
        var configuration = StreamsConfiguration()
        let changes: [(inout StreamsConfiguration) -> Void] = [
            { $0.threads = 0 }, { $0.threads = -1 }, { $0.commitInterval = .zero }, { $0.cacheMaximumBytes = -1 },
            { $0.bufferedRecordsPerPartition = 0 }, { $0.batchSize = 0 }, { $0.commitInterval = .seconds(11) },
            { $0.pollInterval = .zero }, { $0.sessionTimeout = .zero }, { $0.maximumPollInterval = .zero },
            { $0.repartitionPurgeInterval = .zero },
        ]
        changes[number](&configuration)
        let application = StreamsApplication(
            id: "test",
            topology: try counts(),
            on: world.broker,
            configuration: configuration,
            logger: World.quiet
        )
        let error = await #expect(throws: StreamsError.self) { try await application.run() }
        guard case .invalidConfiguration = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(application.state == .error)
        #expect(try await Admin(on: world.broker).describeTopic("test-counts-changelog") == nil)
    }

    @Test("an application id that topics cannot be named after is refused")
    func invalidId() async throws {
        let world = try await World()
        let application = world.application(try copy(), id: "no/good")
        let error = await #expect(throws: StreamsError.self) { try await application.run() }
        #expect(error?.description.contains("no/good") == true)
    }

    @Test("a broker that was closed stops the application, whatever the policy")
    func closedBroker() async throws {
        let world = try await World()
        let running = RunningApplication(try copy(), in: world) { $0.onUncaughtError = .replaceThread }
        await running.reach(.running)
        world.broker.close()
        let error = await #expect(throws: StreamsError.self) { try await running.end() }
        #expect(error?.description.contains("closed") == true, "\(String(describing: error))")
    }
}
