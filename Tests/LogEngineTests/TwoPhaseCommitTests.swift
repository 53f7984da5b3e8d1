import Logging
import MillraceCoordination
import MillraceEmbeddedClient
import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

/// A transaction that another database decides (KIP-939), with a machine that stops at every call of the file system.
@Suite("Two-phase commit")
struct TwoPhaseCommitTests {
    static let left = LateMessageTests.left
    static let right = LateMessageTests.right
    static let lines = LateMessageTests.lines

    /// The database on the other side: it keeps what it has committed, as text, whatever happens to the log.
    final class Database {
        var storedText: String?

        var decision: PreparedTransaction? { storedText.flatMap { PreparedTransaction($0) } }
    }

    /// What survives of the disk.
    enum Survival: CaseIterable {
        case everything
        case synchronized
        case parts

        func apply(_ disk: SimulatedFileSystem, _ seed: UInt64) -> SimulatedFileSystem {
            switch self {
            case .everything: return disk.crash(.keepEverything)
            case .synchronized: return disk.crash(.loseAllUnsynced)
            case .parts:
                var random = SeededRandom(seed: seed)
                return disk.crash(using: &random)
            }
        }
    }

    /// Who comes back first after a crash, and how.
    enum Recovery: CaseIterable {
        /// The application asks the database, and completes at once.
        case atOnce
        /// The log is read, ages, and is restarted before the application comes back.
        case late
        /// The application comes back, takes its id over, and stops again before it completes.
        case twice
    }

    private static func open(_ disk: SimulatedFileSystem, _ time: ManualTime) throws -> EmbeddedBroker {
        try EmbeddedBroker(
            directory: EngineWorld.directory,
            fileSystem: disk,
            time: time,
            random: SeededRandom(seed: 3),
            logger: Logger(label: "crash") { _ in SwiftLogNoOpLogHandler() },
            keepsHouse: false
        )
    }

    private static func connect(_ broker: EmbeddedBroker) throws -> any ProducerConnection {
        var settings = ProducerSettings()
        settings.transactionalId = "t"
        settings.transactionTimeout = .seconds(10)
        return try broker.connectProducer(settings)
    }

    private static func batch(_ value: String) -> RecordBatchBuilder {
        let builder = RecordBatchBuilder(capacity: 64)
        Array(value.utf8).withUnsafeBytes { _ = builder.append(key: nil, value: $0, timestamp: 0) }
        return builder
    }

    /// A transaction over two partitions and a group's positions, up to its preparation.
    private static func prepare(_ producer: any ProducerConnection, _ value: String) throws -> PreparedTransaction {
        try producer.beginTransaction()
        try producer.send(batch(value), to: left, onDelivery: nil)
        try producer.send(batch(value), to: right, onDelivery: nil)
        try producer.sendOffsets([lines: CommittedOffset(offset: 7)], for: GroupMembership(groupId: "g"))
        return try producer.prepareTransaction()
    }

    /// One run: a transaction that the database commits, or does not. Returns the calls of the file system that it took,
    /// from the broker's opening on.
    private static func run(
        _ disk: SimulatedFileSystem,
        _ time: ManualTime,
        _ database: Database,
        commits: Bool
    ) throws -> ClosedRange<Int> {
        let broker = try open(disk, time)
        let first = disk.callCount + 1
        let producer = try connect(broker)
        _ = try producer.initTransactions(keepPrepared: true)
        let prepared = try prepare(producer, "contested")
        if commits { database.storedText = "\(prepared)" }
        let outcome = try producer.completeTransaction(database.decision)
        #expect(outcome == (commits ? .committed : .aborted))
        return first...disk.callCount
    }

    private static func recover(
        _ survivor: SimulatedFileSystem,
        _ time: ManualTime,
        _ database: Database,
        _ recovery: Recovery,
        _ what: String
    ) throws {
        var disk = survivor
        func restart() { disk = disk.crash(.loseAllUnsynced) }
        switch recovery {
        case .atOnce: break
        case .late:
            let broker = try open(disk, time)
            time.advance(by: .seconds(100_000))
            broker.keepHouse()
            #expect(try broker.values(of: left) == broker.values(of: right), "\(what): nobody sees a half")
            if database.decision == nil { #expect(try broker.values(of: left) == ["before"], "\(what)") }
            broker.close()
            restart()
        case .twice:
            let broker = try open(disk, time)
            let first = try connect(broker)
            let kept = try first.initTransactions(keepPrepared: true)
            if kept != nil {
                #expect(throws: ClientError.self, "\(what): nothing can be added") {
                    try first.send(batch("more"), to: left, onDelivery: nil)
                }
            }
            let second = try connect(broker)
            #expect(try second.initTransactions(keepPrepared: true) == kept, "\(what)")
            if kept != nil {
                let fenced = #expect(throws: ClientError.self, "\(what): the first one was replaced") {
                    _ = try first.completeTransaction(nil)
                }
                #expect(fenced?.code == .fenced, "\(what)")
            }
            restart()
        }
        let broker = try open(disk, time)
        let producer = try connect(broker)
        let kept = try producer.initTransactions(keepPrepared: true)
        if let decision = database.decision, let kept { #expect(kept == decision, "\(what)") }
        let outcome = try producer.completeTransaction(database.decision)
        switch outcome {
        case .committed: #expect(database.decision != nil, "\(what)")
        case .aborted: #expect(database.decision == nil, "\(what)")
        case .nothingToDecide: break
        }
        let expected = database.decision == nil ? ["before"] : ["before", "contested"]
        for partition in [left, right] {
            #expect(try broker.values(of: partition) == expected, "\(what): \(partition)")
            #expect(try broker.partition(partition).log.openTransactions.isEmpty, "\(what): \(partition)")
        }
        let position = broker.groups.committedOffsets(of: "g")[lines]?.offset
        #expect(position == (database.decision == nil ? nil : 7), "\(what)")

        let next = try prepare(producer, "after")
        #expect(next != database.decision, "\(what): a name is used once")
        #expect(try producer.completeTransaction(next) == .committed, "\(what)")
        #expect(try broker.values(of: left) == expected + ["after"], "\(what)")
    }

