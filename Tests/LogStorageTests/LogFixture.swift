import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage

/// A log on a simulated disk, with what tests do to it over and over.
struct LogFixture {
    static let partition = TopicPartition("orders", 0)
    static let directory = FilePath("/data/orders-0")

    var disk: SimulatedFileSystem
    var time = ManualTime()
    var configuration = LogConfiguration()

    init(disk: SimulatedFileSystem = SimulatedFileSystem(), _ change: (inout LogConfiguration) -> Void = { _ in }) {
        self.disk = disk
        change(&configuration)
        // The data directory is there, durably, before there are logs in it.
        try? disk.createDirectory(Self.directory.removingLastComponent())
        try? disk.synchronizeDirectory("/")
    }

    func open(
        clean: Bool = true,
        recoveryPoint: Int64 = 0,
        logStartOffset: Int64? = nil,
        topicId: Identifier128? = nil
    ) throws -> PartitionLog {
        try PartitionLog.open(
            directory: Self.directory,
            partition: Self.partition,
            configuration: configuration,
            fileSystem: disk,
            time: time,
            topicId: topicId,
            recoveryPoint: recoveryPoint,
            wasCleanShutdown: clean,
            logStartOffset: logStartOffset
        )
    }

    func file(_ name: String) -> FilePath { Self.directory.appending(name) }

    static func logName(_ base: Int64, _ kind: String = "log") -> String {
        let digits = String(base)
        return String(repeating: "0", count: 20 - digits.count) + digits + "." + kind
    }
}

/// A batch in the making.
struct TestBatch {
    var values: [String]
    var producer = ProducerIdentity.none
    var sequence: Int32 = -1
    var isTransactional = false
    var timestamp: Int64 = 1_700_000_000_000
    var key: String?
    var compression = Compression.none
    /// How much later each record is than the one before.
    var timestampStep: Int64 = 0

    init(_ values: String...) { self.values = values }

    init(_ values: [String]) { self.values = values }

    func from(_ id: Int64, epoch: Int16 = 0, sequence: Int32, transactional: Bool = false) -> TestBatch {
        var copy = self
        copy.producer = ProducerIdentity(id: id, epoch: epoch)
        copy.sequence = sequence
        copy.isTransactional = transactional
        return copy
    }

    func at(_ timestamp: Int64) -> TestBatch {
        var copy = self
        copy.timestamp = timestamp
        return copy
    }

    func keyed(_ key: String) -> TestBatch {
        var copy = self
        copy.key = key
        return copy
    }

    func compressed(_ compression: Compression) -> TestBatch {
        var copy = self
        copy.compression = compression
        return copy
    }

    func spread(by step: Int64) -> TestBatch {
        var copy = self
        copy.timestampStep = step
        return copy
    }

    var bytes: [UInt8] {
        get throws {
            let builder = RecordBatchBuilder(compression: compression)
            var timestamp = timestamp
            for value in values {
                withBytes(key) { key in
                    withBytes(value) { value in
                        _ = builder.append(key: key, value: value, timestamp: timestamp)
                    }
                }
                timestamp += timestampStep
            }
            let batch = try builder.seal(
                producer: producer,
                baseSequence: sequence,
                isTransactional: isTransactional
            )
            return [UInt8](batch)
        }
    }

    private func withBytes(_ text: String?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let text else { return body(nil) }
        Array(text.utf8).withUnsafeBytes { body($0) }
    }
}

extension PartitionLog {
    @discardableResult
    func append(
        _ batches: TestBatch...,
        origin: AppendOrigin = .trusted,
        leaderEpoch: Int32 = 0,
        unknownProducer: UnknownProducerPolicy = .anySequence
    ) throws -> AppendResult {
        var bytes = try batches.flatMap { try $0.bytes }
        return try bytes.withUnsafeMutableBytes { buffer in
            try append(buffer, origin: origin, leaderEpoch: leaderEpoch, unknownProducer: unknownProducer)
        }
    }

    @discardableResult
    func end(
        _ result: TransactionResult,
        _ id: Int64,
        epoch: Int16 = 0,
        coordinatorEpoch: Int32 = 0,
        version: Int = 1
    ) throws -> AppendResult {
        try appendMarker(
            EndTransactionMarker(result, coordinatorEpoch: coordinatorEpoch),
            producer: ProducerIdentity(id: id, epoch: epoch),
            transactionVersion: version,
            leaderEpoch: 0
        )
    }
}
