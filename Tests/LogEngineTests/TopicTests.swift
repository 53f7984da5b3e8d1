import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("Topics of the embedded broker")
struct TopicTests {
    let world = EngineWorld()
    let first = TopicPartition("orders", 0)

    @Test("a name that is not allowed is refused", arguments: ["", ".", "..", "a b", "a/b", "ä"])
    func badName(name: String) throws {
        let broker = try world.open()
        #expect(
            code { () throws(BrokerError) in try broker.createTopic(name, partitions: 1, configuration: [:]) }
                == .invalidTopic
        )
    }

    @Test("the broker's own topics can be neither made nor deleted")
    func internalTopics() throws {
        let broker = try world.open()
        for name in InternalTopic.names {
            #expect(
                code { () throws(BrokerError) in try broker.createTopic(name, partitions: 1, configuration: [:]) }
                    == .invalidTopic
            )
            #expect(code { () throws(BrokerError) in try broker.deleteTopic(name) } == .unknownTopicOrPartition)
        }
    }

    @Test("a topic cannot be made twice, and the first one stays as it is")
    func duplicate() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 2, configuration: [:])
        let before = broker.topic("orders")?.record
        #expect(
            code { () throws(BrokerError) in try broker.createTopic("orders", partitions: 3, configuration: [:]) }
                == .topicAlreadyExists
        )
        #expect(broker.topic("orders")?.record == before)
    }

    @Test("a number of partitions that makes no sense is refused", arguments: [Int32.min, -1, 0, 10_001, .max])
    func badCount(count: Int32) throws {
        let broker = try world.open()
        #expect(
            code { () throws(BrokerError) in try broker.createTopic("orders", partitions: count, configuration: [:]) }
                == .invalidPartitions
        )
        #expect(broker.topic("orders") == nil)
    }

    @Test(
        "a bad setting is refused and named, and nothing is made",
        arguments: [("retention.ms", "soon"), ("no.such.setting", "1"), ("cleanup.policy", "burn")]
    )
    func badSetting(key: String, value: String) throws {
        let broker = try world.open()
        let error = failure { () throws(BrokerError) in
            try broker.createTopic("orders", partitions: 1, configuration: [key: value])
        }
        #expect(error?.code == .invalidConfig)
        #expect(error?.message.contains(key) == true, "the message names the setting: \(error?.message ?? "no error")")
        #expect(broker.topic("orders") == nil)
        #expect(try world.disk.kind(of: world.file(first).removingLastComponent()) == nil)
    }

    @Test("topics keep id, partitions, settings and data over a restart, in order or killed", arguments: [true, false])
    func restart(isClean: Bool) throws {
        var world = world
        var broker = try world.open()
        try broker.createTopic("orders", partitions: 3, configuration: ["retention.ms": "1000"])
        try broker.append("a", to: TopicPartition("orders", 2))
        let before = try #require(broker.topic("orders")?.record)
        if isClean { broker.close() } else { world = world.killed() }
        broker = try world.open()
        #expect(broker.topic("orders")?.record == before)
        #expect(try broker.values(of: TopicPartition("orders", 2)) == ["a"])
    }

    @Test("partitions can be added but not taken away, and the old ones keep their data")
    func addPartitions() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 2, configuration: [:])
        try broker.append("a", to: first)
        for total: Int32 in [0, 1, 2] {
            #expect(
                code { () throws(BrokerError) in try broker.createPartitions(of: "orders", total: total) }
                    == .invalidPartitions
            )
        }
        try broker.createPartitions(of: "orders", total: 4)
        try broker.append("b", to: TopicPartition("orders", 3))
        #expect(try broker.values(of: first) == ["a"])
        #expect(try broker.values(of: TopicPartition("orders", 3)) == ["b"])
        #expect(
            code { () throws(BrokerError) in _ = try broker.partition(TopicPartition("orders", 4)) }
                == .unknownTopicOrPartition
        )
    }

    @Test("settings can be changed and set back; a bad change changes nothing")
    func alter() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 1, configuration: [:])
        try broker.alterTopic("orders", ["max.message.bytes": "100"])
        #expect(throws: BrokerError.self) { try broker.append(String(repeating: "x", count: 200), to: first) }
        #expect(
            code { () throws(BrokerError) in try broker.alterTopic("orders", ["segment.ms": "-7"]) } == .invalidConfig
        )
        #expect(broker.topic("orders")?.record.configuration == ["max.message.bytes": "100"])
        try broker.alterTopic("orders", ["max.message.bytes": nil])
        try broker.append(String(repeating: "x", count: 200), to: first)
        #expect(code { () throws(BrokerError) in try broker.alterTopic("other", [:]) } == .unknownTopicOrPartition)
    }

    @Test("deleted records stay deleted after power loss, and the rest stays")
    func deleteRecords() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 1, configuration: [:])
        for value in ["a", "b", "c"] { try broker.append(value, to: first) }
        try broker.partition(first).flush()
        try broker.deleteRecords(first, before: 2)
        #expect(code { () throws(BrokerError) in try broker.deleteRecords(first, before: 9) } == .offsetOutOfRange)
        let reopened = try world.afterPowerLoss().open()
        #expect(try reopened.partition(first).log.logStartOffset == 2)
        #expect(try reopened.values(of: first) == ["c"])
        try reopened.deleteRecords(first, before: -1)
        #expect(try reopened.values(of: first) == [])
        #expect(try reopened.append("d", to: first).baseOffset == 3)
    }

    @Test("a deleted topic is gone with its data and its groups' positions, and can be made anew")
    func delete() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 1, configuration: [:])
        try broker.append("a", to: first)
        let held = try broker.partition(first)
        let before = broker.topic("orders")?.record.id
        try broker.groups.commit([first: CommittedOffset(offset: 1)], for: GroupMembership(groupId: "g"))
        try broker.deleteTopic("orders")
        #expect(held.isAbandoned)
        #expect(code { () throws(BrokerError) in _ = try broker.partition(first) } == .unknownTopicOrPartition)
        #expect(try world.disk.contents(of: EngineWorld.directory).allSatisfy { !$0.name.hasPrefix("orders") })
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)

        try broker.createTopic("orders", partitions: 1, configuration: [:])
        #expect(broker.topic("orders")?.record.id != before)
        #expect(try broker.values(of: first) == [])
        let reopened = try world.killed().open()
        #expect(reopened.groups.committedOffsets(of: "g").isEmpty)
        #expect(try reopened.values(of: first) == [])
    }

    @Test("a deletion that fails half way is finished by the next try, by making the topic anew, or by the next start")
    func interruptedDeletion() throws {
        for way in ["try", "make", "start"] {
            var world = EngineWorld()
            var broker = try world.open()
            try broker.createTopic("orders", partitions: 2, configuration: [:])
            try broker.createTopic("other", partitions: 1, configuration: [:])
            try broker.append("a", to: first)
            try broker.groups.commit([first: CommittedOffset(offset: 1)], for: GroupMembership(groupId: "g"))
            world.disk.fail(with: .inputOutput(5), on: .rename) { $0.string.contains("orders-1") }
            #expect(code { () throws(BrokerError) in try broker.deleteTopic("orders") } == .storageError)
            #expect(broker.topic("orders") == nil, "it is gone for everybody at once")
            // Another change of the topics file must not forget the deletion.
            try broker.alterTopic("other", ["retention.ms": "5"])
            switch way {
            case "try":
                try broker.deleteTopic("orders")
            case "make":
                try broker.createTopic("orders", partitions: 1, configuration: [:])
                #expect(try broker.values(of: first) == [])
                #expect(broker.topic("orders")?.partitions.count == 1)
            default:
                world = world.killed()
                broker = try world.open()
                #expect(broker.topic("orders") == nil)
            }
            #expect(broker.groups.committedOffsets(of: "g").isEmpty, "by way of \(way)")
            #expect(try world.disk.kind(of: "/data/orders-1") == nil, "by way of \(way)")
        }
    }

    @Test("a topic that could not be made whole is not there, and can be made when there is room")
    func interruptedCreation() throws {
        let broker = try world.open()
        world.disk.fail(with: .noSpace, on: .open, times: nil) { $0.string.contains("orders-1") }
        #expect(
            code { () throws(BrokerError) in try broker.createTopic("orders", partitions: 3, configuration: [:]) }
                == .storageError
        )
        #expect(broker.topic("orders") == nil)
        world.disk.liftFaults()
        try broker.createTopic("orders", partitions: 3, configuration: [:])
        try broker.append("a", to: TopicPartition("orders", 1))
        #expect(try world.killed().open().values(of: TopicPartition("orders", 1)) == ["a"])
    }

    @Test("directories and files that are not the broker's are left alone")
    func foreignEntries() throws {
        try world.open().close()
        for name in ["photos-2024", "to-delete", "orders-01"] {
            try world.disk.createDirectory(EngineWorld.directory.appending(name))
            try world.disk.overwrite(EngineWorld.directory.appending(name).appending("file"), with: [1])
        }
        let broker = try world.open()
        #expect(Set(broker.allTopics.map(\.record.name)) == InternalTopic.names)
        for name in ["photos-2024", "to-delete", "orders-01"] {
            #expect(world.disk.bytes(of: EngineWorld.directory.appending(name).appending("file")) == [1])
        }
    }

    @Test("a partition's directory that was put there by somebody else becomes a topic")
    func adoption() throws {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 2, configuration: [:])
        try broker.append("a", to: first)
        let id = broker.topic("orders")?.record.id
        broker.close()
        try world.disk.removeFile("/data/topics")
        let reopened = try world.open()
        #expect(reopened.topic("orders")?.record.id == id)
        #expect(reopened.topic("orders")?.partitions.count == 2)
        #expect(try reopened.values(of: first) == ["a"])
    }
}
