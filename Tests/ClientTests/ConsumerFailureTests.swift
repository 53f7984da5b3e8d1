import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import Testing

/// What happens to a consumer when the log changes under it.
@Suite("Consumers when the log changes", .timeLimit(.minutes(2)))
struct ConsumerFailureTests {
    private let first = TopicPartition("t", 0)

    private func write(_ values: [String], to topic: String = "t", _ world: ClientWorld) async throws {
        let producer = try await world.producer()
        for value in values {
            try await producer.send(
                ProducerRecord(topic: topic, key: nil, value: value, timestamp: world.time.milliseconds)
            )
            world.time.advance(by: .seconds(1))
        }
        await producer.close()
    }

    @Test(
        "A reader that deletion has overtaken goes on as its policy says",
        arguments: [
            (OffsetReset.earliest, ["3", "4", "5"]), (.latest, []), (.duration(.milliseconds(2_500)), ["4", "5"]),
        ]
    )
    func overtaken(policy: OffsetReset, expected: [String]) async throws {
        let world = try ClientWorld(NewTopic("t"))
        let consumer = try await world.consumer(first) { settings in
            settings.offsetReset = policy
            settings.maximumPartitionBytes = 1
        }
        try await consumer.seek(first, to: 0)
        try await write((0..<6).map { "\($0)" }, world)
        let admin = try Admin(on: world.broker)
        #expect(try await consumer.poll(timeout: .zero).flatMap { try $0.records() }.map(\.valueText) == ["0"])
        try await admin.deleteRecords(first, before: 3)
        var read: [String?] = []
        for _ in 0..<8 { read += try await consumer.poll(timeout: .zero).flatMap { try $0.records() }.map(\.valueText) }
        #expect(read == expected)
        await consumer.close()
    }

    @Test("Without a policy it is an error that names the partition and the offsets, each time, until it seeks")
    func overtakenWithoutPolicy() async throws {
        let world = try ClientWorld(NewTopic("t"))
        try await write((0..<6).map { "\($0)" }, world)
        let consumer = try await world.consumer(first) { $0.offsetReset = .none }
        try await consumer.seek(first, to: 1)
        try await Admin(on: world.broker).deleteRecords(first, before: 3)
        for _ in 0..<2 {
            let error = await failure { () throws(ClientError) in try await consumer.poll(timeout: .zero) }
            #expect(error?.code == .offsetOutOfRange)
            #expect(error?.message.contains("offset 1 of t-0") == true, "\(String(describing: error))")
            #expect(error?.message.contains("3 to 6") == true, "\(String(describing: error))")
        }
        try await consumer.seekToBeginning([first])
        #expect(try await consumer.poll(timeout: .zero).first?.records().first?.valueText == "3")
        await consumer.close()
    }

    @Test("A committed offset that deletion has overtaken is reset, too")
    func committedOffsetOvertaken() async throws {
        let world = try ClientWorld(NewTopic("t"))
        try await write((0..<4).map { "\($0)" }, world)
        let admin = try Admin(on: world.broker)
        try await admin.alterOffsets(of: "g", [first: CommittedOffset(offset: 1)])
        try await admin.deleteRecords(first, before: 3)
        let member = try world.member("g")
        let read = try world.settle([member])
        #expect(try read[0].flatMap { try $0.values() } == ["3"])
    }

