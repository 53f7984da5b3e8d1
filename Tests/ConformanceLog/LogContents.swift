import KafkaFixtures
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

extension PartitionLog {
    /// Reads as a consumer does, from the log's start to a limit: control records are not shown, nor, up to the last
    /// stable offset, are records of aborted transactions.
    func recordsRead(upTo limit: ReadLimit) throws -> [KafkaObservation.Record] {
        var records: [KafkaObservation.Record] = []
        var next = logStartOffset
        var buffer = ByteWriter()
        var decompressor = Decompressor()
        while true {
            buffer.removeAll()
            // Little at a time, so that reading begins at many places.
            let result = try read(
                from: next,
                maximumBytes: 1_000,
                upTo: limit,
                atLeastOneBatch: true,
                into: &buffer
            )
            guard result.firstBatchOffset != nil else { return records }
            var begun = result.abortedTransactions.sorted { $0.firstOffset < $1.firstOffset }[...]
            var aborted: Set<Int64> = []
            var batches = RecordBatches(buffer.bytes)
            while let batch = try batches.next() {
                while let transaction = begun.first, transaction.firstOffset <= batch.header.lastOffset {
                    aborted.insert(transaction.producerId)
                    begun.removeFirst()
                }
                let producerId = batch.header.producer.id
                if batch.header.attributes.isControl {
                    aborted.remove(producerId)
                } else if !(batch.header.attributes.isTransactional && aborted.contains(producerId)) {
                    records += try batch.observed(&decompressor).filter { $0.offset >= next }
                }
            }
            next = result.nextOffset
        }
    }
}

extension RecordBatch {
    /// The records as a consumer sees them.
    fileprivate func observed(_ decompressor: inout Decompressor) throws -> [KafkaObservation.Record] {
        let header = self.header
        var records: [KafkaObservation.Record] = []
        try withRecords(&decompressor) { (bytes) throws(RecordFormatError) in
            var cursor = RecordCursor(header, records: bytes)
            while let record = try cursor.next() {
                let headers = try RecordHeaders(decoding: record.headers)
                let delta = Int32(truncatingIfNeeded: record.offset - header.baseOffset)
                records.append(
                    KafkaObservation.Record(
                        offset: record.offset,
                        timestamp: record.timestamp,
                        key: record.key.map { String(decoding: $0, as: UTF8.self) },
                        value: record.value.map { String(decoding: $0, as: UTF8.self) },
                        headers: headers.map { [$0.name, $0.value.map { String(decoding: $0, as: UTF8.self) }] },
                        producerId: header.producer.id,
                        producerEpoch: header.producer.epoch,
                        sequence: header.baseSequence < 0 ? -1 : SequenceNumber.advance(header.baseSequence, by: delta)
                    )
                )
            }
            try cursor.finish()
        }
        return records
    }
}

extension KafkaObservation.Record {
    /// With no headers in the one way that they can be had here.
    var normalized: KafkaObservation.Record {
        var copy = self
        copy.headers = headers ?? []
        return copy
    }
}

extension KafkaObservation.Batch {
    /// What there is to see of a batch.
    init(_ batch: RecordBatch, file: String, position: Int) throws {
        let header = batch.header
        self.init(
            file: file,
            position: position,
            sizeInBytes: header.sizeInBytes,
            baseOffset: header.baseOffset,
            lastOffset: header.lastOffset,
            recordCount: header.recordCount,
            partitionLeaderEpoch: header.leaderEpoch,
            crc: header.checksum,
            compression: header.attributes.codec?.description ?? "codec \(header.attributes.codecNumber)",
            timestampType: header.attributes.timestampType == .createTime ? "CreateTime" : "LogAppendTime",
            maxTimestamp: header.maxTimestamp,
            isTransactional: header.attributes.isTransactional,
            isControl: header.attributes.isControl,
            producerId: header.producer.id,
            producerEpoch: header.producer.epoch,
            baseSequence: header.baseSequence,
            lastSequence: header.lastSequence,
            deleteHorizonMs: header.attributes.hasDeleteHorizon ? header.baseTimestamp : nil,
            control: try batch.markers()
        )
    }
}

extension RecordBatch {
    /// The markers of a control batch; nil for one of data.
    fileprivate func markers() throws -> [KafkaObservation.Control]? {
        guard header.attributes.isControl else { return nil }
        var markers: [KafkaObservation.Control] = []
        var cursor = RecordCursor(header, records: recordBytes)
        while let record = try cursor.next() {
            guard let marker = try EndTransactionMarker(record) else { continue }
            markers.append(
                KafkaObservation.Control(
                    offset: record.offset,
                    timestamp: record.timestamp,
                    type: marker.result == .commit ? "commit" : "abort",
                    coordinatorEpoch: marker.coordinatorEpoch
                )
            )
        }
        return markers
    }
}
