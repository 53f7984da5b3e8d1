import MillraceCoordination
import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("Transactions of the embedded broker")
struct TransactionTests {
    let world = EngineWorld()
    let left = TopicPartition("accounts", 0)
    let right = TopicPartition("accounts", 1)
    let source = TopicPartition("lines", 0)
    let group = GroupMembership(groupId: "g")

    private func open() throws -> EmbeddedBroker {
        let broker = try world.open()
        try broker.createTopic("accounts", partitions: 2, configuration: [:])
        try broker.createTopic("lines", partitions: 1, configuration: [:])
        return broker
    }

    @Test("a commit makes records of several partitions and positions visible, not before")
    func commit() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("-10", to: left)
        try transaction.send("+10", to: right)
        try transaction.sendOffset(3, of: source, group: group)
        for partition in [left, right] {
            #expect(try broker.values(of: partition) == [])
            #expect(try broker.values(of: partition, upTo: .highWatermark).count == 1)
            #expect(try broker.partition(partition).log.lastStableOffset == 0)
        }
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        #expect(broker.groups.fetchOffsets(of: "g", [source], requiresStable: true)[source] == .unstable)
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["-10"])
        #expect(try broker.values(of: right) == ["+10"])
        #expect(broker.groups.committedOffsets(of: "g")[source]?.offset == 3)
        #expect(try broker.partition(left).log.lastStableOffset == 2)
    }

    @Test("what was aborted is never visible to readers of committed data, its positions neither")
    func abort() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("lost", to: left)
        try transaction.sendOffset(3, of: source, group: group)
        try transaction.end(.abort)
        try transaction.send("kept", to: left)
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["kept"])
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        let reopened = try world.killed().open()
        #expect(try reopened.values(of: left) == ["kept"])
        #expect(reopened.groups.committedOffsets(of: "g").isEmpty)
    }

    @Test("the last stable offset waits for the earliest open transaction, and other data behind it wait too")
    func lastStableOffset() throws {
        let broker = try open()
        var slow = try RawTransaction(broker, "slow")
        var fast = try RawTransaction(broker, "fast")
        try broker.append("plain", to: left)
        try slow.send("slow", to: left)
        try fast.send("fast", to: left)
        try fast.end(.commit)
        #expect(try broker.values(of: left) == ["plain"])
        try slow.end(.abort)
        #expect(try broker.values(of: left) == ["plain", "fast"])
    }

    @Test("every transaction raises the epoch, and every new owner too")
    func epochs() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        var last = transaction.producer
        for result in [TransactionResult.commit, .abort, .commit] {
            try transaction.send("x", to: left)
            try transaction.end(result)
            #expect(transaction.producer == ProducerIdentity(id: last.id, epoch: last.epoch + 1))
            last = transaction.producer
        }
        let next = try RawTransaction(broker, "t")
        #expect(next.producer.id == last.id)
        #expect(next.producer.epoch > last.epoch)
    }

    @Test("a new owner aborts what was left open, and the zombie can do nothing more")
    func zombie() throws {
        let broker = try open()
        var zombie = try RawTransaction(broker, "t")
        try zombie.send("zombie", to: left)
        var owner = try RawTransaction(broker, "t")
        let refused: Set<BrokerError.Code?> = [.producerFenced, .invalidProducerEpoch]
        #expect(
            refused.contains(
                code { () throws(BrokerError) in
                    try broker.transactions.addPartitions([right], to: "t", producer: zombie.producer)
                }
            )
        )
        #expect(
            refused.contains(
                code { () throws(BrokerError) in
                    try zombie.sendOffset(9, of: source, group: group)
                }
            )
        )
        #expect(refused.contains(code { () throws(BrokerError) in try zombie.end(.commit) }))
        #expect(refused.contains(code { () throws(BrokerError) in try zombie.end(.abort) }))
        #expect(throws: BrokerError.self, "the partition itself refuses a late batch") {
            try zombie.write("late", to: left)
        }
        try owner.send("owner", to: left)
        try owner.end(.commit)
        #expect(try broker.values(of: left) == ["owner"])
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
    }

    @Test("the coordinator aborts a transaction after its time-out and fences its owner; the id can be taken over")
    func timeout() throws {
        let broker = try open()
        var slow = try RawTransaction(broker, "t", timeout: .seconds(10))
        try slow.send("slow", to: left)
        world.time.advance(by: .seconds(10))
        broker.keepHouse()
        #expect(try broker.partition(left).log.lastStableOffset == 0, "it is allowed to take exactly as long")
        world.time.advance(by: .milliseconds(1))
        broker.keepHouse()
        #expect(try broker.partition(left).log.lastStableOffset == 2)
        #expect(code { () throws(BrokerError) in try slow.end(.commit) } == .producerFenced)
        #expect(throws: BrokerError.self) { try slow.write("late", to: left) }
        var owner = try RawTransaction(broker, "t")
        try owner.send("owner", to: left)
        try owner.end(.commit)
        #expect(try broker.values(of: left) == ["owner"])
    }

    @Test("a transaction may not ask for more time than the broker allows")
    func timeoutMaximum() throws {
        let broker = try open()
        let limit = broker.configuration.maximumTransactionTimeout
        #expect(
            code { () throws(BrokerError) in
                _ = try broker.transactions.initProducerId("t", timeout: limit + .milliseconds(1))
            }?.rawValue == CoordinatorErrorCode.invalidTransactionTimeout.rawValue
        )
        _ = try broker.transactions.initProducerId("t", timeout: limit)
    }

    @Test("when the epochs are used up, the transaction ends well and the next one has another producer id")
    func exhaustion() throws {
        let old = try open()
        let first = try RawTransaction(old, "t").producer.id
        try writeState(
            TransactionMetadata(
                producer: ProducerIdentity(id: first, epoch: TransactionMetadata.ownerEpochMaximum - 1),
                timeoutMs: 60_000,
                state: .completeCommit,
                lastUpdateMs: world.time.milliseconds,
                clientVersion: .two
            ),
            of: "t",
            in: old
        )
        let world = world.killed()
        let broker = try world.open()
        var transaction = try RawTransaction(broker, "t")
        #expect(transaction.producer == ProducerIdentity(id: first, epoch: TransactionMetadata.ownerEpochMaximum))
        try transaction.send("last epoch", to: left)
        try transaction.end(.commit)
        #expect(transaction.producer.id != first)
        #expect(transaction.producer.epoch == 0)
        try transaction.send("new id", to: left)
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["last epoch", "new id"])
        let reopened = try world.killed().open()
        #expect(try RawTransaction(reopened, "t").producer.id == transaction.producer.id)
    }

    /// Writes a record of the coordinator behind its back; it counts from the next start on.
    private func writeState(_ metadata: TransactionMetadata, of id: String, in broker: EmbeddedBroker) throws {
        let record = TransactionRecord(transactionalId: id, metadata: metadata)
        var key = ByteWriter(capacity: 64)
        var value = ByteWriter(capacity: 64)
        record.encodeKey(into: &key)
        _ = record.encodeValue(into: &value)
        let builder = RecordBatchBuilder()
        builder.append(key: key.bytes, value: value.bytes, timestamp: metadata.lastUpdateMs)
        let log = try broker.partition(TopicPartition(InternalTopic.transactions, 0))
        _ = try log.append(try builder.seal(), origin: .coordinator)
    }

    @Test("a producer id is never given twice, over restarts and power loss")
    func producerIds() throws {
        var world = world
        var given: Set<Int64> = []
        for round in 0..<6 {
            let broker = try world.open()
            for _ in 0..<3 { #expect(given.insert(try broker.transactions.newProducerId().id).inserted) }
            #expect(given.insert(try RawTransaction(broker, "t\(round)").producer.id).inserted)
            switch round % 3 {
            case 0: broker.close()
            case 1: world = world.killed()
            default: world = world.afterPowerLoss()
            }
        }
    }

    @Test("a commit that was acknowledged survives power loss, with all of its partitions and positions")
    func durable() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("-10", to: left)
        try transaction.send("+10", to: right)
        try transaction.sendOffset(3, of: source, group: group)
        try transaction.end(.commit)
        let reopened = try world.afterPowerLoss().open()
        #expect(try reopened.values(of: left) == ["-10"])
        #expect(try reopened.values(of: right) == ["+10"])
        #expect(reopened.groups.committedOffsets(of: "g")[source]?.offset == 3)
    }

    @Test("what the positions of a commit have passed survives power loss with them, although nobody waited for it")
    func passedRecords() throws {
        let broker = try open()
        try broker.append("a", "b", to: source)
        #expect(world.disk.durableBytes(of: world.file(source)) == [])
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("+10", to: right)
        try transaction.sendOffset(2, of: source, group: group)
        try transaction.end(.commit)
        let reopened = try world.afterPowerLoss().open()
        #expect(reopened.groups.committedOffsets(of: "g")[source]?.offset == 2)
        #expect(try reopened.values(of: source) == ["a", "b"])
    }

    @Test("a commit whose markers cannot be written is finished by housekeeping")
    func markersLater() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("-10", to: left)
        try transaction.send("+10", to: right)
        let path = world.file(right)
        world.disk.fail(with: .noSpace, on: .write, times: nil) { $0 == path }
        try transaction.end(.commit)
        #expect(try broker.values(of: right) == [])
        broker.keepHouse()
        #expect(try broker.values(of: right) == [])
        world.disk.liftFaults()
        broker.keepHouse()
        #expect(try broker.values(of: left) == ["-10"])
        #expect(try broker.values(of: right) == ["+10"])
    }

    @Test("a commit whose markers cannot be written is finished by the next transaction, once there is room")
    func markersWithNextTransaction() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("a", to: left)
        let path = world.file(left)
        world.disk.fail(with: .noSpace, on: .write, times: nil) { $0 == path }
        try transaction.end(.commit)
        #expect(
            code { () throws(BrokerError) in
                try broker.transactions.addPartitions([right], to: "t", producer: transaction.producer)
            } == .storageError,
            "the reason, not just that something is unfinished"
        )
        world.disk.liftFaults()
        try transaction.send("b", to: left)
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["a", "b"])
    }

    @Test("one transaction whose markers cannot be written does not keep others from being finished")
    func markersOfOthers() throws {
        let broker = try open()
        var stuck = try RawTransaction(broker, "a")
        var other = try RawTransaction(broker, "b")
        try stuck.send("stuck", to: left)
        try other.send("other", to: right)
        let paths = [world.file(left), world.file(right)]
        world.disk.fail(with: .noSpace, on: .write, times: nil) { paths.contains($0) }
        try stuck.end(.commit)
        try other.end(.commit)
        world.disk.liftFaults()
        world.disk.fail(with: .noSpace, on: .write, times: nil) { $0 == paths[0] }
        broker.keepHouse()
        #expect(try broker.values(of: right) == ["other"])
        #expect(try broker.values(of: left) == [])
    }

    @Test("decided transactions are finished by the next start", arguments: [TransactionResult.commit, .abort])
    func finishedAtStart(result: TransactionResult) throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("-10", to: left)
        try transaction.send("+10", to: right)
        let paths = [world.file(left), world.file(right)]
        world.disk.fail(with: .noSpace, on: .write, times: nil) { paths.contains($0) }
        try transaction.end(result)
        let reopened = try world.killed().open()
        #expect(try reopened.values(of: left) == (result == .commit ? ["-10"] : []))
        #expect(try reopened.values(of: right) == (result == .commit ? ["+10"] : []))
        #expect(try reopened.partition(left).log.openTransactions.isEmpty)
    }

    @Test("a commit whose decision could not be made durable is seen by no reader, then or later")
    func undurableDecision() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("-10", to: left)
        let log = world.file(TopicPartition(InternalTopic.transactions, 0))
        world.disk.fail(with: .inputOutput(5), on: .synchronize) { $0 == log }
        #expect(code { () throws(BrokerError) in try transaction.end(.commit) } == .storageError)
        broker.keepHouse()
        #expect(try broker.values(of: left) == [])
        #expect(try world.afterPowerLoss().open().values(of: left) == [])
    }

    @Test("a full disk fails the commit; when there is room the producer aborts and goes on")
    func fullDisk() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("lost", to: left)
        world.disk.limitSpace(toBytes: 0)
        #expect(throws: BrokerError.self) { try transaction.write("more", to: left) }
        #expect(code { () throws(BrokerError) in try transaction.end(.abort) } == .storageError)
        #expect(try broker.values(of: left) == [], "what is there is still served")
        world.disk.limitSpace(toBytes: nil)
        try transaction.end(.abort)
        try transaction.send("kept", to: left)
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["kept"])
    }

    @Test("an answer that was lost can be asked for again")
    func retry() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("a", to: left)
        let before = transaction.producer
        try transaction.end(.commit)
        #expect(try broker.transactions.end("t", producer: before, .commit) == transaction.producer)
        #expect(try broker.values(of: left, upTo: .highWatermark) == ["a"])
    }

    @Test("a transaction survives the deletion of a topic that it wrote to")
    func deletedTopic() throws {
        let broker = try open()
        var transaction = try RawTransaction(broker, "t")
        try transaction.send("gone", to: source)
        try transaction.send("kept", to: left)
        try broker.deleteTopic("lines")
        try transaction.end(.commit)
        #expect(try broker.values(of: left) == ["kept"])
    }
}