    @Test("A topic that is deleted leaves its group without an error, the others are read on")
    func deletedTopic() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 2), NewTopic("u", partitions: 2))
        let heard = RecordingListener()
        let members = [try world.member("g", listener: heard), try world.member("g")]
        for member in members { try member.subscribe(to: ["t", "u"], listener: heard) }
        try world.settle(members)
        try world.broker.deleteTopic("t")
        // Before the leader has noticed, too.
        for member in members.reversed() { _ = try member.poll(timeout: .zero) }
        try await write(["after"], to: "u", world)
        let read = try world.settle(members, rounds: 16)
        #expect(try read.flatMap { $0 }.flatMap { try $0.values() } == ["after"])
        #expect(members.flatMap(\.assignment).sorted() == [TopicPartition("u", 0), TopicPartition("u", 1)])
        // Made anew, it is read from its beginning, as is all that was never committed.
        try world.broker.createTopic("t", partitions: 2, configuration: [:])
        try await write(["new"], world)
        let again = try world.settle(members, rounds: 16)
        #expect(try again.flatMap { $0 }.flatMap { try $0.values() }.contains("new"))
        #expect(members.flatMap(\.assignment).count == 4)
    }

    @Test("Positions in a topic that is gone are not committed, with the others or alone")
    func commitOfDeletedTopic() throws {
        let world = try ClientWorld(NewTopic("t"), NewTopic("u"))
        let member = try world.member("g")
        try member.subscribe(to: ["t", "u"], listener: nil)
        try world.settle([member])
        try world.broker.deleteTopic("t")
        let both = [first: CommittedOffset(offset: 0), TopicPartition("u", 0): CommittedOffset(offset: 0)]
        let error = refusal { () throws(ClientError) in try member.commit(both) }
        #expect(error?.code == .unknownTopicOrPartition)
        #expect(world.broker.groups.committedOffsets(of: "g").isEmpty, "all or none")
    }

    @Test("A topic that is made after the subscription is read from its beginning")
    func laterTopic() async throws {
        let world = try ClientWorld()
        let member = try world.member("g", "later")
        try world.settle([member])
        #expect(member.assignment.isEmpty)
        try world.broker.createTopic("later", partitions: 2, configuration: [:])
        try await write(["a"], to: "later", world)
        let read = try world.settle([member])
        #expect(try read[0].flatMap { try $0.values() } == ["a"])
        #expect(member.assignment.count == 2)
    }

    @Test("A subscription by rule takes in topics that are made later, and never the broker's own")
    func subscriptionByRule() throws {
        let world = try ClientWorld(NewTopic("orders-eu"), NewTopic("other"))
        let follower = try world.member("g", "other")
        let member = try world.member("g", "other")
        try member.subscribe(toTopicsWhere: { $0.hasPrefix("orders-") || $0.hasPrefix("__") }, listener: nil)
        try world.settle([follower, member])
        #expect(member.assignment == [TopicPartition("orders-eu", 0)])
        try world.broker.createTopic("orders-us", partitions: 2, configuration: [:])
        try world.settle([follower, member], rounds: 16)
        #expect(member.assignment.map(\.topic) == ["orders-eu", "orders-us", "orders-us"])
        try world.broker.deleteTopic("orders-eu")
        try world.settle([follower, member], rounds: 16)
        #expect(member.assignment.map(\.topic) == ["orders-us", "orders-us"])
        #expect(follower.assignment == [TopicPartition("other", 0)])
    }

    @Test(
        "Another subscription keeps the member in its group",
        arguments: [AssignmentStrategy.range, .cooperativeSticky]
    )
    func resubscription(strategy: AssignmentStrategy) throws {
        let world = try ClientWorld(NewTopic("t"), NewTopic("u"))
        let heard = RecordingListener()
        let member = try world.member("g", listener: heard) { $0.assignmentStrategies = [strategy] }
        try world.settle([member])
        let id = member.membership?.memberId
        try member.subscribe(to: ["u"], listener: heard)
        try world.settle([member])
        #expect(member.assignment == [TopicPartition("u", 0)])
        #expect(member.membership?.memberId == id)
        #expect(heard.calls.contains(.revoked([first])))
    }

    @Test("After unsubscribing a consumer has nothing, its group goes on without it, and it can join again")
    func unsubscribe() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 2))
        let consumer = try await world.consumer { $0.groupId = "g" }
        try await consumer.subscribe(to: ["t"])
        _ = try await consumer.poll(timeout: .zero)
        #expect(try await consumer.assignment().count == 2)
        try await consumer.unsubscribe()
        #expect(try await consumer.assignment().isEmpty)
        #expect(world.broker.groups.describe("g").members.isEmpty)
        try await consumer.subscribe(toTopicsWhere: { $0 == "t" })
        _ = try await consumer.poll(timeout: .zero)
        #expect(try await consumer.assignment().count == 2)
        await consumer.close()
    }

    @Test("A consumer that is closed while it waits in a rebalance returns from its poll and holds nobody up")
    func closedDuringRebalance() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 2))
        let member = try world.member("g")
        try world.settle([member])
        let consumer = try await world.consumer { $0.groupId = "g" }
        try await consumer.subscribe(to: ["t"])
        _ = try await consumer.poll(timeout: .zero)
        #expect(world.broker.groups.describe("g").state == .preparingRebalance)
        // The clock stands still, so that nothing but the close ends this.
        let polling = Task {
            await failure { () throws(ClientError) in try await consumer.poll(timeout: .seconds(3600)) }
        }
        await consumer.close()
        #expect(await polling.value?.code == .closed)
        try world.settle([member])
        #expect(member.assignment.count == 2)
        #expect(world.broker.groups.describe("g").members.count == 1)
    }
}
