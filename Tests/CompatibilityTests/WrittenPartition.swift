import Foundation
import KafkaFixtures
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage

/// A partition that is written to a real directory, and what should be found in it.
struct WrittenPartition {
    let folder: TemporaryFolder
    /// The records and batches in the files, markers included.
    private(set) var records: [KafkaObservation.Record] = []
    private(set) var batches: [KafkaObservation.Batch] = []

    private let log: PartitionLog
    private let configuration: LogConfiguration
    private let time = ManualTime()
    private var random = SeededRandom(seed: 11)
    private var sequences: [ProducerIdentity: Int32] = [:]

    private static let leaderEpoch: Int32 = 3
    private static let transactional = ProducerIdentity(id: 70, epoch: 2)

    init(_ change: (inout LogConfiguration) -> Void = { _ in }) throws {
        folder = try TemporaryFolder()
        var configuration = LogConfiguration()
        configuration.segmentBytes = 50_000
        change(&configuration)
        self.configuration = configuration
        log = try PartitionLog.open(
            directory: FilePath(folder.url.path),
            partition: TopicPartition("written", 0),
            configuration: configuration,
            fileSystem: LocalFileSystem(),
            time: time,
            topicId: nil,
            recoveryPoint: 0,
            wasCleanShutdown: true,
            logStartOffset: nil
        )
    }

    func close() throws {
        try log.close(clean: true)
    }

    /// Writes a batch of a plain producer, one of an idempotent producer, one of a transaction that commits and one of a
    /// transaction that aborts.
    mutating func write(_ compression: Compression, count: Int, valueSize: Int = 20) throws {
        try append(compression, count, valueSize, .none)
        try append(compression, count, valueSize, ProducerIdentity(id: 4, epoch: 0))
        for result in [TransactionResult.commit, .abort] {
            try append(compression, count, valueSize, Self.transactional, isTransactional: true)
            try end(result)
        }
    }

    private mutating func append(
        _ compression: Compression,
        _ count: Int,
        _ valueSize: Int,
        _ producer: ProducerIdentity,
        isTransactional: Bool = false
    ) throws {
        time.advance(by: .milliseconds(7))
        let builder = RecordBatchBuilder(capacity: 1 << 20, compression: compression)
        let sequence = producer == .none ? -1 : sequences[producer] ?? 0
        var written: [KafkaObservation.Record] = []
        for index in 0..<count {
            let own = sequence < 0 ? -1 : sequence + Int32(index)
            written.append(record(log.logEndOffset + Int64(index), valueSize, producer, own))
        }
        for record in written { builder.append(record) }
        if producer != .none { sequences[producer] = sequence + Int32(count) }
        let now = time.milliseconds
        try withExtendedLifetime(builder) {
            let bytes = try builder.seal(
                producer: producer,
                baseSequence: sequence,
                isTransactional: isTransactional
            )
            _ = try log.append(bytes, origin: .client, leaderEpoch: Self.leaderEpoch)
        }
        if configuration.timestampType == .logAppendTime {
            for index in written.indices { written[index].timestamp = now }
        }
        let stored = configuration.compressionType ?? compression.codec
        batches.append(try batch(of: written, stored, isTransactional: isTransactional))
        records += written
    }

    /// Keys and values that are null, empty and long; headers with and without a value.
    private mutating func record(
        _ offset: Int64,
        _ valueSize: Int,
        _ producer: ProducerIdentity,
        _ sequence: Int32
    ) -> KafkaObservation.Record {
        let words = ["räksmörgås", "日本語", "plain", ""]
        var value = ""
        let size = Int.random(in: 0...valueSize, using: &random)
        while value.utf8.count < size {
            value += (words.randomElement(using: &random) ?? "") + String(UInt16.random(in: 0 ... .max, using: &random))
        }
        let headerCount = Int.random(in: 0...2, using: &random)
        let headers = (0..<headerCount).map { number -> [String?] in
            ["name \(number)", [nil, "", "välue"].randomElement(using: &random) ?? nil]
        }
        return KafkaObservation.Record(
            offset: offset,
            timestamp: time.milliseconds - Int64.random(in: 0...5_000, using: &random),
            key: [nil, "", "key \(offset % 7)"].randomElement(using: &random) ?? nil,
            value: offset % 5 == 0 ? nil : value,
            headers: headers,
            producerId: producer.id,
            producerEpoch: producer.epoch,
            sequence: sequence
        )
    }

