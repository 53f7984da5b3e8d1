import MillracePrimitives
import MillraceRecordFormat

/// What is remembered of one stored batch of an idempotent producer.
struct StoredBatch: Hashable, Sendable {
    var lastSequence: Int32
    var lastOffset: Int64
    /// Last offset less first, which is also last sequence less first.
    var offsetDelta: Int32
    /// The append time, if the log stamps batches with it; -1 otherwise.
    var appendTime: Int64 = -1

    var firstOffset: Int64 { lastOffset - Int64(offsetDelta) }
    var firstSequence: Int32 {
        let first = Int64(lastSequence) - Int64(offsetDelta)
        return Int32(truncatingIfNeeded: first < 0 ? first + Int64(Int32.max) + 1 : first)
    }
}

/// A producer's last five batches (LE-20), newest first, without a heap allocation.
struct RecentBatches: Hashable, Sendable {
    static let limit = 5

    private(set) var newest: StoredBatch?
    private var second: StoredBatch?
    private var third: StoredBatch?
    private var fourth: StoredBatch?
    private var fifth: StoredBatch?

    mutating func add(_ batch: StoredBatch) {
        (newest, second, third, fourth, fifth) = (batch, newest, second, third, fourth)
    }

    func find(firstSequence: Int32, lastSequence: Int32) -> StoredBatch? {
        func matches(_ batch: StoredBatch?) -> Bool {
            guard let batch else { return false }
            return batch.lastSequence == lastSequence && batch.firstSequence == firstSequence
        }
        if matches(newest) { return newest }
        if matches(second) { return second }
        if matches(third) { return third }
        if matches(fourth) { return fourth }
        return matches(fifth) ? fifth : nil
    }
}

/// A transaction that a marker has ended.
struct CompletedTransaction: Hashable, Sendable {
    var producerId: Int64
    var firstOffset: Int64
    /// The marker's offset.
    var lastOffset: Int64
    var isAborted: Bool
}

/// What a partition knows of one producer: how far it has come, and whether it has a transaction open.
///
/// A value: an append works on a copy, and stores it when the bytes are written.
struct ProducerState: Hashable, Sendable {
    let id: Int64
    /// -1 while nothing of the producer is stored.
    var epoch: Int16 = -1
    var recent = RecentBatches()
    var coordinatorEpoch: Int32 = -1
    /// Where the open transaction begins, if there is one.
    var transactionFirstOffset: Int64?
    /// When the producer last wrote, by the broker's clock. Kafka counts from the records' own timestamps, which
    /// forgets a producer of old events at once.
    var lastActivity: Int64 = -1

    init(id: Int64) { self.id = id }

    /// The sequence number that has to come next; nil if any may.
    var nextSequence: Int32? {
        epoch < 0 ? nil : recent.newest.map { SequenceNumber.advance($0.lastSequence, by: 1) } ?? 0
    }

    /// The stored batch that `header` repeats, if it is one of those remembered (LE-21).
    func duplicate(of header: RecordBatchHeader) -> StoredBatch? {
        guard header.producer.epoch == epoch, header.baseSequence >= 0 else { return nil }
        return recent.find(firstSequence: header.baseSequence, lastSequence: header.lastSequence)
    }

    /// Fails if a data batch must not come now.
    func check(
        _ header: RecordBatchHeader,
        checksSequence: Bool,
        unknownProducer: UnknownProducerPolicy,
        beginsTransaction: Bool,
        _ partition: TopicPartition
    ) throws(LogError) {
        guard header.producer.epoch >= epoch else {
            throw .invalidProducerEpoch(partition, header.producer, current: epoch)
        }
        if checksSequence {
            let expected: Int32?
            if epoch < 0 {
                expected = unknownProducer == .startsAtZero ? 0 : nil
            } else {
                expected = header.producer.epoch == epoch ? nextSequence : 0
            }
            if let expected, header.baseSequence != expected {
                throw .outOfOrderSequence(partition, header.producer, expected: expected, got: header.baseSequence)
            }
        }
        let isInTransaction = transactionFirstOffset != nil && header.producer.epoch == epoch
        if header.attributes.isTransactional, !isInTransaction, !beginsTransaction {
            throw .unverifiedTransaction(partition, header.producer)
        }
        // A later transaction must not take over what an earlier one has left open: its marker would decide both.
        if transactionFirstOffset != nil, !header.attributes.isTransactional || !isInTransaction {
            throw .invalidTransactionState(partition, header.producer)
        }
    }

    /// Takes note of a data batch; its offset must be assigned.
    mutating func apply(_ header: RecordBatchHeader, now: Int64) {
        moveTo(header.producer.epoch)
        recent.add(
            StoredBatch(
                lastSequence: header.lastSequence,
                lastOffset: header.lastOffset,
                offsetDelta: header.lastOffsetDelta,
                appendTime: header.attributes.timestampType == .logAppendTime ? header.maxTimestamp : -1
            )
        )
        lastActivity = now
        if header.attributes.isTransactional, transactionFirstOffset == nil {
            transactionFirstOffset = header.baseOffset
        }
    }

    /// What to do with a marker.
    enum MarkerVerdict: Hashable, Sendable {
        case append
        /// It was written before (KAFKA-19999).
        case repeated
    }

    /// Fails if a marker must not come now (LE-47, LE-48).
    func check(
        _ marker: EndTransactionMarker,
        epoch markerEpoch: Int16,
        transactionVersion: Int,
        _ partition: TopicPartition
    ) throws(LogError) -> MarkerVerdict {
        let producer = ProducerIdentity(id: id, epoch: markerEpoch)
        if marker.coordinatorEpoch < coordinatorEpoch {
            throw .coordinatorFenced(
                partition,
                producer,
                coordinatorEpoch: marker.coordinatorEpoch,
                current: coordinatorEpoch
            )
        }
        if transactionVersion >= 2, epoch >= 0, markerEpoch == epoch {
            guard transactionFirstOffset == nil else {
                throw .invalidProducerEpoch(partition, producer, current: epoch)
            }
            return .repeated
        }
        guard markerEpoch >= epoch else { throw .invalidProducerEpoch(partition, producer, current: epoch) }
        return .append
    }

    /// Takes note of a marker at `offset`; nil if it ended nothing here.
    mutating func apply(
        _ marker: EndTransactionMarker,
        epoch markerEpoch: Int16,
        offset: Int64,
        now: Int64
    ) -> CompletedTransaction? {
        moveTo(markerEpoch)
        coordinatorEpoch = marker.coordinatorEpoch
        lastActivity = now
        guard let firstOffset = transactionFirstOffset else { return nil }
        transactionFirstOffset = nil
        return CompletedTransaction(
            producerId: id,
            firstOffset: firstOffset,
            lastOffset: offset,
            isAborted: marker.result == .abort
        )
    }

    /// A new epoch starts its sequence anew.
    private mutating func moveTo(_ newEpoch: Int16) {
        if newEpoch != epoch { recent = RecentBatches() }
        epoch = newEpoch
    }
}

/// What to do with an idempotent batch of a producer that nothing is known of (LE-24).
package enum UnknownProducerPolicy: Hashable, Sendable {
    /// Any sequence number is taken: what came before may have been deleted.
    case anySequence
    /// It has to start with 0, as version 2 of the transaction protocol can tell a lost batch from a deleted one.
    case startsAtZero
}
