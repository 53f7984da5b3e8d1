import MillraceCoordination
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import Testing

/// What kafka-transactions does, on an embedded broker.
@Suite("Administration of transactions", .timeLimit(.minutes(1)))
struct TransactionAdministrationTests {
    let world = EngineWorld()
    let left = LateMessageTests.left
    let right = LateMessageTests.right

    private func failure(_ body: () async throws(ClientError) -> Void) async -> ClientError? {
        do throws(ClientError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    @Test("listing and describing show state, owner, age and partitions, and filters select")
    func views() async throws {
        let broker = try LateMessageTests.open(world)
        let admin = try Admin(on: broker)
        let idle = try RawTransaction(broker, "idle")
        var old = try RawTransaction(broker, "old", timeout: .seconds(900))
        try old.send("a", to: left)
        try old.send("a", to: right)
        let startMs = world.time.milliseconds
        world.time.advance(by: .seconds(100))
        var young = try RawTransaction(broker, "young")
        try young.send("b", to: left)

        #expect(try await admin.listTransactions().map(\.transactionalId) == ["idle", "old", "young"])
        let ongoing = try await admin.listTransactions(TransactionFilter(states: [.ongoing]))
        #expect(ongoing.map(\.transactionalId) == ["old", "young"])
        let ofIdle = try await admin.listTransactions(TransactionFilter(producerIds: [idle.producer.id]))
        #expect(ofIdle.map(\.transactionalId) == ["idle"])
        let long = try await admin.listTransactions(TransactionFilter(runningLongerThan: .seconds(99)))
        #expect(long.map(\.transactionalId) == ["old"])
        #expect(try await admin.listTransactions(TransactionFilter(runningLongerThan: .seconds(100))).isEmpty)

        let described = try await admin.describeTransactions(["old", "idle"])
        #expect(
            described.first
                == MillraceLogClient.TransactionDescription(
                    transactionalId: "old",
                    state: .ongoing,
                    producer: old.producer,
                    timeout: .seconds(900),
                    isPrepared: false,
                    startMs: startMs,
                    partitions: [left, right]
                )
        )
        #expect(described.last?.state == .empty)
        #expect(described.last?.startMs == nil)
        let unknown = await failure { () throws(ClientError) in _ = try await admin.describeTransactions(["nobody"]) }
        #expect(unknown?.code == .unknownTransactionalId)
    }

    @Test("a hanging transaction is found when no time-out explains it, and aborting it frees its readers, for good")
    func hanging() async throws {
        let broker = try LateMessageTests.open(world)
        let admin = try Admin(on: broker)
        var known = try RawTransaction(broker, "known", timeout: .seconds(900))
        try known.send("known", to: right)
        // Written behind the coordinator's back, as a late batch of an older client was before KIP-890.
        let stray = ProducerIdentity(id: 4_711, epoch: 3)
        try broker.append("stray", to: left, producer: stray, sequence: 0, isTransactional: true)
        try broker.append("plain", to: left)
        #expect(try await admin.findHangingTransactions().isEmpty, "it may be young")
        #expect(try await admin.findHangingTransactions(olderThan: .zero).map(\.producer) == [stray])
        let writtenMs = world.time.milliseconds
        world.time.advance(by: .seconds(1_200))
        let found = try await admin.findHangingTransactions(in: "accounts")
        #expect(
            found == [
                HangingTransaction(
                    partition: left,
                    producer: stray,
                    firstOffset: 0,
                    lastWriteMs: writtenMs,
                    coordinatorEpoch: -1
                )
            ]
        )
        #expect(try await admin.findHangingTransactions(in: "lines").isEmpty)
        #expect(try broker.values(of: left) == [])
        try await admin.abort(try #require(found.first))
        #expect(try broker.values(of: left) == ["plain"])
        #expect(try await admin.findHangingTransactions().isEmpty)
        #expect(try world.afterPowerLoss().open().values(of: left) == ["plain"])
    }

    @Test("a transaction that its coordinator knows is not aborted in one partition; the answer says what to do")
    func notHanging() async throws {
        let broker = try LateMessageTests.open(world)
        let admin = try Admin(on: broker)
        var known = try RawTransaction(broker, "known")
        try known.send("a", to: left)
        let refused = await failure { () throws(ClientError) in
            try await admin.abortTransaction(.startingAt(0), in: left)
        }
        #expect(refused?.code == .invalidTransactionState)
        #expect(refused?.message.contains("known") == true, "\(refused as Any)")
        let missing = await failure { () throws(ClientError) in
            try await admin.abortTransaction(.startingAt(5), in: left)
        }
        #expect(missing?.message.contains("\(known.producer) from offset 0") == true, "\(missing as Any)")
        try known.end(.commit)
        #expect(try broker.values(of: left) == ["a"])
    }

    @Test("a terminated transaction is aborted in all of its partitions, and its owner is fenced")
    func terminated() async throws {
        let broker = try LateMessageTests.open(world)
        let admin = try Admin(on: broker)
        var owner = try RawTransaction(broker, "t")
        try owner.send("a", to: left)
        try owner.send("a", to: right)
        try broker.transactions.prepare("t", producer: owner.producer)
        try await admin.forceTerminateTransaction("t")
        #expect(try await admin.listTransactions(TransactionFilter(states: [.ongoing])).isEmpty)
        for partition in [left, right] {
            #expect(try broker.partition(partition).log.openTransactions.isEmpty)
            #expect(try broker.values(of: partition) == [])
        }
        #expect(code { () throws(BrokerError) in try owner.end(.commit) } == .producerFenced)
        let unknown = await failure { () throws(ClientError) in try await admin.forceTerminateTransaction("nobody") }
        #expect(unknown?.code == .unknownTransactionalId)
    }

    @Test("housekeeping forgets transactional ids that nobody uses, and none with a transaction")
    func expiry() async throws {
        var configuration = BrokerConfiguration()
        configuration.transactionalIdExpiration = .seconds(3_600)
        let broker = try world.open(configuration)
        try broker.createTopic("accounts", partitions: 2, configuration: [:])
        let admin = try Admin(on: broker)
        _ = try RawTransaction(broker, "unused")
        var busy = try RawTransaction(broker, "busy")
        try busy.send("a", to: left)
        try broker.transactions.prepare("busy", producer: busy.producer)
        world.time.advance(by: .seconds(3_599))
        broker.keepHouse()
        #expect(try await admin.listTransactions().count == 2)
        world.time.advance(by: .seconds(3_600))
        broker.keepHouse()
        #expect(try await admin.listTransactions().map(\.transactionalId) == ["busy"])
        let reopened = try world.killed().open(configuration)
        #expect(reopened.transactions.list().map(\.transactionalId) == ["busy"], "the tombstone outlives a restart")
    }
}
