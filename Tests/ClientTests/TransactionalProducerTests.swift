import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import Testing

@Suite("Transactional producers on the embedded broker", .timeLimit(.minutes(2)))
struct TransactionalProducerTests {
    let source = TopicPartition("source", 0)
    let group = GroupMembership(groupId: "g")

    private func makeWorld() throws -> ClientWorld {
        try ClientWorld(NewTopic("t", partitions: 2), NewTopic("source"))
    }

    private func committed(_ world: ClientWorld) async throws -> Int64? {
        try await Admin(on: world.broker).committedOffsets(of: "g")[source]?.offset
    }

    @Test("withTransaction commits records of several partitions and offsets together")
    func commits() async throws {
        let world = try makeWorld()
        let producer = try await world.transactional("tx")
        try await producer.withTransaction { transaction in
            try await transaction.send(record("a", partition: 0))
            try await transaction.enqueue(record("b", partition: 1))
            try await transaction.sendOffsets([source: CommittedOffset(offset: 7)], for: group)
            #expect(try await world.values("t", 0) == [])
            #expect(try await world.values("t", 0, .readUncommitted) == ["a"])
            #expect(try await committed(world) == nil)
        }
        #expect(try await world.values("t", 0) == ["a"])
        #expect(try await world.values("t", 1) == ["b"])
        #expect(try await committed(world) == 7)
        await producer.close()
    }

