import MillracePrimitives

/// Builds a batch anew from some of its records: what compaction leaves of it.
///
/// Base and last offset, sequence numbers, producer, leader epoch and codec stay as they were, even if the first or the
/// last record is gone (LE-04), so that readers and recovery still see how far the batch reached. Reused for batch after
/// batch; owned by one thread at a time.
package struct RecordBatchRewriter: ~Copyable {
    private var records = ByteWriter(capacity: 4 << 10)
    private var output = ByteWriter(capacity: 4 << 10)
    private var count: Int32 = 0
    private var baseOffset: Int64 = 0
    private var baseTimestamp: Int64 = 0
    private var maxTimestamp: Int64 = -1

    /// Makes a rewriter that has not begun a batch.
    package init() {}

    /// Begins the batch anew. Timestamps count from `baseTimestamp`: that of the first record, or the delete horizon.
    package mutating func begin(_ header: RecordBatchHeader, baseTimestamp: Int64) {
        records.removeAll()
        count = 0
        baseOffset = header.baseOffset
        self.baseTimestamp = baseTimestamp
        maxTimestamp = -1
    }

    /// Appends a record of the batch; its bytes are copied.
    package mutating func append(_ record: RecordView) {
        precondition(record.offset >= baseOffset, "a record stays in its batch")
        let timestampDelta = record.timestamp &- baseTimestamp
        let offsetDelta = record.offset - baseOffset
        let keyLength = record.key?.count ?? -1
        let valueLength = record.value?.count ?? -1
        let body =
            1 + Varint.size(timestampDelta) + Varint.size(offsetDelta) + Varint.size(Int64(keyLength))
            + max(keyLength, 0) + Varint.size(Int64(valueLength)) + max(valueLength, 0) + record.headers.count
        records.append(varint: Int64(body))
        records.append(Int8(0))
        records.append(varint: timestampDelta)
        records.append(varint: offsetDelta)
        records.append(varint: Int64(keyLength))
        if let key = record.key { records.append(key) }
        records.append(varint: Int64(valueLength))
        if let value = record.value { records.append(value) }
        records.append(record.headers)
        maxTimestamp = max(maxTimestamp, record.timestamp)
        count += 1
    }

    /// The whole batch with the records appended, compressed with the codec that it had; valid until the next call.
    ///
    /// - Parameters:
    ///   - header: of the batch as it was.
    ///   - hasDeleteHorizon: whether the base timestamp that the batch was begun with is a delete horizon (KIP-534).
    package mutating func finish(
        _ header: RecordBatchHeader,
        hasDeleteHorizon: Bool
    ) throws(RecordFormatError) -> UnsafeRawBufferPointer {
        guard let codec = header.attributes.codec else { throw .unsupportedCodec(header.attributes.codecNumber) }
        var attributes = header.attributes
        attributes.hasDeleteHorizon = hasDeleteHorizon
        // A batch whose log stamps it has one timestamp for all of its records.
        let isStamped = attributes.timestampType == .logAppendTime
        writeHeader(
            of: header,
            attributes,
            baseTimestamp: baseTimestamp,
            maxTimestamp: isStamped ? header.maxTimestamp : maxTimestamp,
            count: count
        )
        if codec == .none {
            output.append(records.bytes)
        } else {
            try Compression(codec).compress(records.bytes, into: &output)
        }
        let limit = RecordBatchHeader.lengthOverhead + RecordBatchHeader.maximumBatchSize
        guard output.count <= limit else { throw .batchTooLarge(size: output.count, limit: limit) }
        return seal()
    }

    /// The batch without any record: its header still tells how far its producer had come. Valid until the next call.
    package mutating func emptied(_ header: RecordBatchHeader) -> UnsafeRawBufferPointer {
        var attributes = header.attributes
        attributes.rawValue &= ~0x07
        attributes.hasDeleteHorizon = false
        writeHeader(
            of: header,
            attributes,
            baseTimestamp: header.maxTimestamp,
            maxTimestamp: header.maxTimestamp,
            count: 0
        )
        return seal()
    }

    /// The header's fields in their order; length and checksum come when the batch is sealed.
    private mutating func writeHeader(
        of header: RecordBatchHeader,
        _ attributes: BatchAttributes,
        baseTimestamp: Int64,
        maxTimestamp: Int64,
        count: Int32
    ) {
        output.removeAll()
        output.append(header.baseOffset)
        output.append(Int32(0))
        output.append(header.leaderEpoch)
        output.append(Int8(2))
        output.append(UInt32(0))
        output.append(attributes.rawValue)
        output.append(header.lastOffsetDelta)
        output.append(baseTimestamp)
        output.append(maxTimestamp)
        output.append(header.producer.id)
        output.append(header.producer.epoch)
        output.append(header.baseSequence)
        output.append(count)
    }

    private mutating func seal() -> UnsafeRawBufferPointer {
        output.overwrite(
            at: RecordBatchHeader.Field.length,
            with: Int32(output.count - RecordBatchHeader.lengthOverhead)
        )
        let checksum = CRC32C.checksum(output.bytes(RecordBatchHeader.checksummedFrom..<output.count))
        output.overwrite(at: RecordBatchHeader.Field.checksum, with: checksum)
        return output.bytes
    }
}

extension RecordBatchHeader {
    /// When the batch's tombstones or its marker may go, in milliseconds since 1970; nil if no cleaner has set it yet.
    package var deleteHorizonMs: Int64? { attributes.hasDeleteHorizon ? baseTimestamp : nil }
}
