import MillraceCoordination
import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

/// Messages of a transaction that arrive after its end, as networks deliver them: none may join, commit or abort a later
/// transaction of the same producer, or open one that nobody ends (KIP-890).
@Suite("Late messages")
struct LateMessageTests {
    /// A message of the first transaction that is still under way when its producer has gone on.
    enum Message: CaseIterable {
        /// The batch after the last one that arrived.
        case produce
        /// A batch to a partition that the first transaction has never reached, and the second one has.
        case produceElsewhere
        /// A batch to a partition that no transaction of the producer has reached.
        case produceAnywhere
        case addPartition
        case commitOffsets
        case commit
        case abort
        case prepare

        /// Delivers the message of the transaction that `producer` began.
        func deliver(to broker: EmbeddedBroker, from producer: ProducerIdentity) throws {
            switch self {
            case .produce:
                try broker.produce("late", to: left, in: "t", producer: producer, sequence: 1)
            case .produceElsewhere:
                try broker.produce("late", to: right, in: "t", producer: producer, sequence: 0)
            case .produceAnywhere:
                try broker.produce("late", to: lines, in: "t", producer: producer, sequence: 0)
            case .addPartition:
                try broker.transactions.addPartitions([lines], to: "t", producer: producer)
            case .commitOffsets:
                try broker.transactions.commitOffsets(
                    [lines: CommittedOffset(offset: 99)],
                    for: GroupMembership(groupId: "g"),
                    in: "t",
                    producer: producer
                )
            case .commit: _ = try broker.transactions.end("t", producer: producer, .commit)
            case .abort: _ = try broker.transactions.end("t", producer: producer, .abort)
            case .prepare: try broker.transactions.prepare("t", producer: producer)
            }
        }
    }

    /// How far the second transaction is when the message arrives.
    enum Moment: Int, CaseIterable {
        /// The first one is decided, and its markers are not written.
        case decided
        case ended
        case nextHasBegun
        case nextHasOffsets
        case nextHasEnded
    }

    static let left = TopicPartition("accounts", 0)
    static let right = TopicPartition("accounts", 1)
    static let lines = TopicPartition("lines", 0)

    static func open(_ world: EngineWorld) throws -> EmbeddedBroker {
        let broker = try world.open()
        try broker.createTopic("accounts", partitions: 2, configuration: [:])
        try broker.createTopic("lines", partitions: 1, configuration: [:])
        return broker
    }

    @Test(
        "nothing late reaches into a later transaction, whatever it is and whenever it comes",
        arguments: [TransactionResult.commit, .abort],
        Moment.allCases
    )
    func late(first result: TransactionResult, moment: Moment) throws {
        for message in Message.allCases {
            let world = EngineWorld()
            let broker = try Self.open(world)
            let transactions = broker.transactions
            let first = try transactions.initProducerId("t", timeout: .seconds(60))
            try broker.produce("first", to: Self.left, in: "t", producer: first, sequence: 0)
            func deliver(at now: Moment) {
                guard now == moment else { return }
                let before = try? transactions.describe("t")
                let open = broker.allTopics.flatMap(\.partitions).map(\.log.openTransactions)
                let ends = broker.allTopics.filter { !$0.isInternal }.flatMap(\.partitions).map(\.log.logEndOffset)
                var wasAccepted = false
                do {
                    try message.deliver(to: broker, from: first)
                    wasAccepted = true
                } catch {}
                // The end itself, sent again, is answered again for as long as nothing has followed it.
                let isRetry = now.rawValue <= Moment.ended.rawValue && message == (result == .commit ? .commit : .abort)
                #expect(wasAccepted == isRetry, "\(message)")
                guard now != .decided else { return }
                #expect((try? transactions.describe("t")) == before, "\(message)")
                #expect(broker.allTopics.flatMap(\.partitions).map(\.log.openTransactions) == open, "\(message)")
                let endsAfter = broker.allTopics.filter { !$0.isInternal }.flatMap(\.partitions).map(\.log.logEndOffset)
                #expect(endsAfter == ends, "\(message)")
            }

            let path = world.file(Self.left)
            if moment == .decided {
                world.disk.fail(with: .noSpace, on: .write, times: 1) { $0 == path }
            }
            let second = try transactions.end("t", producer: first, result)
            deliver(at: .decided)
            if moment == .decided { broker.keepHouse() }
            deliver(at: .ended)
            try broker.produce("second", to: Self.right, in: "t", producer: second, sequence: 0)
            try broker.produce("second", to: Self.left, in: "t", producer: second, sequence: 0)
            deliver(at: .nextHasBegun)
            try transactions.commitOffsets(
                [Self.lines: CommittedOffset(offset: 7)],
                for: GroupMembership(groupId: "g"),
                in: "t",
                producer: second
            )
            deliver(at: .nextHasOffsets)
            _ = try transactions.end("t", producer: second, .commit)
            deliver(at: .nextHasEnded)

            #expect(try broker.values(of: Self.left) == (result == .commit ? ["first", "second"] : ["second"]))
            #expect(try broker.values(of: Self.right) == ["second"], "\(message)")
            #expect(try broker.values(of: Self.lines, upTo: .logEnd) == [], "\(message)")
            #expect(broker.groups.committedOffsets(of: "g") == [Self.lines: CommittedOffset(offset: 7)], "\(message)")
            for partition in broker.allTopics.flatMap(\.partitions) {
                #expect(partition.log.openTransactions.isEmpty, "\(message) leaves one open in \(partition.id)")
            }
        }
    }

