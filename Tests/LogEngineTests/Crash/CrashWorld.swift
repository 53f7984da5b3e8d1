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
import Synchronization
import SystemPackage

/// A broker on a simulated disk, with everything that its users do written down in a history. Used by one thread.
final class CrashWorld {
    static let directory: FilePath = "/d"
    static let input = TopicPartition("input", 0)
    static let outputs = (0..<3).map { TopicPartition("output", Int32($0)) }
    static let copiers = GroupMembership(groupId: "copiers")
    static let readers = GroupMembership(groupId: "readers")

    /// Thrown by a step that finds the machine stopped, though the broker did not say so.
    struct Stopped: Error {}
    /// Thrown if the broker does what it must not do, before any crash.
    struct Broken: Error {
        var what: String
    }

    let fileSystem: SimulatedFileSystem
    let time: ManualTime
    var random: SeededRandom
    var history = CrashHistory()
    private let disk: any FileSystem
    private var opened: EmbeddedBroker?

    /// - Parameter through: what the broker sees instead of the disk itself.
    init(
        on fileSystem: SimulatedFileSystem,
        random: SeededRandom,
        time: ManualTime = ManualTime(),
        through wrap: (SimulatedFileSystem) -> any FileSystem = { $0 }
    ) {
        self.fileSystem = fileSystem
        self.random = random
        self.time = time
        disk = wrap(fileSystem)
    }

    deinit {
        opened?.close()
    }

    var broker: EmbeddedBroker {
        get throws {
            guard let opened else { throw Broken(what: "no broker is open") }
            return opened
        }
    }

    func open() throws {
        history.step = "open"
        var configuration = BrokerConfiguration()
        configuration.topicDefaults = ["segment.bytes": "1000", "index.interval.bytes": "300"]
        opened = try EmbeddedBroker(
            directory: Self.directory,
            configuration: configuration,
            fileSystem: disk,
            time: time,
            random: SeededRandom(seed: random.next()),
            logger: Logger(label: "crash") { _ in SwiftLogNoOpLogHandler() },
            keepsHouse: false
        )
    }

    func close() throws {
        history.step = "close"
        opened?.close()
        opened = nil
        try stopIfCrashed()
    }

    /// What swallows errors, as a background thread does, goes unnoticed otherwise.
    func stopIfCrashed() throws {
        if fileSystem.isCrashed { throw Stopped() }
    }

    func createTopic(_ name: String, partitions: Int32) throws {
        history.step = "create topic \(name)"
        try broker.createTopic(name, partitions: partitions, configuration: [:])
        history.topics.insert(name)
    }

    /// Lets a log of the broker's own have small segments, too.
    func shrinkSegments(of topic: String) throws {
        history.step = "alter topic \(topic)"
        try broker.alterTopic(topic, ["segment.bytes": "900"])
    }

    func keepHouse(after duration: Duration) throws {
        history.step = "keep house after \(duration)"
        time.advance(by: duration)
        try broker.keepHouse()
        try stopIfCrashed()
    }

    /// Lets the cleaner make a round, as its thread does now and then.
    func clean() throws {
        history.step = "clean logs"
        try broker.cleanLogs()
        try stopIfCrashed()
    }

    // Producers without transactions

    /// A plain producer's records: sent, then flushed.
    func sendPlain(_ count: Int, to partition: TopicPartition) throws {
        history.step = "send \(count) plain records to \(partition)"
        var settings = ProducerSettings()
        settings.isIdempotent = false
        let producer = try broker.connectProducer(settings)
        defer { producer.close() }
        let values = (0..<count).map { _ in history.send(to: partition, by: "plain", padding: padding()) }
        let receipt = Mutex<Int64?>(nil)
        try producer.send(batch(values), to: partition) { result in
            receipt.withLock { $0 = try? result.get().baseOffset }
        }
        try producer.flush()
        guard let offset = receipt.withLock({ $0 }) else { throw Broken(what: "a flush returned before the delivery") }
        history.promise(.durable, for: values, from: offset)
    }

    /// A batch of the idempotent producer, which lives outside of the broker's process: it numbers its batches itself,
    /// and can send them again. `repeats`: as if the first answer had been lost.
    func sendIdempotent(_ count: Int, to partition: TopicPartition, repeats: Bool = false) throws {
        history.step = "send \(count) idempotent records to \(partition)"
        if history.idempotent == .none {
            history.idempotent = try broker.transactions.newProducerId()
            history.producerIds.insert(history.idempotent.id)
        }
        // What got no answer is sent again, before anything else.
        if let last = history.lastIdempotent[partition], last.baseOffset == nil {
            try sendLastIdempotent(to: partition)
        }
        let values = (0..<count).map { _ in history.send(to: partition, by: "idempotent", padding: padding()) }
        let last = history.lastIdempotent[partition]
        let first = last.map { $0.firstSequence + Int32($0.values.count) } ?? 0
        history.lastIdempotent[partition] = CrashHistory.IdempotentBatch(values: values, firstSequence: first)
        try sendLastIdempotent(to: partition)
        if repeats {
            let before = history.lastIdempotent[partition]?.baseOffset
            let isDuplicate = try sendLastIdempotent(to: partition)
            let after = history.lastIdempotent[partition]?.baseOffset
            guard isDuplicate, before == after else { throw Broken(what: "a repeated batch was stored again") }
        }
    }