    private func batch(
        of records: [KafkaObservation.Record],
        _ codec: CompressionCodec,
        isTransactional: Bool
    ) throws -> KafkaObservation.Batch {
        var batch = try place(records.count)
        batch.compression = codec.description
        batch.timestampType = configuration.timestampType == .createTime ? "CreateTime" : "LogAppendTime"
        batch.maxTimestamp = records.map(\.timestamp).max() ?? -1
        batch.isTransactional = isTransactional
        batch.producerId = records.first?.producerId ?? -1
        batch.producerEpoch = records.first?.producerEpoch ?? -1
        batch.baseSequence = records.first?.sequence ?? -1
        batch.lastSequence = records.last?.sequence ?? -1
        return batch
    }

    private mutating func end(_ result: TransactionResult) throws {
        time.advance(by: .milliseconds(7))
        let offset = log.logEndOffset
        _ = try log.appendMarker(
            EndTransactionMarker(result, coordinatorEpoch: 9),
            producer: Self.transactional,
            transactionVersion: 1,
            leaderEpoch: Self.leaderEpoch
        )
        var batch = try place(1)
        batch.maxTimestamp = time.milliseconds
        batch.isTransactional = true
        batch.isControl = true
        batch.producerId = Self.transactional.id
        batch.producerEpoch = Self.transactional.epoch
        batch.control = [
            KafkaObservation.Control(
                offset: offset,
                timestamp: time.milliseconds,
                type: result == .commit ? "commit" : "abort",
                coordinatorEpoch: 9
            )
        ]
        batches.append(batch)
    }

    /// A batch of which only the place is known: the last one in the last file. Size and checksum are those in the file.
    private func place(_ count: Int) throws -> KafkaObservation.Batch {
        let digits = String(log.segmentBaseOffsets.last ?? 0)
        let file = String(repeating: "0", count: 20 - digits.count) + digits + ".log"
        let bytes = [UInt8](try Data(contentsOf: folder.url.appending(path: file)))
        let before = batches.last.map { $0.file == file ? $0.position + $0.sizeInBytes : 0 } ?? 0
        let checksum = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: before + RecordBatchHeader.Field.checksum, as: UInt32.self)
        }
        return KafkaObservation.Batch(
            file: file,
            position: before,
            sizeInBytes: bytes.count - before,
            baseOffset: log.logEndOffset - Int64(count),
            lastOffset: log.logEndOffset - 1,
            recordCount: Int32(count),
            partitionLeaderEpoch: Self.leaderEpoch,
            crc: UInt32(bigEndian: checksum),
            compression: "none",
            timestampType: "CreateTime",
            maxTimestamp: -1,
            isTransactional: false,
            isControl: false,
            producerId: -1,
            producerEpoch: -1,
            baseSequence: -1,
            lastSequence: -1,
            deleteHorizonMs: nil,
            control: nil
        )
    }
}

extension RecordBatchBuilder {
    fileprivate func append(_ record: KafkaObservation.Record) {
        var headers = ByteWriter()
        let pairs = record.headers ?? []
        if !pairs.isEmpty {
            RecordHeaders(pairs.map { RecordHeader($0[0] ?? "", $0[1].map { Array($0.utf8) }) }).encode(into: &headers)
        }
        let encoded = headers.array
        encoded.withUnsafeBytes { headers in
            record.key.withBytes { key in
                record.value.withBytes { value in
                    let isAppended = append(key: key, value: value, timestamp: record.timestamp, headers: headers)
                    precondition(isAppended, "a test's batch fits its builder")
                }
            }
        }
    }
}

extension String? {
    /// The text in memory, or nil for null.
    fileprivate func withBytes(_ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let self else { return body(nil) }
        Array(self.utf8).withUnsafeBytes { body($0) }
    }
}
