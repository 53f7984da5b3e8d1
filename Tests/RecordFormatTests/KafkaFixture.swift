import Foundation
import MillraceRecordFormat

/// The log files of a partition that Apache Kafka wrote, and what its own clients and tools saw in them.
///
/// `Fixtures/<name>/seen.json` lists the batches in the files and the records that a consumer read.
struct KafkaFixture {
    struct Batch: Decodable {
        struct Control: Decodable {
            var type: String
            var coordinatorEpoch: Int32
        }

        var file: String
        var position: Int
        var sizeInBytes: Int
        var baseOffset: Int64
        var lastOffset: Int64
        var recordCount: Int32
        var partitionLeaderEpoch: Int32
        var crc: UInt32
        var compression: String
        var timestampType: String
        var maxTimestamp: Int64
        var isTransactional: Bool
        var isControl: Bool
        var producerId: Int64
        var producerEpoch: Int16
        var baseSequence: Int32
        var lastSequence: Int32
        var deleteHorizonMs: Int64?
        var control: [Control]?
    }

    struct Record: Decodable {
        var offset: Int64
        var timestamp: Int64
        var key: String?
        var value: String?
        var headers: [[String?]]?

        var testRecord: TestRecord {
            let headers = (headers ?? []).map { RecordHeader(($0[0] ?? ""), $0[1].map { Array($0.utf8) }) }
            return TestRecord(key, value, timestamp: timestamp, headers: RecordHeaders(headers))
        }
    }

    private struct Seen: Decodable {
        var batches: [Batch]
        var records: [Record]
    }

    var batches: [Batch]
    var records: [Record]
    private var files: [String: [UInt8]] = [:]

    init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)")
        let seen = try JSONDecoder().decode(Seen.self, from: Data(contentsOf: folder.appending(path: "seen.json")))
        batches = seen.batches
        records = seen.records
        for file in Set(batches.map(\.file)) {
            files[file] = [UInt8](try Data(contentsOf: folder.appending(path: file)))
        }
    }

    /// A log file's bytes.
    func bytes(of file: String) -> [UInt8] { files[file] ?? [] }

    /// A batch's bytes.
    func bytes(of batch: Batch) -> [UInt8] {
        Array(bytes(of: batch.file).dropFirst(batch.position).prefix(batch.sizeInBytes))
    }

    /// The records that a consumer read from a batch.
    func records(of batch: Batch) -> [Record] {
        batch.isControl ? [] : records.filter { batch.baseOffset <= $0.offset && $0.offset <= batch.lastOffset }
    }
}
