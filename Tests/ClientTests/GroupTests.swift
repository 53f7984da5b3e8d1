import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import Testing

@Suite("Groups on the embedded broker", .timeLimit(.minutes(2)))
struct GroupTests {
    private func makeWorld() throws -> ClientWorld { try ClientWorld(NewTopic("t", partitions: 4)) }

    private func numbers(_ member: any ConsumerConnection) -> [Int32] { member.assignment.map(\.partition) }

    @Test("partitions are shared anew when a member joins and when one leaves")
    func joinAndLeave() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3])
        let b = try world.member("g")
        try world.settle([a, b])
        #expect(numbers(a).count == 2)
        #expect(numbers(b).count == 2)
        #expect(Set(numbers(a) + numbers(b)) == [0, 1, 2, 3])
        b.close()
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3])
    }

    @Test("a busy member keeps its partitions up to the longest time between polls; then it leaves, and hears of it")
    func busyMember() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        let b = try world.member("g")
        let listener = RecordingListener()
        try b.subscribe(to: ["t"], listener: listener)
        try world.settle([a, b])
        let stale = try #require(b.membership)
        let kept = numbers(b)
        func pass(seconds: Int) throws {
            for _ in 0..<seconds {
                world.time.advance(by: .seconds(1))
                world.broker.keepHouse()
                _ = try a.poll(timeout: .zero)
            }
        }
        // Much longer than the session's time: heartbeats do not depend on polls.
        try pass(seconds: 290)
        try world.broker.groups.heartbeat(stale)
        #expect(numbers(b) == kept)
        try pass(seconds: 20)
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3])
        let late = refusal { () throws(ClientError) in
            try b.commit([TopicPartition("t", 0): CommittedOffset(offset: 1)])
        }
        #expect(late?.code == .memberFenced, "a member that has left commits under its old name")
        // It comes back as a new member.
        listener.calls = []
        try world.settle([a, b])
        #expect(Set(numbers(a) + numbers(b)) == [0, 1, 2, 3])
        #expect(numbers(b).count == 2)
        #expect(listener.calls.first == .lost(kept.map { TopicPartition("t", $0) }))
    }

    @Test("a consumer that vanishes without leaving loses its partitions when its session runs out")
    func vanished() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        var b: (any ConsumerConnection)? = try world.member("g")
        try world.settle([a, b].compactMap { $0 })
        b = nil
        for second in 0..<50 {
            world.time.advance(by: .seconds(1))
            world.broker.keepHouse()
            _ = try a.poll(timeout: .zero)
            if second == 40 { #expect(numbers(a).count == 2) }
        }
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3])
    }

    @Test("a member that is closed while it waits to join leaves nobody behind")
    func closedWhileJoining() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        try world.settle([a])
        let b = try world.member("g")
        _ = try b.poll(timeout: .zero)
        b.close()
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3], "without waiting for any session to run out")
    }

    @Test("a static member that restarts keeps its partitions without a rebalance; the one it replaces is fenced")
    func staticMember() throws {
        let world = try makeWorld()
        let a = try world.member("g") { $0.groupInstanceId = "a" }
        let b = try world.member("g") { $0.groupInstanceId = "b" }
        try world.settle([a, b])
        let before = numbers(b)
        let generation = try #require(a.membership?.generation)
        let again = try world.member("g") { $0.groupInstanceId = "b" }
        try world.settle([a, again])
        #expect(numbers(again) == before)
        #expect(a.membership?.generation == generation)
        var refusal: ClientError?
        for _ in 0..<3 where refusal == nil {
            do {
                _ = try b.poll(timeout: .zero)
            } catch {
                refusal = error
            }
            world.time.advance(by: .milliseconds(25))
        }
        #expect(refusal?.isFenced == true, "\(String(describing: refusal))")
    }

    @Test(
        "a static member that does not poll falls silent, loses its place with its session, and joins again by itself"
    )
    func staticMemberExpires() throws {
        let world = try makeWorld()
        let a = try world.member("g") { $0.groupInstanceId = "a" }
        try world.settle([a])
        for step in 0..<40 {
            world.time.advance(by: .seconds(10))
            world.broker.keepHouse()
            let isMember = !world.broker.groups.describe("g").members.isEmpty
            #expect(isMember == (step < 33), "after \((step + 1) * 10) seconds")
        }
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3])
    }

    @Test("partitions that are added to the topic are assigned without anybody asking")
    func addedPartitions() throws {
        let world = try makeWorld()
        let a = try world.member("g")
        try world.settle([a])
        try world.broker.createPartitions(of: "t", total: 6)
        try world.settle([a])
        #expect(numbers(a) == [0, 1, 2, 3, 4, 5])
    }

    @Test("offsets that a transaction is about to decide are waited for, not guessed")
    func unstableOffsets() async throws {
        let world = try makeWorld()
        let id = TopicPartition("t", 0)
        let plain = try await world.producer()
        for value in ["a", "b"] { try await plain.send(record(value, partition: 0)) }
        let transaction = try await world.transactional("tx")
        try await transaction.begin()
        try await transaction.sendOffsets([id: CommittedOffset(offset: 1)], for: GroupMembership(groupId: "g"))
        let member = try world.member("g")
        let before = try world.settle([member])
        #expect(try before[0].flatMap { try $0.values() } == [])
        try await transaction.commit()
        let after = try world.settle([member])
        #expect(try after[0].flatMap { try $0.values() } == ["b"])
        await plain.close()
        await transaction.close()
    }

    @Test("without a group id, and with settings that contradict each other, subscribing is a typed error")
    func badSettings() async throws {
        let world = try makeWorld()
        let consumer = try await world.consumer()
        #expect(
            await failure { () throws(ClientError) in try await consumer.subscribe(to: ["t"]) }?.code
                == .invalidArgument
        )
        await consumer.close()
        let impatient = try world.member("g") { settings in
            settings.sessionTimeout = .seconds(1)
            settings.heartbeatInterval = .milliseconds(1)
        }
        #expect(throws: ClientError.self) { try world.settle([impatient]) }
    }
}
