import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("The broker's cleaner and retention")
struct CleanerTests {
    private let orders = TopicPartition("orders", 0)
    private let decisions = TopicPartition("__transaction_state", 0)

    /// A broker with a plain topic and small segments, also in its own topics.
    private func open(_ world: EngineWorld) throws -> EmbeddedBroker {
        let broker = try world.open()
        if broker.topic("orders") == nil {
            try broker.createTopic("orders", partitions: 1, configuration: [:])
            for topic in ["__transaction_state", "__consumer_offsets"] {
                try broker.alterTopic(topic, ["segment.bytes": "700", "min.cleanable.dirty.ratio": "0"])
            }
        }
        return broker
    }

    /// Commits and aborts with positions of a group; returns what was committed.
    @discardableResult
    private func work(_ broker: EmbeddedBroker, _ rounds: Range<Int>) throws -> [String] {
        var committed: [String] = []
        var owner = try RawTransaction(broker, "owner")
        for round in rounds {
            try owner.send("\(round)", to: orders)
            try owner.sendOffset(Int64(round), of: orders, group: GroupMembership(groupId: "readers"))
            try owner.end(round % 3 == 2 ? .abort : .commit)
            if round % 3 != 2 { committed.append("\(round)") }
        }
        return committed
    }

    private func position(_ broker: EmbeddedBroker) -> Int64? {
        broker.groups.committedOffsets(of: "readers")[orders]?.offset
    }

    @Test("decisions are compacted only after the markers are durable that they stand for")
    func decisionsAndMarkers() throws {
        let world = EngineWorld()
        let broker = try open(world)
        let committed = try work(broker, 0..<12)
        let before = try broker.partition(decisions).log.sizeInBytes
        let log = try broker.partition(orders).log
        #expect(log.durableEndOffset < log.logEndOffset, "the last marker is not durable yet")
        let reports = broker.cleanLogs()
        #expect(reports[decisions] != nil)
        #expect(try broker.partition(decisions).log.sizeInBytes < before)
        #expect(log.durableEndOffset == log.logEndOffset)
        let after = try open(world.afterPowerLoss())
        #expect(try after.values(of: orders) == committed)
        #expect(position(after) == 10)
    }

    @Test("a crash at any call while the broker cleans loses no commit and brings no abort back")
    func crashes() throws {
        let world = EngineWorld()
        let committed = try work(try open(world), 0..<7)
        let prepared = world.killed()
        var call = 0
        while true {
            // Neighbouring calls are alike; the log's own tests stop at each.
            call += 3
            let during = prepared.killed()
            let broker = try open(during)
            during.disk.failAfter(calls: call)
            broker.cleanLogs()
            if !during.disk.isCrashed { break }
            let survivor = call % 2 == 0 ? during.afterPowerLoss() : during.killed()
            let after = try open(survivor)
            #expect(try after.values(of: orders) == committed, "call \(call)")
            #expect(position(after) == 6, "call \(call)")
            #expect(try after.partition(orders).log.openTransactions.isEmpty, "call \(call)")
            after.cleanLogs()
            let again = try open(survivor.afterPowerLoss())
            #expect(try again.values(of: orders) == committed, "call \(call), cleaned and opened again")
            #expect(position(again) == 6, "call \(call), cleaned and opened again")
            var owner = try RawTransaction(again, "owner")
            try owner.send("on", to: orders)
            try owner.end(.commit)
            #expect(try again.values(of: orders) == committed + ["on"], "call \(call)")
        }
        #expect(call > 20)
    }

    @Test("how far logs are compacted is written down in Kafka's file, and read again")
    func checkpoint() throws {
        let world = EngineWorld()
        let broker = try open(world)
        try broker.createTopic("table", partitions: 1, configuration: ["cleanup.policy": "compact"])
        let table = TopicPartition("table", 0)
        for value in 0..<5 { try put("key", "\(value)", to: table, of: broker) }
        try broker.partition(table).log.roll()
        #expect(broker.cleanLogs()[table]?.cleanedEndOffset == 5)
        #expect(broker.cleanLogs().isEmpty, "nothing new")
        let path = EngineWorld.directory.appending("cleaner-offset-checkpoint")
        let bytes = try #require(world.disk.bytes(of: path))
        #expect(String(decoding: bytes, as: UTF8.self) == "0\n1\ntable 0 5\n")
        let after = try open(world.afterPowerLoss())
        #expect(try after.partition(table).log.cleanedEndOffset == 5)
        #expect(try after.values(of: table) == ["4"])
    }

    @Test(
        "a topic made anew under its name inherits nothing that was written down of the old one",
        arguments: [true, false]
    )
    func madeAnew(crashes: Bool) throws {
        var world = EngineWorld()
        let broker = try open(world)
        for value in 0..<5 { try broker.append("\(value)", to: orders) }
        try broker.deleteRecords(orders, before: 4)
        try broker.deleteTopic("orders")
        try broker.createTopic("orders", partitions: 1, configuration: [:])
        try broker.append("new", to: orders)
        try broker.partition(orders).flush()
        if crashes { world = world.afterPowerLoss() } else { broker.close() }
        let after = try open(world)
        #expect(try after.values(of: orders) == ["new"])
        #expect(try after.partition(orders).log.logStartOffset == 0)
    }

