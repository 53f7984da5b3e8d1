import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import Testing

@Suite("Administration of groups", .timeLimit(.minutes(2)))
struct GroupAdminTests {
    private let first = TopicPartition("t", 0)
    private let second = TopicPartition("t", 1)

    /// Two partitions with records at offsets 0 to 4, a second apart from second 1 on, and an administrator.
    private func makeWorld() async throws -> (world: ClientWorld, admin: Admin) {
        let world = try ClientWorld(NewTopic("t", partitions: 2))
        let producer = try await world.producer()
        for number in 0..<10 {
            try await producer.send(
                ProducerRecord(
                    topic: "t",
                    partition: Int32(number % 2),
                    key: nil,
                    value: Array("\(number)".utf8),
                    timestamp: 1_000 * Int64(number / 2 + 1)
                )
            )
        }
        await producer.close()
        return (world, try Admin(on: world.broker))
    }

    @Test("Groups are listed with their states, and found by them")
    func list() async throws {
        let (world, admin) = try await makeWorld()
        let member = try world.member("b")
        try world.settle([member])
        try await admin.alterOffsets(of: "a", [first: CommittedOffset(offset: 1)])
        #expect(
            try await admin.groups() == [
                GroupListing(id: "a", state: .empty, type: .classic, protocolType: ""),
                GroupListing(id: "b", state: .stable, type: .classic, protocolType: "consumer"),
            ]
        )
        #expect(try await admin.groups(in: [.empty]).map(\.id) == ["a"])
        #expect(try await admin.groups(of: [.consumer]).isEmpty)
    }

    @Test("A group is described with its members, their topics and partitions")
    func describe() async throws {
        let (world, admin) = try await makeWorld()
        #expect(try await admin.describeGroup("g") == nil)
        let member = try world.member("g") { settings in
            settings.clientId = "reader"
            settings.groupInstanceId = "one"
            settings.assignmentStrategies = [.sticky]
        }
        try world.settle([member])
        let group = try #require(try await admin.describeGroup("g"))
        #expect(group.state == .stable)
        #expect(group.assignmentStrategy == "sticky")
        #expect(group.generation == 1)
        #expect(group.coordinator.contains("__consumer_offsets-0"))
        #expect(group.leaderId == group.members.first?.id)
        #expect(group.members.count == 1)
        #expect(group.members[0].clientId == "reader")
        #expect(group.members[0].groupInstanceId == "one")
        #expect(group.members[0].topics == ["t"])
        #expect(group.members[0].assignment == [first, second])
    }

    @Test("A group is deleted only when it has no members and no transaction that commits for it")
    func delete() async throws {
        let (world, admin) = try await makeWorld()
        #expect(
            await failure { () throws(ClientError) in try await admin.deleteGroup("g") }?.code == .groupNotFound
        )
        let member = try world.member("g")
        try world.settle([member])
        #expect(
            await failure { () throws(ClientError) in try await admin.deleteGroup("g") }?.code == .groupNotEmpty
        )
        member.close()
        let producer = try await world.transactional("tx")
        try await producer.begin()
        try await producer.sendOffsets([first: CommittedOffset(offset: 1)], for: GroupMembership(groupId: "g"))
        #expect(
            await failure { () throws(ClientError) in try await admin.deleteGroup("g") }?.code == .groupNotEmpty
        )
        try await producer.commit()
        try await admin.deleteGroup("g")
        #expect(try await admin.groups().isEmpty)
        #expect(try await admin.committedOffsets(of: "g").isEmpty)
        let reopened = try ClientWorld(disk: world.disk.crash(.loseAllUnsynced))
        #expect(try await Admin(on: reopened.broker).groups().isEmpty, "a deletion survives loss of power")
        await producer.close()
    }

    @Test("Offsets are deleted, but not of topics that a member reads")
    func deleteOffsets() async throws {
        let (world, admin) = try await makeWorld()
        try world.broker.createTopic("u", partitions: 1, configuration: [:])
        let other = TopicPartition("u", 0)
        try await admin.alterOffsets(
            of: "g",
            [first: CommittedOffset(offset: 1), other: CommittedOffset(offset: 0)]
        )
        let member = try world.member("g")
        try world.settle([member])
        let refused = try await admin.deleteOffsets(of: "g", [first, other])
        #expect(refused.mapValues(\.code) == [first: .groupSubscribedToTopic])
        #expect(try await admin.committedOffsets(of: "g").keys.sorted() == [first])
        member.close()
        #expect(try await admin.deleteOffsets(of: "g", [first]).isEmpty)
        #expect(try await admin.committedOffsets(of: "g").isEmpty)
    }

    @Test("Offsets of a group with members are not altered, nor those of partitions that do not exist")
    func alterOffsets() async throws {
        let (world, admin) = try await makeWorld()
        let member = try world.member("g")
        try world.settle([member])
        func alter(_ partition: TopicPartition, _ offset: Int64) async -> ClientError.Code? {
            await failure { () throws(ClientError) in
                try await admin.alterOffsets(of: "g", [partition: CommittedOffset(offset: offset)])
            }?.code
        }
        #expect(await alter(first, 1) == .groupNotEmpty)
        member.close()
        #expect(await alter(TopicPartition("t", 9), 1) == .unknownTopicOrPartition)
        #expect(await alter(first, -1) == .invalidArgument)
        #expect(await alter(first, 3) == nil)
        #expect(try await admin.committedOffsets(of: "g")[first]?.offset == 3)
    }

    @Test("A group that has read all has no lag, although the last offsets are markers and aborted records")
    func lagWithMarkers() async throws {
        let (world, admin) = try await makeWorld()
        let producer = try await world.transactional("tx")
        for isCommit in [true, false] {
            try await producer.begin()
            try await producer.send(record("x", partition: 0))
            if isCommit { try await producer.commit() } else { try await producer.abort() }
        }
        let consumer = try await world.consumer { $0.groupId = "g" }
        try await consumer.subscribe(to: ["t"])
        for _ in 0..<4 { _ = try await consumer.poll(timeout: .zero) }
        try await consumer.commit()
        let lags = try await admin.lag(of: "g")
        #expect(lags.map(\.partition) == [first, second])
        #expect(lags.map(\.lag) == [0, 0])
        #expect(lags.map(\.recordLag) == [0, 0])
        #expect(lags.map(\.endOffset) == [9, 5], "five records, then a record and a marker, twice")
        #expect(lags.allSatisfy { $0.member?.clientId == "consumer" })
        #expect(try await consumer.lag() == [first: 0, second: 0])

        // What comes afterwards without a record to read is a lag in offsets, and none in records.
        try await producer.begin()
        try await producer.send(record("y", partition: 0))
        let open = try await admin.lag(of: "g")
        #expect(open.map(\.lag) == [0, 0], "up to the last stable offset")
        #expect(try await admin.lag(of: "g", isolation: .readUncommitted).map(\.lag) == [1, 0])
        try await producer.abort()
        let aborted = try await admin.lag(of: "g")
        #expect(aborted.map(\.lag) == [2, 0])
        #expect(aborted.map(\.recordLag) == [0, 0])
        await consumer.close()
        await producer.close()
    }

    @Test("Partitions without a commit have no lag to speak of, and a group's part is counted in records, too")
    func lag() async throws {
        let (world, admin) = try await makeWorld()
        try await admin.alterOffsets(of: "g", [first: CommittedOffset(offset: 2)])
        let member = try world.member("g")
        // Its assignment is shown although it has read nothing.
        member.pause([second])
        _ = try member.poll(timeout: .zero)
        let lags = try await admin.lag(of: "g")
        #expect(lags.map(\.committed?.offset) == [2, nil])
        #expect(lags.map(\.lag) == [3, nil])
        #expect(lags.map(\.recordLag) == [3, nil])
        #expect(lags.map(\.endOffset) == [5, 5])
        #expect(lags.allSatisfy { $0.member != nil })
    }

    @Test(
        "Offsets are reset to each place, clipped to what the partition has",
        arguments: [
            (OffsetResetTarget.earliest, Int64(1)), (.latest, 5), (.current, 3), (.offset(2), 2), (.offset(99), 5),
            (.offset(0), 1), (.shift(by: 1), 4), (.shift(by: -1), 2), (.shift(by: -99), 1), (.shift(by: .max), 5),
            (.timestamp(4_000), 3), (.timestamp(9_999), 5), (.age(.seconds(3)), 2),
            (.offsets([TopicPartition("t", 0): 4]), 4),
        ]
    )
    func reset(target: OffsetResetTarget, expected: Int64) async throws {
        let (world, admin) = try await makeWorld()
        world.time.setWallClock(milliseconds: 6_000)
        try await admin.deleteRecords(first, before: 1)
        try await admin.alterOffsets(of: "g", [first: CommittedOffset(offset: 3, metadata: "m")])
        let step = OffsetResetPlan.Step(partition: first, from: 3, to: expected)
        let plan = try await admin.resetOffsets(of: "g", to: target, isDryRun: true)
        #expect(plan == OffsetResetPlan(group: "g", steps: [step], isDone: false))
        #expect(try await admin.committedOffsets(of: "g")[first]?.offset == 3, "nothing was written")
        let done = try await admin.resetOffsets(of: "g", to: target)
        #expect(done == OffsetResetPlan(group: "g", steps: [step], isDone: true))
        #expect(try await admin.committedOffsets(of: "g")[first]?.offset == expected)
    }

    @Test("A reset covers what it is told to, also of a group that never was")
    func resetScope() async throws {
        let (_, admin) = try await makeWorld()
        let all = try await admin.resetOffsets(of: "new", .topics(["t"]), to: .earliest)
        #expect(all.steps.map(\.partition) == [first, second])
        #expect(all.steps.allSatisfy { $0.from == nil && $0.to == 0 })
        let one = try await admin.resetOffsets(of: "new", .partitions([second]), to: .latest)
        #expect(one.steps == [OffsetResetPlan.Step(partition: second, from: 0, to: 5)])
        #expect(try await admin.resetOffsets(of: "none", to: .latest).steps.isEmpty)
        let unknown = await failure { () throws(ClientError) in
            try await admin.resetOffsets(of: "new", .topics(["gone"]), to: .latest)
        }
        #expect(unknown?.code == .unknownTopicOrPartition)
        let unshiftable = await failure { () throws(ClientError) in
            try await admin.resetOffsets(of: "other", .partitions([first]), to: .shift(by: 1))
        }
        #expect(unshiftable?.code == .noOffset)
    }

    @Test("A group with members is not reset, and not planned for", arguments: [true, false])
    func resetOfActiveGroup(isDryRun: Bool) async throws {
        let (world, admin) = try await makeWorld()
        let member = try world.member("g")
        try world.settle([member])
        let error = await failure { () throws(ClientError) in
            try await admin.resetOffsets(of: "g", .topics(["t"]), to: .earliest, isDryRun: isDryRun)
        }
        #expect(error?.code == .groupNotEmpty)
        #expect(error?.message.contains("Stable") == true, "\(String(describing: error))")
        #expect(try await admin.committedOffsets(of: "g").isEmpty)
    }
}