    /// Sends the last batch (once more) and returns whether the broker knew it.
    @discardableResult
    func sendLastIdempotent(to partition: TopicPartition) throws -> Bool {
        guard let last = history.lastIdempotent[partition] else { return true }
        let builder = batch(last.values)
        let bytes = try builder.seal(
            producer: history.idempotent,
            baseSequence: last.firstSequence,
            isTransactional: false
        )
        let found = try broker.partition(partition)
        let result = try found.append(bytes, origin: .client)
        history.promise(.written, for: last.values, from: result.baseOffset)
        try found.flush(upTo: result.lastOffset + 1)
        history.promise(.durable, for: last.values, from: result.baseOffset)
        history.lastIdempotent[partition]?.baseOffset = result.baseOffset
        return result.isDuplicate
    }

    // Transactions

    /// A connected owner of a transactional id.
    final class Owner {
        let id: String
        let connection: any ProducerConnection
        var transaction = -1
        var isInTransaction = false
        /// When the transaction began, on the wall clock.
        var beganMs: Int64 = 0

        init(id: String, connection: any ProducerConnection) {
            self.id = id
            self.connection = connection
        }
    }

    func takeOver(_ id: String, timeout: Duration = .seconds(600)) throws -> Owner {
        history.step = "take \(id) over"
        var settings = ProducerSettings()
        settings.transactionalId = id
        settings.transactionTimeout = timeout
        let owner = Owner(id: id, connection: try broker.connectProducer(settings))
        try owner.connection.initTransactions()
        if let before = history.identities[id] {
            history.fenced.append(CrashHistory.FencedOwner(transactionalId: id, producer: before))
        }
        try noteIdentity(of: id)
        return owner
    }

    private func noteIdentity(of id: String) throws {
        history.noteIdentity(try broker.transactions.describe(id).producer, of: id)
    }

    func begin(_ owner: Owner) throws {
        history.step = "begin transaction \(history.transactions.count) of \(owner.id)"
        try owner.connection.beginTransaction()
        owner.transaction = history.transactions.count
        owner.isInTransaction = true
        owner.beganMs = time.milliseconds
        history.transactions.append(CrashHistory.Transaction(transactionalId: owner.id))
    }

    func send(_ count: Int, to partition: TopicPartition, by owner: Owner) throws {
        history.step = "send \(count) records of transaction \(owner.transaction) to \(partition)"
        let values = (0..<count).map { _ in
            history.send(to: partition, in: owner.transaction, padding: padding())
        }
        let receipt = Mutex<Int64?>(nil)
        try owner.connection.send(batch(values), to: partition) { result in
            receipt.withLock { $0 = try? result.get().baseOffset }
        }
        if let offset = receipt.withLock({ $0 }) { history.promise(.written, for: values, from: offset) }
    }

    func sendOffsets(_ position: Int64, by owner: Owner) throws {
        history.step = "send position \(position) of transaction \(owner.transaction)"
        history.transactions[owner.transaction].position = position
        try owner.connection.sendOffsets([Self.input: CommittedOffset(offset: position)], for: Self.copiers)
    }

    func commit(_ owner: Owner) throws {
        history.step = "commit transaction \(owner.transaction)"
        let before = history.transactions[owner.transaction].fate
        history.transactions[owner.transaction].fate = .inDoubt
        do throws(ClientError) {
            try owner.connection.commitTransaction()
        } catch {
            let isRefused = [.fenced, .invalidTransactionState, .transactionAborted].contains(error.code)
            if isRefused { history.transactions[owner.transaction].fate = before }
            throw error
        }
        owner.isInTransaction = false
        history.transactions[owner.transaction].fate = .committed
        try noteIdentity(of: owner.id)
        try stopIfCrashed()
    }

    func abort(_ owner: Owner) throws {
        history.step = "abort transaction \(owner.transaction)"
        try owner.connection.abortTransaction()
        owner.isInTransaction = false
        try noteIdentity(of: owner.id)
        try stopIfCrashed()
    }

    /// One round of a consume-transform-produce loop, up to the commit: a record for each output, and the position.
    func copy(_ count: Int, by owner: Owner, to outputs: [TopicPartition] = outputs) throws {
        try begin(owner)
        history.step = "read input for transaction \(owner.transaction)"
        var settings = ConsumerSettings()
        settings.groupId = Self.copiers.groupId
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        try consumer.assign([Self.input])
        let start = try consumer.position(of: Self.input)
        for output in outputs { try send(count, to: output, by: owner) }
        try sendOffsets(
            min(start + Int64(count), try consumer.endOffsets(of: [Self.input])[Self.input] ?? 0),
            by: owner
        )
    }

    // Readers

    /// A reader of committed data looks at the outputs: what it sees can never be taken back.
    func observe() throws {
        history.step = "read the outputs"
        let view = try LogView(of: broker, .readCommitted)
        for output in Self.outputs {
            for found in view.records[output] ?? [] {
                guard let transaction = history.records[found.value]?.transaction else { continue }
                history.transactions[transaction].wasSeen = true
            }
        }
    }

    func commitPosition(_ position: Int64) throws {
        history.step = "commit position \(position)"
        var settings = ConsumerSettings()
        settings.groupId = Self.readers.groupId
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        history.positionInDoubt = position
        try consumer.commit([Self.input: CommittedOffset(offset: position)])
        history.position = position
    }

    // Batches

    private func padding() -> Int { Int.random(in: 0..<60, using: &random) }

    private func batch(_ values: [String]) -> RecordBatchBuilder {
        let builder = RecordBatchBuilder(capacity: 1 << 10)
        for value in values {
            let bytes = [UInt8](value.utf8)
            _ = bytes.withUnsafeBytes { bytes in
                builder.append(key: nil, value: bytes, timestamp: time.milliseconds)
            }
        }
        return builder
    }
}