    @Test("a batch of a later transaction does not join what an earlier one has left open in a partition")
    func decidedButOpen() throws {
        let world = EngineWorld()
        let broker = try Self.open(world)
        let first = try broker.transactions.initProducerId("t", timeout: .seconds(60))
        try broker.produce("first", to: Self.left, in: "t", producer: first, sequence: 0)
        let path = world.file(Self.left)
        world.disk.fail(with: .noSpace, on: .write, times: nil) { $0 == path }
        let second = try broker.transactions.end("t", producer: first, .abort)
        #expect(throws: BrokerError.self) {
            try broker.produce("second", to: Self.left, in: "t", producer: second, sequence: 0)
        }
        world.disk.liftFaults()
        try broker.produce("second", to: Self.left, in: "t", producer: second, sequence: 0)
        _ = try broker.transactions.end("t", producer: second, .commit)
        #expect(try broker.values(of: Self.left) == ["second"])
    }

    @Test("the first batch adds its partition by itself, and is acknowledged again when it is repeated")
    func implicitAddition() throws {
        let broker = try Self.open(EngineWorld())
        let producer = try broker.transactions.initProducerId("t", timeout: .seconds(60))
        let stored = try broker.produce("a", to: Self.left, in: "t", producer: producer, sequence: 0)
        #expect(try broker.transactions.describe("t").partitions == [Self.left])
        let again = try broker.produce("a", to: Self.left, in: "t", producer: producer, sequence: 0)
        #expect(again.isDuplicate && again.baseOffset == stored.baseOffset)
        #expect(throws: BrokerError.self, "a gap") {
            try broker.produce("c", to: Self.left, in: "t", producer: producer, sequence: 2)
        }
        _ = try broker.transactions.end("t", producer: producer, .commit)
        #expect(try broker.values(of: Self.left) == ["a"])
    }

    @Test(
        "a client before version 2 has to add each partition before it writes there",
        arguments: [TransactionVersion.zero, .one]
    )
    func verification(version: TransactionVersion) throws {
        let broker = try Self.open(EngineWorld())
        let transactions = broker.transactions
        let producer = try transactions.initProducerId("t", timeout: .seconds(60))
        func refused(_ body: () throws -> Void) -> BrokerError.Code? {
            do {
                try body()
                return nil
            } catch {
                return (error as? BrokerError)?.code
            }
        }
        func produce(_ value: String, _ partition: TopicPartition, _ sequence: Int32) throws {
            try broker.produce(value, to: partition, in: "t", producer: producer, sequence: sequence, version: version)
        }
        func sendOffset() throws {
            try transactions.commitOffsets(
                [Self.lines: CommittedOffset(offset: 1)],
                for: GroupMembership(groupId: "g"),
                in: "t",
                producer: producer,
                clientVersion: version
            )
        }
        #expect(refused { try produce("early", Self.left, 0) } == .transactionAbortable)
        #expect(refused(sendOffset) == .transactionAbortable)
        try transactions.addPartitions([Self.left], to: "t", producer: producer, clientVersion: version)
        try produce("a", Self.left, 0)
        #expect(refused { try produce("elsewhere", Self.right, 0) } == .transactionAbortable)
        #expect(try transactions.end("t", producer: producer, .commit, clientVersion: version) == producer)
        #expect(refused { try produce("late", Self.left, 1) } == .transactionAbortable)
        #expect(refused(sendOffset) == .transactionAbortable)
        #expect(try broker.values(of: Self.left) == ["a"])
        #expect(try broker.partition(Self.left).log.openTransactions.isEmpty)
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
    }

    @Test("only whole transactional batches are taken for a transaction")
    func otherBatches() throws {
        let broker = try Self.open(EngineWorld())
        let producer = try broker.transactions.initProducerId("t", timeout: .seconds(60))
        let builder = RecordBatchBuilder(capacity: 64)
        _ = builder.append(key: nil, value: nil, timestamp: 0)
        let plain = try builder.seal(producer: producer, baseSequence: 0, isTransactional: false)
        let partition = try broker.partition(Self.left)
        #expect(
            code { () throws(BrokerError) in _ = try broker.transactions.append(plain, to: partition, in: "t") }
                == .invalidRequest
        )
        let half = UnsafeMutableRawBufferPointer(rebasing: plain[..<20])
        #expect(
            code { () throws(BrokerError) in _ = try broker.transactions.append(half, to: partition, in: "t") }
                == .corruptMessage
        )
        withExtendedLifetime(builder) {}
    }
}