    @Test("old records go at the interval of the housekeeping, never those that the coordinators need")
    func retention() throws {
        let world = EngineWorld()
        let broker = try open(world)
        try broker.alterTopic("orders", ["retention.ms": "1000"])
        try broker.alterTopic("__transaction_state", ["cleanup.policy": "compact,delete", "retention.ms": "1000"])
        try work(broker, 0..<3)
        world.time.advance(by: .seconds(299))
        broker.keepHouse()
        #expect(try broker.partition(orders).log.logStartOffset == 0)
        world.time.advance(by: .seconds(2))
        broker.keepHouse()
        let log = try broker.partition(orders).log
        #expect(log.logStartOffset == log.logEndOffset)
        #expect(try broker.partition(decisions).log.logStartOffset == 0)
        // What was removed stays so, and the transactional id goes on with its next epoch.
        let after = try open(world.afterPowerLoss())
        #expect(try after.partition(orders).log.logStartOffset == log.logEndOffset)
        try work(after, 3..<5)
        #expect(try after.values(of: orders) == ["3", "4"])
    }

    @Test("deleted records stay deleted after loss of power, whatever call it interrupts")
    func deletedRecords() throws {
        let world = EngineWorld()
        let first = try open(world)
        try first.alterTopic("orders", ["segment.bytes": "200"])
        for value in 0..<8 { try first.append("\(value)", to: orders) }
        try first.partition(orders).flush()
        let prepared = world.killed()
        var call = 0
        while true {
            call += 1
            let during = prepared.killed()
            let broker = try open(during)
            during.disk.failAfter(calls: call)
            let error = failure { () throws(BrokerError) in try broker.deleteRecords(orders, before: 5) }
            if error == nil { break }
            let after = try open(call % 2 == 0 ? during.afterPowerLoss() : during.killed())
            let log = try after.partition(orders).log
            #expect(log.logStartOffset <= 5 && log.logEndOffset == 8, "call \(call)")
            #expect(try after.values(of: orders) == (log.logStartOffset..<8).map { "\($0)" }, "call \(call)")
        }
        #expect(call > 4)
        let broker = try open(prepared)
        try broker.deleteRecords(orders, before: 5)
        let after = try open(prepared.afterPowerLoss())
        #expect(try after.values(of: orders) == ["5", "6", "7"])
        #expect(throws: LogError.outOfRange(orders, offset: 4, first: 5, end: 8)) {
            var buffer = ByteWriter()
            _ = try after.partition(orders).log.read(
                from: 4,
                maximumBytes: 1,
                upTo: .logEnd,
                atLeastOneBatch: true,
                into: &buffer
            )
        }
    }

    @Test("records of the broker's own topics, and of compacted ones, cannot be deleted by offset")
    func policy() throws {
        let broker = try open(EngineWorld())
        try broker.createTopic("table", partitions: 1, configuration: ["cleanup.policy": "compact"])
        for id in [TopicPartition("table", 0), decisions] {
            #expect(code { () throws(BrokerError) in try broker.deleteRecords(id, before: -1) } == .policyViolation)
        }
    }

    @Test("a log that cannot be compacted does not keep the others from it")
    func damage() throws {
        let world = EngineWorld()
        let broker = try open(world)
        let tables = (0..<2).map { TopicPartition("table", Int32($0)) }
        try broker.createTopic(
            "table",
            partitions: 2,
            configuration: ["cleanup.policy": "compact", "segment.bytes": "200"]
        )
        for id in tables {
            for value in 0..<6 { try put("key", "\(value)", to: id, of: broker) }
            try broker.partition(id).log.roll()
        }
        try world.disk.flipBit(3, ofByteAt: 70, in: world.file(tables[0]))
        #expect(Set(broker.cleanLogs().keys) == [tables[1]])
        #expect(try broker.partition(tables[0]).log.segmentCount > 2)
        #expect(try broker.values(of: tables[1]) == ["5"])
    }

    @Test("the cleaner's thread compacts while the broker works, and ends with it")
    func thread() throws {
        let world = EngineWorld()
        var configuration = BrokerConfiguration()
        configuration.cleanerInterval = .milliseconds(1)
        configuration.cleanerBytesPerSecond = 50 << 20
        let broker = try EmbeddedBroker(
            directory: EngineWorld.directory,
            configuration: configuration,
            fileSystem: world.disk,
            time: world.time,
            random: SeededRandom(seed: 5),
            keepsHouse: true
        )
        try broker.createTopic(
            "table",
            partitions: 1,
            configuration: ["cleanup.policy": "compact", "segment.bytes": "300", "min.cleanable.dirty.ratio": "0"]
        )
        let table = TopicPartition("table", 0)
        let log = try broker.partition(table).log
        var value = 0
        // Bounded by the test's patience alone: every append gives the thread another chance.
        while log.cleanedEndOffset < 50, value < 100_000 {
            try put("\(value % 3)", "\(value)", to: table, of: broker)
            value += 1
        }
        #expect(log.cleanedEndOffset >= 50)
        broker.close()
        #expect(world.disk.openFileCount == 0)
        let after = try world.open()
        #expect(try Set(after.values(of: table)).isSuperset(of: (value - 3..<value).map { "\($0)" }))
    }

    private func put(_ key: String, _ value: String, to id: TopicPartition, of broker: EmbeddedBroker) throws {
        let builder = RecordBatchBuilder(capacity: 1 << 10)
        Array(key.utf8).withUnsafeBytes { key in
            Array(value.utf8).withUnsafeBytes { value in
                _ = builder.append(key: key, value: value, timestamp: broker.time.milliseconds)
            }
        }
        try withExtendedLifetime(builder) { _ = try broker.partition(id).append(try builder.seal(), origin: .trusted) }
    }
}
