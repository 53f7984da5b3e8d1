import MillraceCoordination
import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

/// A broker's world in memory: a disk that can fail and lose power, and a clock that a test moves.
struct EngineWorld {
    static let directory = FilePath("/data")

    var disk = SimulatedFileSystem(seed: 7)
    let time = ManualTime()

    init() {
        // The directory's own name has been durable for long.
        try? disk.createDirectory(Self.directory)
        try? disk.synchronizeDirectory("/")
    }

    func open(_ configuration: BrokerConfiguration = BrokerConfiguration()) throws(BrokerError) -> EmbeddedBroker {
        try EmbeddedBroker(
            directory: Self.directory,
            configuration: configuration,
            fileSystem: disk,
            time: time,
            random: SeededRandom(seed: 11),
            keepsHouse: false
        )
    }

    /// The world after the process was killed: what was written is there, nothing more comes from the old broker.
    func killed() -> EngineWorld { after(.keepEverything) }

    /// The world after loss of power.
    func afterPowerLoss() -> EngineWorld { after(.loseAllUnsynced) }

    private func after(_ crash: SimulatedCrash) -> EngineWorld {
        var next = self
        next.disk = disk.crash(crash)
        return next
    }

    func file(_ partition: TopicPartition, _ name: String = "00000000000000000000.log") -> FilePath {
        Self.directory.appending(partition.description).appending(name)
    }
}

/// The code of the error that `body` throws; nil if it throws none.
func code(_ body: () throws(BrokerError) -> Void) -> BrokerError.Code? {
    failure(body)?.code
}

/// The error that `body` throws; nil if it throws none.
func failure(_ body: () throws(BrokerError) -> Void) -> BrokerError? {
    do throws(BrokerError) {
        try body()
        return nil
    } catch {
        return error
    }
}

extension EmbeddedBroker {
    /// Appends a batch of one record a value.
    @discardableResult
    func append(
        _ values: String...,
        to id: TopicPartition,
        producer: ProducerIdentity = .none,
        sequence: Int32 = -1,
        isTransactional: Bool = false
    ) throws -> AppendResult {
        let builder = batch(values)
        let bytes = try builder.seal(producer: producer, baseSequence: sequence, isTransactional: isTransactional)
        return try partition(id).append(bytes, origin: .trusted)
    }

    /// Sends a transactional batch of one record, as it arrives from a client of this version.
    @discardableResult
    func produce(
        _ value: String,
        to id: TopicPartition,
        in transactionalId: String,
        producer: ProducerIdentity,
        sequence: Int32,
        version: TransactionVersion = .two
    ) throws -> AppendResult {
        let builder = batch([value])
        return try transactions.append(
            try builder.seal(producer: producer, baseSequence: sequence, isTransactional: true),
            to: try partition(id),
            in: transactionalId,
            clientVersion: version
        )
    }

    private func batch(_ values: [String]) -> RecordBatchBuilder {
        let builder = RecordBatchBuilder(capacity: 1 << 10)
        for value in values {
            Array(value.utf8).withUnsafeBytes { bytes in
                _ = builder.append(key: nil, value: bytes, timestamp: time.milliseconds)
            }
        }
        return builder
    }

    /// The values that a reader gets from a partition's beginning on, as a consumer reads them.
    func values(of id: TopicPartition, upTo limit: ReadLimit = .lastStableOffset) throws -> [String] {
        let log = try partition(id).log
        var found: [String] = []
        var next = log.logStartOffset
        var decompressor = Decompressor()
        while true {
            var buffer = ByteWriter(capacity: 1 << 10)
            let result = try log.read(
                from: next,
                maximumBytes: 1 << 20,
                upTo: limit,
                atLeastOneBatch: true,
                into: &buffer
            )
            guard result.nextOffset > next else { return found }
            var batches = RecordBatches(buffer.bytes)
            while let batch = try batches.next() {
                let isDropped = result.abortedTransactions.contains { aborted in
                    aborted.producerId == batch.header.producer.id && batch.header.baseOffset >= aborted.firstOffset
                        && batch.header.lastOffset <= aborted.lastOffset
                }
                if isDropped || batch.header.attributes.isControl { continue }
                try batch.withRecords(&decompressor) { (bytes) throws(RecordFormatError) in
                    var cursor = RecordCursor(batch.header, records: bytes)
                    while let record = try cursor.next() {
                        if record.offset >= next, let value = record.value {
                            found.append(String(decoding: value, as: UTF8.self))
                        }
                    }
                }
            }
            next = result.nextOffset
        }
    }
}

/// A transactional producer's calls, one by one, as its connection makes them.
struct RawTransaction {
    let broker: EmbeddedBroker
    let id: String
    var producer: ProducerIdentity
    private var sequences: [TopicPartition: Int32] = [:]

    init(_ broker: EmbeddedBroker, _ id: String, timeout: Duration = .seconds(60)) throws(BrokerError) {
        self.broker = broker
        self.id = id
        producer = try broker.transactions.initProducerId(id, timeout: timeout)
    }

    mutating func send(_ value: String, to partition: TopicPartition) throws {
        try broker.transactions.addPartitions([partition], to: id, producer: producer)
        try write(value, to: partition)
    }

    /// Writes without asking the coordinator, as a zombie does that has joined before.
    mutating func write(_ value: String, to partition: TopicPartition) throws {
        let sequence = sequences[partition] ?? 0
        try broker.append(value, to: partition, producer: producer, sequence: sequence, isTransactional: true)
        sequences[partition] = sequence + 1
    }

    func sendOffset(_ offset: Int64, of partition: TopicPartition, group: GroupMembership) throws(BrokerError) {
        try broker.transactions.commitOffsets(
            [partition: CommittedOffset(offset: offset)],
            for: group,
            in: id,
            producer: producer
        )
    }

    mutating func end(_ result: TransactionResult) throws(BrokerError) {
        producer = try broker.transactions.end(id, producer: producer, result)
        sequences = [:]
    }
}
