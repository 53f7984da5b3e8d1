import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// Writes and reads the records of a coordinator's internal topic, one partition at a time.
struct CoordinatorLog: Sendable {
    let partition: Partition

    /// Appends one batch of records that belong together.
    func append(_ batch: RecordBatchBuilder) throws(BrokerError) {
        let bytes: UnsafeMutableRawBufferPointer
        do throws(RecordFormatError) {
            bytes = try batch.seal()
        } catch {
            throw BrokerError(.corruptMessage, "\(error)")
        }
        _ = try partition.append(bytes, origin: .coordinator)
    }

    func flush() throws(BrokerError) {
        try partition.flush()
    }

    /// Calls `body` with every batch of the log in order, and with the uncompressed records of each.
    func replay(_ body: (RecordBatch, UnsafeRawBufferPointer) throws(BrokerError) -> Void) throws(BrokerError) {
        var buffer = ByteWriter(capacity: 64 << 10)
        var decompressor = Decompressor()
        var offset = partition.log.logStartOffset
        while offset < partition.log.logEndOffset {
            buffer.removeAll()
            do throws(LogError) {
                let result = try partition.log.read(
                    from: offset,
                    maximumBytes: 1 << 20,
                    upTo: .logEnd,
                    atLeastOneBatch: true,
                    into: &buffer
                )
                guard result.nextOffset > offset else { return }
                offset = result.nextOffset
            } catch {
                throw BrokerError(error)
            }
            try replay(buffer.bytes, &decompressor, body)
        }
    }

    private func replay(
        _ bytes: UnsafeRawBufferPointer,
        _ decompressor: inout Decompressor,
        _ body: (RecordBatch, UnsafeRawBufferPointer) throws(BrokerError) -> Void
    ) throws(BrokerError) {
        var failure: BrokerError?
        do throws(RecordFormatError) {
            var batches = RecordBatches(bytes)
            while let batch = try batches.next() {
                try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
                    do throws(BrokerError) {
                        try body(batch, records)
                    } catch {
                        failure = failure ?? error
                    }
                }
            }
        } catch {
            throw BrokerError(.corruptMessage, "\(partition.id) cannot be replayed: \(error)")
        }
        if let failure { throw failure }
    }
}
