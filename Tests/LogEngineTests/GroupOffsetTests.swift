import MillraceCoordination
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@Suite("Committed offsets in the log")
struct GroupOffsetTests {
    private let week = Duration.seconds(7 * 86_400)
    private let offsetsPartition = TopicPartition("__consumer_offsets", 0)

    /// The number of records in each batch of the offsets topic.
    private func batches(of broker: EmbeddedBroker) throws -> [Int32] {
        var buffer = ByteWriter(capacity: 1 << 16)
        let log = try broker.partition(offsetsPartition).log
        _ = try log.read(from: 0, maximumBytes: 1 << 22, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
        var counts: [Int32] = []
        var batches = RecordBatches(buffer.bytes)
        while let batch = try batches.next() { counts.append(batch.header.recordCount) }
        return counts
    }

    @Test("A commit is one batch whatever its size, so that after a crash all of it is there or none")
    func oneBatch() throws {
        let world = EngineWorld()
        let broker = try world.open()
        try broker.createTopic("t", partitions: 40, configuration: [:])
        let metadata = String(repeating: "m", count: 4_096)
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for partition: Int32 in 0..<40 {
            offsets[TopicPartition("t", partition)] = CommittedOffset(offset: 0, metadata: metadata)
        }
        try broker.groups.commit(offsets, for: GroupMembership(groupId: "g"))
        try broker.groups.commit(
            [TopicPartition("t", 0): CommittedOffset(offset: 0)],
            for: GroupMembership(groupId: "g")
        )
        #expect(try batches(of: broker) == [40, 1])
        let reopened = try world.afterPowerLoss().open()
        #expect(reopened.groups.committedOffsets(of: "g").count == 40)
    }

    @Test("A transaction's commit is one batch, too")
    func oneTransactionalBatch() throws {
        let broker = try EngineWorld().open()
        try broker.createTopic("t", partitions: 40, configuration: [:])
        let producer = try broker.transactions.initProducerId("tx", timeout: .seconds(60))
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for partition: Int32 in 0..<40 {
            offsets[TopicPartition("t", partition)] = CommittedOffset(
                offset: 0,
                metadata: String(repeating: "m", count: 500)
            )
        }
        try broker.transactions.commitOffsets(
            offsets,
            for: GroupMembership(groupId: "g"),
            in: "tx",
            producer: producer
        )
        #expect(try batches(of: broker) == [40])
    }

    @Test("A position in a deleted topic is forgotten, also one that a transaction commits afterwards")
    func deletedTopic() throws {
        let world = EngineWorld()
        let broker = try world.open()
        try broker.createTopic("t", partitions: 2, configuration: [:])
        let producer = try broker.transactions.initProducerId("tx", timeout: .seconds(60))
        let membership = GroupMembership(groupId: "g")
        try broker.groups.commit([TopicPartition("t", 0): CommittedOffset(offset: 0)], for: membership)
        try broker.transactions.commitOffsets(
            [TopicPartition("t", 1): CommittedOffset(offset: 0)],
            for: membership,
            in: "tx",
            producer: producer
        )
        try broker.deleteTopic("t")
        _ = try broker.transactions.end("tx", producer: producer, .commit)
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        broker.close()
        #expect(try world.open().groups.committedOffsets(of: "g").isEmpty)
    }

    @Test("A commit that is larger than a batch may be is refused as a whole")
    func tooLarge() throws {
        let broker = try EngineWorld().open()
        try broker.createTopic("t", partitions: 300, configuration: [:])
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for partition: Int32 in 0..<300 {
            offsets[TopicPartition("t", partition)] = CommittedOffset(
                offset: 0,
                metadata: String(repeating: "m", count: 4_096)
            )
        }
        let refusal = code { () throws(BrokerError) in
            try broker.groups.commit(offsets, for: GroupMembership(groupId: "g"))
        }
        #expect(refusal == .messageTooLarge)
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        try broker.groups.commit(
            [TopicPartition("t", 0): CommittedOffset(offset: 0)],
            for: GroupMembership(groupId: "g")
        )
        #expect(broker.groups.committedOffsets(of: "g").count == 1)
    }

    @Test("Housekeeping removes offsets that nobody has used for the retention time, and the group with them")
    func expiration() throws {
        let world = EngineWorld()
        let broker = try world.open()
        try broker.createTopic("t", partitions: 1, configuration: [:])
        try broker.groups.commit(
            [TopicPartition("t", 0): CommittedOffset(offset: 0)],
            for: GroupMembership(groupId: "g")
        )
        world.time.advance(by: week - .seconds(1))
        broker.keepHouse()
        #expect(broker.groups.committedOffsets(of: "g").count == 1)
        world.time.advance(by: .seconds(601))
        broker.keepHouse()
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        #expect(broker.groups.list().isEmpty)
        let reopened = try world.killed().open()
        #expect(reopened.groups.list().isEmpty)
    }

    @Test("Of a group with members only the offsets of topics expire that it reads no longer")
    func expirationBySubscription() throws {
        let world = EngineWorld()
        var configuration = BrokerConfiguration()
        configuration.offsetsRetention = .seconds(3_600)
        let broker = try world.open(configuration)
        let read = TopicPartition("read", 0)
        let left = TopicPartition("left", 0)
        for topic in ["read", "left"] { try broker.createTopic(topic, partitions: 1, configuration: [:]) }
        try broker.groups.commit(
            [read: CommittedOffset(offset: 0), left: CommittedOffset(offset: 0)],
            for: GroupMembership(groupId: "g")
        )
        var settings = ConsumerSettings()
        settings.groupId = "g"
        settings.autoCommitInterval = nil
        let member = try broker.connectConsumer(settings)
        try member.subscribe(to: ["read"], listener: nil)
        for _ in 0..<40 {
            _ = try member.poll(timeout: .zero)
            world.time.advance(by: .seconds(120))
            broker.keepHouse()
        }
        #expect(broker.groups.committedOffsets(of: "g").keys.sorted() == [read])
        member.close()
        world.time.advance(by: .seconds(1_800))
        broker.keepHouse()
        #expect(broker.groups.committedOffsets(of: "g").count == 1, "the retention begins when the group is empty")
        world.time.advance(by: .seconds(2_400))
        broker.keepHouse()
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
    }
}
