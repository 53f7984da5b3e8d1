import MillracePrimitives
import MillraceRecordFormat

// What is checked of a batch before it is appended.
extension PartitionLog {
    /// Checks a foreign producer's batches as far as that needs nothing of the log, outside of its lock.
    func validate(_ request: AppendRequest) throws(LogError) {
        let configuration = self.configuration
        let needsKeys = configuration.cleanupPolicy.contains(.compact)
        var decompressor = Decompressor()
        var rest = UnsafeRawBufferPointer(request.batches)
        while rest.count > 0 {
            let batch: RecordBatch
            do throws(RecordFormatError) {
                batch = try RecordBatch(reading: rest)
                try batch.validateRecords(&decompressor)
                if needsKeys, let index = try batch.indexOfMissingKey(&decompressor) {
                    throw RecordFormatError.invalidRecord(index: index, reason: .negativeLength)
                }
            } catch {
                if needsKeys, case .invalidRecord(let index, .negativeLength) = error {
                    throw .invalidRecord(partition, .missingKey(index: index))
                }
                throw .invalidBatch(partition, error)
            }
            if configuration.timestampType == .createTime {
                try checkTimestamps(batch.header, now: request.now, configuration)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[batch.header.sizeInBytes...])
        }
    }

    private func checkTimestamps(
        _ header: RecordBatchHeader,
        now: Int64,
        _ configuration: LogConfiguration
    ) throws(LogError) {
        let (early, underflow) = now.subtractingReportingOverflow(configuration.timestampBeforeMaxMs)
        let (late, overflow) = now.addingReportingOverflow(configuration.timestampAfterMaxMs)
        let earliest = underflow || configuration.timestampBeforeMaxMs == Int64.max ? Int64.min : early
        let latest = overflow ? Int64.max : late
        for timestamp in [header.baseTimestamp, header.maxTimestamp] where timestamp < earliest || timestamp > latest {
            throw .invalidTimestamp(partition, timestamp: timestamp, earliest: earliest, latest: latest)
        }
    }

    /// Checks one batch's header.
    func header(
        of bytes: UnsafeRawBufferPointer,
        _ request: AppendRequest,
        _ configuration: borrowing LogConfiguration
    ) throws(LogError) -> RecordBatchHeader {
        let header = try readHeader(bytes)
        try checkSize(header, configuration.maxMessageBytes)
        guard !header.attributes.isControl else { throw .invalidRecord(partition, .controlBatch) }
        guard header.recordCount > 0 else { throw .invalidRecord(partition, .empty) }
        guard Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1 else {
            throw .invalidRecord(
                partition,
                .recordCount(header.recordCount, lastOffsetDelta: header.lastOffsetDelta)
            )
        }
        if header.producer.id >= 0 {
            let hasSequence = header.baseSequence >= 0 || request.origin == .coordinator
            guard header.producer.epoch >= 0, hasSequence else { throw .invalidRecord(partition, .producerFields) }
        } else if header.attributes.isTransactional {
            throw .invalidRecord(partition, .producerFields)
        }
        return header
    }

    /// Reads the header of a batch that is whole.
    func readHeader(_ bytes: UnsafeRawBufferPointer) throws(LogError) -> RecordBatchHeader {
        let header: RecordBatchHeader
        do throws(RecordFormatError) {
            header = try RecordBatchHeader(reading: bytes)
        } catch {
            throw .invalidBatch(partition, error)
        }
        let size = header.sizeInBytes
        guard size <= bytes.count else {
            throw .invalidBatch(partition, .truncated(needed: size, available: bytes.count))
        }
        return header
    }

    /// Fails if a batch is larger than `max.message.bytes`.
    func checkSize(_ header: RecordBatchHeader, _ limit: Int) throws(LogError) {
        let size = header.sizeInBytes
        guard size <= limit else {
            throw .recordTooLarge(partition, sizeInBytes: size, limit: limit, setting: "max.message.bytes")
        }
    }
}

extension RecordBatch {
    /// The first record without a key; nil if all have one.
    func indexOfMissingKey(_ decompressor: inout Decompressor) throws(RecordFormatError) -> Int? {
        try withRecords(&decompressor) { (records) throws(RecordFormatError) -> Int? in
            var cursor = RecordCursor(header, records: records)
            var index = 0
            while let record = try cursor.next() {
                if record.key == nil { return index }
                index += 1
            }
            return nil
        }
    }
}