    @Test("withTransaction aborts when its body throws, with that error, and the producer goes on")
    func aborts() async throws {
        struct Mistake: Error {}
        let world = try makeWorld()
        let producer = try await world.transactional("tx")
        await #expect(throws: Mistake.self) {
            try await producer.withTransaction { transaction in
                try await transaction.send(record("lost", partition: 0))
                try await transaction.sendOffsets([source: CommittedOffset(offset: 7)], for: group)
                throw Mistake()
            }
        }
        try await producer.withTransaction { try await $0.send(record("kept", partition: 0)) }
        #expect(try await world.values("t") == ["kept"])
        #expect(try await world.values("t", 0, .readUncommitted) == ["lost", "kept"])
        #expect(try await committed(world) == nil)
        await producer.close()
    }

    @Test("every call of a producer that was replaced fails as fenced, and nothing of it is visible")
    func zombie() async throws {
        let world = try makeWorld()
        let zombie = try await world.transactional("tx")
        try await zombie.begin()
        try await zombie.send(record("zombie", partition: 0))
        let owner = try await world.transactional("tx")
        let send = await failure { () throws(ClientError) in try await zombie.send(record("late", partition: 0)) }
        #expect(send?.isFenced == true, "\(String(describing: send))")
        // Once fenced, every later call is answered so too, at once.
        let again = await failure { () throws(ClientError) in try await zombie.send(record("late", partition: 1)) }
        #expect(again?.isFenced == true, "\(String(describing: again))")
        let offsets = await failure { () throws(ClientError) in
            try await zombie.sendOffsets([source: CommittedOffset(offset: 9)], for: group)
        }
        #expect(offsets?.isFenced == true, "\(String(describing: offsets))")
        let commit = await failure { () throws(ClientError) in try await zombie.commit() }
        #expect(commit?.isFenced == true, "\(String(describing: commit))")
        try await owner.withTransaction { try await $0.send(record("owner", partition: 0)) }
        #expect(try await world.values("t") == ["owner"])
        #expect(try await committed(world) == nil)
        await zombie.close()
        await owner.close()
    }

    @Test("a zombie's first call after it was replaced is refused, whichever it is", arguments: 0..<4)
    func zombieFirstCall(call: Int) async throws {
        let world = try makeWorld()
        let zombie = try await world.transactional("tx")
        try await zombie.begin()
        try await zombie.send(record("zombie", partition: 0))
        let owner = try await world.transactional("tx")
        let error = await failure { () throws(ClientError) in
            switch call {
            case 0: try await zombie.send(record("late", partition: 1))
            case 1: try await zombie.sendOffsets([source: CommittedOffset(offset: 9)], for: group)
            case 2: try await zombie.commit()
            default: try await zombie.abort()
            }
        }
        #expect(error?.isFenced == true, "\(String(describing: error))")
        for partition: Int32 in [0, 1] { #expect(try await world.values("t", partition) == []) }
        #expect(try await committed(world) == nil)
        await zombie.close()
        await owner.close()
    }

    @Test(
        "a prepared transaction waits over producers, and is completed by what the database says",
        arguments: [true, false]
    )
    func twoPhaseCommit(commits: Bool) async throws {
        let world = try makeWorld()
        let producer = try await world.transactional("tx", timeout: .seconds(10))
        #expect(producer.keptTransaction == nil)
        try await producer.begin()
        try await producer.enqueue(record("a", partition: 0))
        try await producer.sendOffsets([source: CommittedOffset(offset: 7)], for: group)
        let prepared = try await producer.prepare()
        let late = await failure { () throws(ClientError) in try await producer.send(record("late", partition: 0)) }
        #expect(late?.code == .invalidTransactionState, "\(String(describing: late))")
        await producer.close()
        world.time.advance(by: .seconds(100))
        world.broker.keepHouse()
        #expect(try await world.values("t") == [])

        var settings = ProducerSettings()
        settings.linger = .zero
        let next = try await TransactionalProducer(id: "tx", on: world.broker, settings: settings, keepPrepared: true)
        #expect(next.keptTransaction == prepared)
        let stored = commits ? PreparedTransaction("\(prepared)") : nil
        #expect(try await next.complete(stored) == (commits ? .committed : .aborted))
        #expect(try await world.values("t") == (commits ? ["a"] : []))
        #expect(try await committed(world) == (commits ? 7 : nil))
        try await next.withTransaction { try await $0.send(record("b", partition: 0)) }
        #expect(try await world.values("t").last == "b")
        await next.close()
    }

    @Test("a producer whose transaction timed out is fenced")
    func timedOut() async throws {
        let world = try makeWorld()
        let slow = try await world.transactional("tx", timeout: .seconds(10))
        try await slow.begin()
        try await slow.send(record("slow", partition: 0))
        world.time.advance(by: .seconds(11))
        world.broker.keepHouse()
        let commit = await failure { () throws(ClientError) in try await slow.commit() }
        #expect(commit?.isFenced == true, "\(String(describing: commit))")
        #expect(try await world.values("t") == [])
        await slow.close()
    }

    @Test("a member that the group went on without cannot commit its offsets in a transaction")
    func groupFencing() async throws {
        let world = try makeWorld()
        let old = try world.member("g", "t")
        try world.settle([old])
        let membership = try #require(old.membership)
        let new = try world.member("g", "t")
        try world.settle([old, new])
        let producer = try await world.transactional("tx")
        try await producer.begin()
        try await producer.send(record("a", partition: 0))
        let offsets = await failure { () throws(ClientError) in
            try await producer.sendOffsets([source: CommittedOffset(offset: 9)], for: membership)
        }
        #expect(offsets?.isFenced == true, "\(String(describing: offsets))")
        let commit = await failure { () throws(ClientError) in try await producer.commit() }
        #expect(commit?.requiresAbort == true, "\(String(describing: commit))")
        try await producer.abort()
        #expect(try await world.values("t") == [])
        #expect(try await committed(world) == nil)
        let current = try #require(new.membership)
        try await producer.withTransaction { transaction in
            try await transaction.sendOffsets([source: CommittedOffset(offset: 9)], for: current)
        }
        #expect(try await committed(world) == 9)
        await producer.close()
    }

    @Test("a record that was handed over and could not be stored keeps the transaction from committing")
    func enqueuedFailure() async throws {
        let world = try makeWorld()
        var settings = ProducerSettings()
        settings.maximumRequestSize = 500
        let producer = try await TransactionalProducer(id: "tx", on: world.broker, settings: settings)
        try await producer.begin()
        // Both fit by themselves; their batch, with its header, does not.
        try await producer.enqueue(record(String(repeating: "x", count: 400), partition: 0))
        try await producer.enqueue(record(String(repeating: "x", count: 400), partition: 0))
        let commit = await failure { () throws(ClientError) in try await producer.commit() }
        #expect(commit?.requiresAbort == true, "\(String(describing: commit))")
        try await producer.abort()
        #expect(try await world.values("t") == [])
        await producer.close()
    }

    @Test("after a full disk a transaction is aborted, and the same producer goes on")
    func fullDisk() async throws {
        let world = try makeWorld()
        let producer = try await world.transactional("tx")
        try await producer.begin()
        try await producer.send(record("lost", partition: 0))
        world.disk.limitSpace(toBytes: 0)
        #expect(
            await failure { () throws(ClientError) in
                try await producer.send(record("more", partition: 0))
            }?.code == .storage
        )
        #expect(await failure { () throws(ClientError) in try await producer.commit() }?.requiresAbort == true)
        #expect(await failure { () throws(ClientError) in try await producer.abort() }?.code == .storage)
        world.disk.limitSpace(toBytes: nil)
        try await producer.abort()
        try await producer.withTransaction { try await $0.send(record("kept", partition: 0)) }
        #expect(try await world.values("t") == ["kept"])
        await producer.close()
    }

    @Test("calls in the wrong order are typed errors")
    func order() async throws {
        let world = try makeWorld()
        let producer = try await world.transactional("tx")
        for error in [
            await failure { () throws(ClientError) in try await producer.commit() },
            await failure { () throws(ClientError) in try await producer.abort() },
            await failure { () throws(ClientError) in try await producer.send(record("a")) },
            await failure { () throws(ClientError) in try await producer.sendOffsets([:], for: group) },
        ] { #expect(error?.code == .invalidTransactionState) }
        try await producer.begin()
        #expect(
            await failure { () throws(ClientError) in try await producer.begin() }?.code == .invalidTransactionState
        )
        try await producer.commit()
        await producer.close()
        #expect(await failure { () throws(ClientError) in try await producer.begin() }?.code == .closed)
    }

    @Test("closing aborts what is open; so does dropping the producer")
    func close() async throws {
        let world = try makeWorld()
        let producer = try await world.transactional("tx")
        try await producer.begin()
        try await producer.send(record("open", partition: 0))
        await producer.close()
        #expect(try world.broker.partition(TopicPartition("t", 0)).log.openTransactions.isEmpty)
        #expect(try await world.values("t") == [])
    }

    @Test("a transaction open in another producer holds readers of committed data back, not those of all")
    func lastStableOffset() async throws {
        let world = try makeWorld()
        let slow = try await world.transactional("slow")
        let plain = try await world.producer()
        try await slow.begin()
        try await slow.send(record("slow", partition: 0))
        try await plain.send(record("plain", partition: 0))
        #expect(try await world.values("t") == [])
        #expect(try await world.values("t", 0, .readUncommitted) == ["slow", "plain"])
        try await slow.abort()
        #expect(try await world.values("t") == ["plain"])
        await slow.close()
        await plain.close()
    }
}
