import MillraceCoordination
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import Testing

/// A member that commits what it has read as soon as the group lets it, and counts as read what it has committed.
private final class CommittingReader: RebalanceListener {
    let connection: any ConsumerConnection
    private(set) var read: [String] = []
    private var pending: [TopicPartition: (next: Int64, values: [String])] = [:]

    init(_ connection: any ConsumerConnection) throws(ClientError) {
        self.connection = connection
        try connection.subscribe(to: ["t"], listener: self)
    }

    func poll() throws {
        for records in try connection.poll(timeout: .zero) {
            let earlier = pending[records.partition]?.values ?? []
            pending[records.partition] = (records.nextOffset, earlier + (try records.values()))
        }
        commit()
    }

    func commit() {
        guard !pending.isEmpty else { return }
        // Refused while the group rebalances; then it is tried again, at the latest when partitions are taken away.
        let offsets = pending.mapValues { CommittedOffset(offset: $0.next) }
        guard refusal({ () throws(ClientError) in try connection.commit(offsets) }) == nil else { return }
        read += pending.values.flatMap(\.values)
        pending = [:]
    }

    func partitionsRevoked(_ partitions: [TopicPartition]) {
        commit()
        partitionsLost(partitions)
    }

    func partitionsAssigned(_ partitions: [TopicPartition]) {}

    func partitionsLost(_ partitions: [TopicPartition]) {
        for partition in partitions { pending[partition] = nil }
    }
}

@Suite("Rebalances on the embedded broker", .timeLimit(.minutes(2)))
struct RebalanceTests {
    private func makeWorld(_ configuration: BrokerConfiguration = BrokerConfiguration()) throws -> ClientWorld {
        try ClientWorld(NewTopic("t", partitions: 4), configuration: configuration)
    }

    private func numbers(_ member: any ConsumerConnection) -> [Int32] { member.assignment.map(\.partition) }

    private func partitions(_ numbers: Int32...) -> [TopicPartition] { numbers.map { TopicPartition("t", $0) } }

    private func cooperative(_ settings: inout ConsumerSettings) {
        settings.assignmentStrategies = [.cooperativeSticky]
    }

