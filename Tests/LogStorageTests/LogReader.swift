import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// A record as a test sees it.
struct TestRecord: Hashable, CustomStringConvertible {
    var offset: Int64
    /// COMMIT or ABORT for a control record.
    var value: String?
    var timestamp: Int64
    var isControl: Bool

    var description: String { "\(offset):\(value ?? "null")" }
}

extension PartitionLog {
    /// Reads a log to a limit as a consumer does: batch after batch, and from committed data what belongs to aborted
    /// transactions left out (LE-62).
    func records(
        from offset: Int64? = nil,
        upTo limit: ReadLimit = .logEnd,
        maximumBytes: Int = 1 << 20
    ) throws -> [TestRecord] {
        var records: [TestRecord] = []
        var next = offset ?? logStartOffset
        var buffer = ByteWriter(capacity: 1 << 10)
        var decompressor = Decompressor()
        while true {
            buffer.removeAll()
            let result = try read(
                from: next,
                maximumBytes: maximumBytes,
                upTo: limit,
                atLeastOneBatch: true,
                into: &buffer
            )
            if result.firstBatchOffset == nil { return records }
            var aborted = result.abortedTransactions.sorted { $0.firstOffset < $1.firstOffset }[...]
            var aborting: Set<Int64> = []
            var batches = RecordBatches(buffer.bytes)
            while let batch = try batches.next() {
                while let first = aborted.first, first.firstOffset <= batch.header.lastOffset {
                    aborting.insert(first.producerId)
                    aborted.removeFirst()
                }
                let isControl = batch.header.attributes.isControl
                let isAborted = batch.header.attributes.isTransactional && aborting.contains(batch.header.producer.id)
                if isAborted, !isControl { continue }
                try batch.withRecords(&decompressor) { (bytes) throws(RecordFormatError) in
                    var cursor = RecordCursor(batch.header, records: bytes)
                    while let record = try cursor.next() {
                        var text = record.value.map { String(decoding: $0, as: UTF8.self) }
                        if isControl {
                            let marker = try EndTransactionMarker(record)
                            text = marker?.result == .commit ? "COMMIT" : "ABORT"
                            if marker?.result == .abort { aborting.remove(batch.header.producer.id) }
                        }
                        guard record.offset >= next else { continue }
                        records.append(
                            TestRecord(
                                offset: record.offset,
                                value: text,
                                timestamp: record.timestamp,
                                isControl: isControl
                            )
                        )
                    }
                }
            }
            next = result.nextOffset
        }
    }

    /// All values, control records included.
    var values: [String?] { get throws { try records().map(\.value) } }

    /// The values that a reader of committed data gets.
    var committedValues: [String?] {
        get throws { try records(upTo: .lastStableOffset).filter { !$0.isControl }.map(\.value) }
    }
}