    /// A disk with the topics and something committed before.
    private static func start() throws -> SimulatedFileSystem {
        let world = EngineWorld()
        let broker = try LateMessageTests.open(world)
        for partition in [left, right] {
            try broker.append("before", to: partition)
            try broker.partition(partition).flush()
        }
        broker.close()
        return world.disk.crash(.keepEverything)
    }

    @Test(
        "log and database agree, wherever the machine stops and in whatever order they come back",
        arguments: [true, false],
        Recovery.allCases
    )
    func agreement(commits: Bool, recovery: Recovery) throws {
        let start = try Self.start()
        let calls = try Self.run(start.crash(.keepEverything), ManualTime(), Database(), commits: commits)
        #expect(calls.count > 15, "the run made few calls")
        for number in calls {
            let disk = start.crash(.keepEverything)
            disk.failAfter(calls: number)
            let time = ManualTime()
            let database = Database()
            _ = try? Self.run(disk, time, database, commits: commits)
            for survival in Survival.allCases {
                let what = "stopped at call \(number), then \(survival) survives"
                do {
                    let survivor = survival.apply(disk, UInt64(number))
                    try Self.recover(survivor, ManualTime(milliseconds: time.milliseconds), database, recovery, what)
                } catch {
                    Issue.record("\(what): \(error)")
                }
            }
        }
    }

    @Test("a prepared transaction has no time-out and outlives closes and crashes; a plain owner aborts it")
    func waiting() throws {
        let world = EngineWorld()
        var broker = try LateMessageTests.open(world)
        let prepared = try Self.prepare(try Self.initialised(broker), "waiting")
        world.time.advance(by: .seconds(1_000_000))
        broker.keepHouse()
        broker.close()
        broker = try world.open()
        let crashed = world.afterPowerLoss()
        broker = try crashed.open()
        let description = try broker.transactions.describe("t")
        #expect(description.state == .ongoing && description.isPrepared)
        #expect(description.producer == prepared.producer)
        #expect(try broker.values(of: Self.left) == [])
        _ = try Self.initialised(broker)
        #expect(try broker.partition(Self.left).log.openTransactions.isEmpty)
        #expect(try broker.values(of: Self.left) == [])
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
    }

    private static func initialised(_ broker: EmbeddedBroker) throws -> any ProducerConnection {
        let producer = try connect(broker)
        try producer.initTransactions()
        return producer
    }

    @Test("a prepared transaction takes nothing more, and is completed, committed or aborted once")
    func calls() throws {
        let broker = try LateMessageTests.open(EngineWorld())
        let producer = try Self.initialised(broker)
        func refused(_ body: () throws -> Void) -> ClientError.Code? {
            (#expect(throws: ClientError.self) { try body() })?.code
        }
        #expect(refused { _ = try producer.prepareTransaction() } == .invalidTransactionState)
        #expect(try producer.completeTransaction(nil) == .nothingToDecide)
        let prepared = try Self.prepare(producer, "a")
        #expect(
            refused { try producer.send(Self.batch("b"), to: Self.left, onDelivery: nil) } == .invalidTransactionState
        )
        #expect(refused { try producer.beginTransaction() } == .invalidTransactionState)
        #expect(refused { _ = try producer.prepareTransaction() } == .invalidTransactionState)
        #expect(try producer.completeTransaction(prepared) == .committed)
        #expect(try producer.completeTransaction(prepared) == .nothingToDecide)
        _ = try Self.prepare(producer, "c")
        try producer.commitTransaction()
        _ = try Self.prepare(producer, "d")
        try producer.abortTransaction()
        #expect(try broker.values(of: Self.left) == ["a", "c"])
    }

    @Test("closing a producer leaves its prepared transaction, and the next one decides it")
    func closing() throws {
        let broker = try LateMessageTests.open(EngineWorld())
        let producer = try Self.initialised(broker)
        let prepared = try Self.prepare(producer, "a")
        producer.close()
        let next = try Self.connect(broker)
        #expect(try next.initTransactions(keepPrepared: true) == prepared)
        try next.commitTransaction()
        #expect(try broker.values(of: Self.left) == ["a"])
    }

    @Test("an empty transaction can be prepared, too, and no later one has its name")
    func empty() throws {
        let broker = try LateMessageTests.open(EngineWorld())
        let producer = try Self.initialised(broker)
        var names: Set<PreparedTransaction> = []
        for _ in 0..<3 {
            try producer.beginTransaction()
            let prepared = try producer.prepareTransaction()
            #expect(names.insert(prepared).inserted)
            #expect(try producer.completeTransaction(prepared) == .committed)
        }
        #expect(names.insert(try Self.prepare(producer, "a")).inserted)
    }

    @Test("the name of a prepared transaction is read from its text, and from no other")
    func text() {
        let prepared = PreparedTransaction(producer: ProducerIdentity(id: 42, epoch: 7))
        #expect("\(prepared)" == "42:7")
        #expect(PreparedTransaction("42:7") == prepared)
        for text in ["", "42", "42:", ":7", "42:7:1", "-1:-1", "42:-7", "a:b", "42:40000"] {
            #expect(PreparedTransaction(text) == nil, "\(text)")
        }
    }
}
