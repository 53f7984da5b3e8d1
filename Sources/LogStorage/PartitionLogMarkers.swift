import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// Ending transactions. A marker is a batch of its own, which no producer may send.
extension PartitionLog {
    /// Ends a producer's transaction in this partition (LE-47, LE-48).
    ///
    /// - Parameter transactionVersion: 2 if the producer's epoch goes up with each transaction (KIP-890): then the marker
    ///   has the epoch after that of the data, and the same marker once more changes nothing.
    package func appendMarker(
        _ marker: EndTransactionMarker,
        producer: ProducerIdentity,
        transactionVersion: Int,
        leaderEpoch: Int32
    ) throws(LogError) -> AppendResult {
        var bytes = marker.batch(for: producer, timestamp: time.milliseconds)
        let now = time.milliseconds
        while true {
            // Typed errors do not pass through `withUnsafeMutableBytes`, so the outcome is carried in a `Result`.
            let outcome = bytes.withUnsafeMutableBytes { batch in
                Result { () throws(LogError) in
                    try state.withLock { (state) throws(LogError) -> AppendOutcome in
                        try self.append(
                            marker,
                            batch: batch,
                            of: producer,
                            transactionVersion: transactionVersion,
                            leaderEpoch: leaderEpoch,
                            now: now,
                            to: &state
                        )
                    }
                }
            }
            switch try outcome.get() {
            case .appended(let result, _): return result
            case .needsRoll(let segment): try roll(replacing: segment)
            }
        }
    }

    private func append(
        _ marker: EndTransactionMarker,
        batch: UnsafeMutableRawBufferPointer,
        of producer: ProducerIdentity,
        transactionVersion: Int,
        leaderEpoch: Int32,
        now: Int64,
        to state: inout LogState
    ) throws(LogError) -> AppendOutcome {
        try checkWritable(state)
        var producerState = state.producers.state(of: producer.id)
        let verdict = try producerState.check(
            marker,
            epoch: producer.epoch,
            transactionVersion: transactionVersion,
            partition
        )
        guard verdict == .append else {
            let result = AppendResult(
                baseOffset: state.logEndOffset - 1,
                lastOffset: state.logEndOffset - 1,
                appendTime: -1,
                logStartOffset: state.logStartOffset,
                isDuplicate: true
            )
            return .appended(result, flushesNow: false)
        }
        let bytes = UnsafeRawBufferPointer(batch)
        var header: RecordBatchHeader
        do throws(RecordFormatError) {
            header = try RecordBatchHeader(reading: bytes)
        } catch {
            throw .invalidBatch(partition, error)
        }
        let lastOffset = state.logEndOffset + Int64(header.lastOffsetDelta)
        if let segment = try segmentToRoll(for: header, lastOffset: lastOffset, bytes.count, state) {
            return .needsRoll(segment)
        }
        let offset = state.logEndOffset
        RecordBatchHeader.stamp(batch, baseOffset: offset, leaderEpoch: leaderEpoch)
        header.baseOffset = offset
        try write(bytes, to: &state)
        let completed = producerState.apply(marker, epoch: producer.epoch, offset: offset, now: now)
        state.producers.update(producerState)
        if let completed, completed.isAborted, !deliberateFaults.contains(.forgetAborted) {
            state.active.aborted.append(
                AbortedTransaction(
                    producerId: completed.producerId,
                    firstOffset: completed.firstOffset,
                    lastOffset: offset,
                    lastStableOffset: state.producers.lastStableOffset(after: completed)
                )
            )
        }
        finish(header, size: bytes.count, leaderEpoch: leaderEpoch, now: now, in: &state)
        let result = AppendResult(
            baseOffset: offset,
            lastOffset: offset,
            appendTime: -1,
            logStartOffset: state.logStartOffset,
            isDuplicate: false
        )
        return .appended(result, flushesNow: false)
    }
}
