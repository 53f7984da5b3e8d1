import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit

@testable import MillraceLogStorage

/// A keyed record as a test of compaction sees it.
struct KeyedRecord: Hashable, CustomStringConvertible {
    var offset: Int64
    var key: String
    var value: String?

    var description: String { "\(offset):\(key)=\(value ?? "null")" }
}

/// A batch of keyed records in the making; a nil value is a tombstone.
struct KeyedBatch {
    var records: [(key: String?, value: String?)]
    var producer = ProducerIdentity.none
    var sequence: Int32 = -1
    var isTransactional = false
    var timestamp: Int64 = 1_700_000_000_000
    var compression = Compression.none

    init(_ records: (key: String?, value: String?)...) { self.records = records }

    init(_ records: [(key: String?, value: String?)]) { self.records = records }

    func from(_ id: Int64, epoch: Int16 = 0, sequence: Int32, transactional: Bool = false) -> KeyedBatch {
        var copy = self
        copy.producer = ProducerIdentity(id: id, epoch: epoch)
        copy.sequence = sequence
        copy.isTransactional = transactional
        return copy
    }

    func at(_ timestamp: Int64) -> KeyedBatch {
        var copy = self
        copy.timestamp = timestamp
        return copy
    }

    func compressed(_ compression: Compression) -> KeyedBatch {
        var copy = self
        copy.compression = compression
        return copy
    }

    var bytes: [UInt8] {
        get throws {
            let builder = RecordBatchBuilder(compression: compression)
            for record in records {
                withBytes(record.key) { key in
                    withBytes(record.value) { value in
                        _ = builder.append(key: key, value: value, timestamp: timestamp)
                    }
                }
            }
            let batch = try builder.seal(producer: producer, baseSequence: sequence, isTransactional: isTransactional)
            return withExtendedLifetime(builder) { [UInt8](batch) }
        }
    }

    private func withBytes(_ text: String?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let text else { return body(nil) }
        Array(text.utf8).withUnsafeBytes { body($0) }
    }
}

extension LogFixture {
    /// A compacted log whose passes are always due.
    static func compacted(
        segmentBytes: Int = 300,
        disk: SimulatedFileSystem = SimulatedFileSystem(),
        _ change: (inout LogConfiguration) -> Void = { _ in }
    ) -> LogFixture {
        LogFixture(disk: disk) {
            $0.cleanupPolicy = .compact
            $0.segmentBytes = segmentBytes
            $0.indexIntervalBytes = 100
            $0.minCleanableDirtyRatio = 0
            change(&$0)
        }
    }

    var names: [String] {
        get throws { try disk.contents(of: Self.directory).map(\.name) }
    }
}

extension PartitionLog {
    @discardableResult
    func append(_ batch: KeyedBatch) throws -> AppendResult {
        var bytes = try batch.bytes
        return try bytes.withUnsafeMutableBytes { try append($0, origin: .trusted, leaderEpoch: 0) }
    }

    @discardableResult
    func put(_ key: String?, _ value: String?) throws -> Int64 {
        try append(KeyedBatch((key, value))).baseOffset
    }

    /// Seals the active segment, compacts, and says what came of it.
    @discardableResult
    func compact(now: Int64? = nil, _ options: CleaningOptions = CleaningOptions()) throws -> CleaningReport? {
        try roll()
        return try clean(now: now ?? time.milliseconds, options: options)
    }

    /// The batches' headers, in order.
    var headers: [RecordBatchHeader] {
        get throws {
            var headers: [RecordBatchHeader] = []
            try forEachBatch { headers.append($0.header) }
            return headers
        }
    }

    /// The keyed records of the whole log, of aborted and undecided transactions too.
    var keyed: [KeyedRecord] {
        get throws {
            var decompressor = Decompressor()
            var found: [KeyedRecord] = []
            try forEachBatch { batch in
                guard !batch.header.attributes.isControl else { return }
                try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
                    var cursor = RecordCursor(batch.header, records: records)
                    while let record = try cursor.next() {
                        found.append(
                            KeyedRecord(
                                offset: record.offset,
                                key: record.key.map { String(decoding: $0, as: UTF8.self) } ?? "(none)",
                                value: record.value.map { String(decoding: $0, as: UTF8.self) }
                            )
                        )
                    }
                    try cursor.finish()
                }
            }
            return found
        }
    }

    /// What a reader of committed data ends up with: each key's last value, tombstones applied.
    func table(upTo limit: ReadLimit = .lastStableOffset) throws -> [String: String] {
        let visible = Set(try records(upTo: limit).filter { !$0.isControl }.map(\.offset))
        var table: [String: String] = [:]
        for record in try keyed where visible.contains(record.offset) { table[record.key] = record.value }
        return table
    }

    private func forEachBatch(_ body: (RecordBatch) throws -> Void) throws {
        var next = logStartOffset
        var buffer = ByteWriter(capacity: 1 << 12)
        while next < logEndOffset {
            buffer.removeAll()
            let result = try read(
                from: next,
                maximumBytes: 1 << 20,
                upTo: .logEnd,
                atLeastOneBatch: true,
                into: &buffer
            )
            guard result.nextOffset > next else { return }
            var batches = RecordBatches(buffer.bytes)
            while let batch = try batches.next() { try body(batch) }
            next = result.nextOffset
        }
    }
}