    @Test("Eagerly, all partitions are given back and then the new ones come, which the listener hears")
    func eager() throws {
        let world = try makeWorld()
        let heard = RecordingListener()
        let a = try world.member("g", listener: heard)
        try world.settle([a])
        let b = try world.member("g")
        try world.settle([a, b])
        b.close()
        try world.settle([a])
        a.close()
        let all = partitions(0, 1, 2, 3)
        let half = a.assignment.isEmpty ? heard.calls.dropFirst(2).first : nil
        guard case .assigned(let half) = half else {
            Issue.record("the second assignment was not heard of: \(heard.calls)")
            return
        }
        #expect(half.count == 2)
        #expect(
            heard.calls == [
                .assigned(all), .revoked(all), .assigned(half), .revoked(half), .assigned(all), .revoked(all),
            ]
        )
    }

    @Test("Cooperatively, a member keeps and reads what stays, and the listener hears of what changes")
    func incremental() async throws {
        let world = try makeWorld()
        let heard = RecordingListener()
        let a = try world.member("g", listener: heard, change: cooperative)
        let b = try world.member("g", change: cooperative)
        try world.settle([a, b], rounds: 16)
        let kept = a.assignment
        let moved = b.assignment
        #expect(kept.count == 2)
        #expect(heard.calls.filter { $0 != .assigned([]) } == [.assigned(partitions(0, 1, 2, 3)), .revoked(moved)])
        let producer = try await world.producer()
        for partition: Int32 in 0..<4 { try await producer.send(record("\(partition)", partition: partition)) }
        let c = try world.member("g", change: cooperative)
        _ = try c.poll(timeout: .zero)
        world.time.advance(by: .milliseconds(25))
        // The group waits for b; a has joined again and reads on all the same.
        var read: [String] = []
        for _ in 0..<3 { read += try a.poll(timeout: .zero).flatMap { try $0.values() } }
        #expect(world.broker.groups.describe("g").state == .preparingRebalance)
        #expect(read.sorted() == kept.map { "\($0.partition)" })
        for _ in 0..<16 {
            try world.settle([a, b, c], rounds: 1)
            let all = a.assignment + b.assignment + c.assignment
            #expect(Set(all).count == all.count)
            #expect(a.assignment.count >= 1, "it never gives back more than has to move")
        }
        b.close()
        c.close()
        try world.settle([a], rounds: 16)
        #expect(numbers(a) == [0, 1, 2, 3])
        await producer.close()
    }

    @Test("What was read is committed when partitions are taken away, if the settings say so")
    func commitOnRevocation() async throws {
        let world = try makeWorld()
        let producer = try await world.producer()
        for partition: Int32 in 0..<4 { try await producer.send(record("\(partition)", partition: partition)) }
        let a = try world.member("g") {
            cooperative(&$0)
            $0.autoCommitInterval = .seconds(5)
        }
        try world.settle([a])
        #expect(world.broker.groups.committedOffsets(of: "g").isEmpty)
        let b = try world.member("g", change: cooperative)
        let read = try world.settle([a, b], rounds: 16)
        #expect(world.broker.groups.committedOffsets(of: "g").count == 4)
        #expect(try read[1].flatMap { try $0.values() } == [], "b reads nothing again")
        await producer.close()
    }

    @Test(
        "No partition is ever two members', and in the end each is one's, under every strategy",
        arguments: AssignmentStrategy.allCases,
        Seed.sequence(12)
    )
    func disjoint(strategy: AssignmentStrategy, seed: Seed) throws {
        var random = seed.random
        let world = try makeWorld()
        func join() throws -> any ConsumerConnection {
            try world.member("g") { $0.assignmentStrategies = [strategy] }
        }
        var members = [try join()]
        for _ in 0..<120 {
            switch Int.random(in: 0..<14, using: &random) {
            case 0 where members.count < 5: members.append(try join())
            case 1 where members.count > 1:
                members.remove(at: Int.random(in: members.indices, using: &random)).close()
            default: _ = try members[Int.random(in: members.indices, using: &random)].poll(timeout: .zero)
            }
            world.time.advance(by: .milliseconds(Int.random(in: 0..<30, using: &random)))
            let all = members.flatMap(\.assignment)
            #expect(Set(all).count == all.count, "\(seed): \(members.map(\.assignment))")
        }
        try world.settle(members, rounds: 24)
        #expect(members.flatMap(\.assignment).sorted() == partitions(0, 1, 2, 3), "\(seed)")
    }

    @Test(
        "No record is lost or read twice over rebalances with commits",
        arguments: AssignmentStrategy.allCases,
        Seed.sequence(8)
    )
    func exactlyOnce(strategy: AssignmentStrategy, seed: Seed) async throws {
        var random = seed.random
        let world = try makeWorld()
        let producer = try await world.producer()
        func join() throws -> CommittingReader {
            var settings = ConsumerSettings()
            settings.groupId = "g"
            settings.autoCommitInterval = nil
            settings.assignmentStrategies = [strategy]
            return try CommittingReader(try world.broker.connectConsumer(settings))
        }
        var readers = [try join()]
        var read: [String] = []
        var sent = 0
        for _ in 0..<80 {
            switch Int.random(in: 0..<7, using: &random) {
            case 0 where readers.count < 4: readers.append(try join())
            case 1 where readers.count > 1:
                let reader = readers.remove(at: Int.random(in: readers.indices, using: &random))
                reader.connection.close()
                read += reader.read
            case 2, 3:
                try await producer.send(record("\(sent)", partition: Int32.random(in: 0..<4, using: &random)))
                sent += 1
            default: try readers[Int.random(in: readers.indices, using: &random)].poll()
            }
            world.time.advance(by: .milliseconds(Int.random(in: 0..<40, using: &random)))
        }
        for _ in 0..<24 {
            for reader in readers { try reader.poll() }
            world.time.advance(by: .milliseconds(25))
        }
        read += readers.flatMap(\.read)
        #expect(read.sorted() == (0..<sent).map { "\($0)" }.sorted(), "\(seed)")
        await producer.close()
    }

    @Test("The strategy that most members prefer among those that all offer is taken")
    func vote() throws {
        let world = try makeWorld()
        let members = try [[AssignmentStrategy.range, .roundRobin], [.roundRobin, .range], [.sticky, .roundRobin]].map {
            strategies in
            try world.member("g") { $0.assignmentStrategies = strategies }
        }
        try world.settle(members)
        #expect(world.broker.groups.describe("g").protocolName == "roundrobin")
        let stranger = try world.member("g") { $0.assignmentStrategies = [.range] }
        let error = refusal { () throws(ClientError) in try stranger.poll(timeout: .zero) }
        #expect(error?.code == .inconsistentGroup, "\(String(describing: error))")
        try world.settle(members)
        #expect(members.flatMap(\.assignment).count == 4)
    }

    @Test("A group is changed to cooperative rebalances member by member, as KIP-429 says")
    func upgrade() throws {
        let world = try makeWorld()
        var members = try (0..<2).map { _ in try world.member("g") { $0.assignmentStrategies = [.range] } }
        try world.settle(members)
        for strategies in [[AssignmentStrategy.cooperativeSticky, .range], [.cooperativeSticky]] {
            for index in members.indices {
                members[index].close()
                members[index] = try world.member("g") { $0.assignmentStrategies = strategies }
                try world.settle(members, rounds: 24)
                #expect(members.flatMap(\.assignment).sorted() == partitions(0, 1, 2, 3))
            }
        }
        #expect(world.broker.groups.describe("g").protocolName == "cooperative-sticky")
    }

    @Test("The first rebalance of a group waits for more members, if the broker is told to")
    func initialDelay() throws {
        var configuration = BrokerConfiguration()
        configuration.groupInitialRebalanceDelay = .seconds(3)
        let world = try makeWorld(configuration)
        let members = try (0..<4).map { _ in try world.member("g") }
        try world.settle(members)
        #expect(members.flatMap(\.assignment).isEmpty)
        for _ in 0..<2 {
            world.time.advance(by: .seconds(3))
            world.broker.keepHouse()
        }
        try world.settle(members)
        #expect(members.map(\.assignment.count) == [1, 1, 1, 1])
        #expect(world.broker.groups.describe("g").generation == 1)
    }

    @Test("A group takes no more members than the broker allows, and says so")
    func groupSize() throws {
        var configuration = BrokerConfiguration()
        configuration.groupSizeMaximum = 2
        let world = try makeWorld(configuration)
        let members = try (0..<2).map { _ in try world.member("g") }
        try world.settle(members)
        let third = try world.member("g")
        #expect(refusal { () throws(ClientError) in try third.poll(timeout: .zero) }?.code == .groupFull)
        members[0].close()
        try world.settle([members[1], third])
        #expect(members[1].assignment.count + third.assignment.count == 4)
    }

    @Test("A rebalance goes on without a member that does not come back to poll in time")
    func rebalanceTimeout() throws {
        let world = try makeWorld()
        let busy = try world.member("g") { $0.maximumPollInterval = .seconds(60) }
        try world.settle([busy])
        let other = try world.member("g") { $0.maximumPollInterval = .seconds(60) }
        for second in 0..<70 {
            _ = try other.poll(timeout: .zero)
            if second == 50 { #expect(other.assignment.isEmpty, "the group still waits") }
            world.time.advance(by: .seconds(1))
            world.broker.keepHouse()
        }
        try world.settle([other])
        #expect(numbers(other) == [0, 1, 2, 3])
    }

    @Test("What waits for its assignment cannot commit, and is told to poll first")
    func commitDuringRebalance() throws {
        let world = try makeWorld()
        let a = try world.member("g", change: cooperative)
        let early = refusal { () throws(ClientError) in try a.commit([partitions(0)[0]: CommittedOffset(offset: 1)]) }
        #expect(early?.code == .rebalanceInProgress)
        try world.settle([a])
        let b = try world.member("g", change: cooperative)
        _ = try b.poll(timeout: .zero)
        world.time.advance(by: .milliseconds(25))
        _ = try a.poll(timeout: .zero)
        #expect(!a.assignment.isEmpty)
        let late = refusal { () throws(ClientError) in try b.commit([partitions(0)[0]: CommittedOffset(offset: 1)]) }
        #expect(late?.code == .rebalanceInProgress)
        #expect(late?.isRetriable == true)
        #expect(world.broker.groups.committedOffsets(of: "g").isEmpty)
    }

    @Test("A transaction of a member that the group went on without stays fenced by its old name")
    func lostMembership() async throws {
        let world = try makeWorld()
        let heard = RecordingListener()
        let member = try world.member("g", listener: heard)
        try world.settle([member])
        var atLoss: GroupMembership?
        heard.onLost = { _ in atLoss = member.membership }
        let other = try world.member("g")
        for _ in 0..<310 {
            world.time.advance(by: .seconds(1))
            world.broker.keepHouse()
            _ = try other.poll(timeout: .zero)
        }
        _ = try member.poll(timeout: .zero)
        let producer = try await world.transactional("tx")
        try await producer.begin()
        let membership = try #require(atLoss)
        let late = await failure { () throws(ClientError) in
            try await producer.sendOffsets([partitions(0)[0]: CommittedOffset(offset: 1)], for: membership)
        }
        #expect(late?.code == .memberFenced)
        await producer.close()
    }

    @Test("A static member that was replaced hears it each time, loses its partitions and cannot commit")
    func fencedInstance() throws {
        let world = try makeWorld()
        let heard = RecordingListener()
        let former = try world.member("g", listener: heard) { $0.groupInstanceId = "one" }
        try world.settle([former])
        let successor = try world.member("g") { $0.groupInstanceId = "one" }
        try world.settle([successor])
        #expect(numbers(successor) == [0, 1, 2, 3])
        let commit = refusal { () throws(ClientError) in
            try former.commit([partitions(0)[0]: CommittedOffset(offset: 1)])
        }
        #expect(commit?.code == .memberFenced)
        for _ in 0..<3 {
            let error = refusal { () throws(ClientError) in try former.poll(timeout: .zero) }
            #expect(error?.code == .memberFenced)
        }
        #expect(heard.calls.last == .lost(partitions(0, 1, 2, 3)))
        former.close()
        try world.settle([successor])
        #expect(numbers(successor) == [0, 1, 2, 3])
    }

    @Test("Static members come back to their partitions after a crash of the whole process, without a rebalance")
    func staticMembersAfterCrash() throws {
        let world = try makeWorld()
        let names = ["one", "two"]
        func members(_ world: ClientWorld) throws -> [any ConsumerConnection] {
            try names.map { name in try world.member("g") { $0.groupInstanceId = name } }
        }
        let before = try members(world)
        try world.settle(before)
        let reopened = try ClientWorld(disk: world.disk.crash(.keepEverything), time: world.time)
        let after = try members(reopened)
        try reopened.settle(after)
        #expect(after.map(\.assignment) == before.map(\.assignment))
        #expect(after.first?.membership?.generation == before.first?.membership?.generation)
    }

    @Test("A static member that is closed and comes back in time costs no rebalance")
    func staticRestart() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        let b = try world.member("g") { $0.groupInstanceId = "b" }
        try world.settle([a, b])
        let generation = a.membership?.generation
        let kept = numbers(b)
        b.close()
        try world.settle([a])
        let again = try world.member("g") { $0.groupInstanceId = "b" }
        try world.settle([a, again])
        #expect(numbers(again) == kept)
        #expect(a.membership?.generation == generation)
    }

    @Test("With the sticky strategy members get back what they had, and only what has to move does")
    func sticky() throws {
        let world = try ClientWorld(NewTopic("t", partitions: 9))
        var members = try (0..<2).map { _ in try world.member("g") { $0.assignmentStrategies = [.sticky] } }
        try world.settle(members)
        let before = members.map { Set($0.assignment) }
        members.append(try world.member("g") { $0.assignmentStrategies = [.sticky] })
        try world.settle(members, rounds: 12)
        #expect(members.map(\.assignment.count) == [3, 3, 3])
        for (member, earlier) in zip(members, before) { #expect(earlier.isSuperset(of: member.assignment)) }
        let later = Set(members[0].assignment)
        members.removeLast().close()
        try world.settle(members, rounds: 12)
        #expect(later.isSubset(of: members[0].assignment))
    }

    @Test("A consumer that waits in a long poll, or works, hears when the group calls")
    func call() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        try world.settle([a])
        a.wakeup.wait(for: .zero)
        let b = try world.member("g")
        _ = try b.poll(timeout: .zero)
        world.time.advance(by: .seconds(2))
        world.broker.keepHouse()
        #expect(!a.wakeup.wait(for: .zero), "its next heartbeat is not due yet")
        world.time.advance(by: .seconds(1))
        world.broker.keepHouse()
        #expect(a.wakeup.wait(for: .zero))
        // And a ring ends a poll, whoever rings.
        a.wakeup.ring()
        try a.assign([TopicPartition("t", 0)])
        #expect(try a.poll(timeout: .seconds(3_600)).isEmpty)
    }
}
