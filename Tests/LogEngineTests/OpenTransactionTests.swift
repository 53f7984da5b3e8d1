import MillraceCoordination
import MillraceEmbeddedClient
import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

/// What becomes of transactions that are open when the broker stops.
@Suite("Transactions that are open when the broker stops")
struct OpenTransactionTests {
    let world = EngineWorld()
    let left = LateMessageTests.left
    let right = LateMessageTests.right

    /// A transaction in this process, as an application has it.
    private func openInProcess(_ broker: EmbeddedBroker, _ id: String) throws -> any ProducerConnection {
        var settings = ProducerSettings()
        settings.transactionalId = id
        let producer = try broker.connectProducer(settings)
        try producer.initTransactions()
        try producer.beginTransaction()
        let builder = RecordBatchBuilder(capacity: 64)
        Array("open".utf8).withUnsafeBytes { _ = builder.append(key: nil, value: $0, timestamp: 0) }
        try producer.send(builder, to: left, onDelivery: nil)
        return producer
    }

    @Test("after an unclean stop no reader waits for them", arguments: [true, false])
    func unclean(losesPower: Bool) throws {
        let broker = try LateMessageTests.open(world)
        let inProcess = try openInProcess(broker, "in-process")
        let remote = try broker.transactions.initProducerId("remote", timeout: .seconds(900))
        try broker.produce("open", to: left, in: "remote", producer: remote, sequence: 0)
        try broker.partition(left).flush()
        let reopened = try (losesPower ? world.afterPowerLoss() : world.killed()).open()
        let log = try reopened.partition(left).log
        #expect(log.openTransactions.isEmpty)
        #expect(log.lastStableOffset == log.logEndOffset)
        #expect(try reopened.values(of: left) == [])
        for description in reopened.transactions.list() { #expect(description.state != .ongoing) }
        withExtendedLifetime(inProcess) {}
    }

    @Test("a close in order aborts those of this process; a client elsewhere goes on with its own")
    func clean() throws {
        let broker = try LateMessageTests.open(world)
        let inProcess = try openInProcess(broker, "in-process")
        let remote = try broker.transactions.initProducerId("remote", timeout: .seconds(60))
        try broker.produce("before", to: right, in: "remote", producer: remote, sequence: 0)
        broker.close()
        let reopened = try world.open()
        #expect(try reopened.partition(left).log.openTransactions.isEmpty)
        #expect(try reopened.partition(right).log.openTransactions.count == 1)
        try reopened.produce("after", to: right, in: "remote", producer: remote, sequence: 1)
        _ = try reopened.transactions.end("remote", producer: remote, .commit)
        #expect(try reopened.values(of: right) == ["before", "after"])
        #expect(try reopened.values(of: left) == [])
        withExtendedLifetime(inProcess) {}
    }

    @Test("a client elsewhere cannot commit what loss of power has torn; it aborts, and goes on")
    func remoteAfterPowerLoss() throws {
        // Everything that may reach the disk, or not, before the power is lost.
        for (flushesData, flushesDecisions) in [(false, false), (true, false), (false, true), (true, true)] {
            let what = "data flushed: \(flushesData), coordinator's log flushed: \(flushesDecisions)"
            let world = EngineWorld()
            let broker = try LateMessageTests.open(world)
            let first = try broker.transactions.initProducerId("t", timeout: .seconds(60))
            try broker.produce("first", to: left, in: "t", producer: first, sequence: 0)
            let second = try broker.transactions.end("t", producer: first, .commit)
            try broker.produce("second", to: left, in: "t", producer: second, sequence: 0)
            try broker.produce("second", to: right, in: "t", producer: second, sequence: 0)
            if flushesData { try broker.partition(left).flush() }
            if flushesDecisions { try broker.partition(TopicPartition(InternalTopic.transactions, 0)).flush() }

            let reopened = try world.afterPowerLoss().open()
            for partition in [left, right] {
                #expect(throws: BrokerError.self, "\(what)") {
                    try reopened.produce("third", to: partition, in: "t", producer: second, sequence: 1)
                }
            }
            #expect(
                code { () throws(BrokerError) in _ = try reopened.transactions.end("t", producer: second, .commit) }
                    == .invalidTransactionState,
                "\(what)"
            )
            let next = try reopened.transactions.end("t", producer: second, .abort)
            #expect(next.epoch > second.epoch, "\(what)")
            try reopened.produce("fourth", to: right, in: "t", producer: next, sequence: 0)
            _ = try reopened.transactions.end("t", producer: next, .commit)
            #expect(try reopened.values(of: left) == ["first"], "\(what)")
            #expect(try reopened.values(of: right) == ["fourth"], "\(what)")
        }
    }

    @Test("an older client's commit is not taken for a retry of the one before, when the power took its transaction")
    func olderClientAfterPowerLoss() throws {
        let broker = try LateMessageTests.open(world)
        let producer = try broker.transactions.initProducerId("t", timeout: .seconds(60))
        for (number, value) in ["first", "second"].enumerated() {
            try broker.transactions.addPartitions([left], to: "t", producer: producer, clientVersion: .one)
            try broker.produce(
                value,
                to: left,
                in: "t",
                producer: producer,
                sequence: Int32(number),
                version: .one
            )
            guard value == "first" else { continue }
            _ = try broker.transactions.end("t", producer: producer, .commit, clientVersion: .one)
        }
        let reopened = try world.afterPowerLoss().open()
        let refused = code { () throws(BrokerError) in
            _ = try reopened.transactions.end("t", producer: producer, .commit, clientVersion: .one)
        }
        #expect(refused == .invalidTransactionState)
        #expect(try reopened.values(of: left) == ["first"])
    }

    @Test("an owner whose transaction took too long is told so, and what to do")
    func timedOut() throws {
        let broker = try LateMessageTests.open(world)
        let slow = try broker.transactions.initProducerId("t", timeout: .seconds(10))
        try broker.produce("slow", to: left, in: "t", producer: slow, sequence: 0)
        world.time.advance(by: .seconds(11))
        broker.keepHouse()
        let commit = failure { () throws(BrokerError) in
            _ = try broker.transactions.end("t", producer: slow, .commit)
        }
        #expect(commit?.code == .producerFenced)
        #expect(commit?.message.contains("took longer than its timeout of 10000 ms") == true, "\(commit as Any)")
        #expect(throws: BrokerError.self) {
            try broker.produce("late", to: right, in: "t", producer: slow, sequence: 0)
        }
        #expect(try broker.values(of: right, upTo: .logEnd) == [])
    }
}
