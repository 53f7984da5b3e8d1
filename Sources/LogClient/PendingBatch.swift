import MillracePrimitives
import MillraceRecordFormat

/// Who waits for a record of a batch, or nobody.
struct Waiter {
    /// The record's place in its batch.
    var index: Int64
    var timestamp: Int64
    var continuation: CheckedContinuation<Result<RecordReceipt, ClientError>, Never>
}

/// A batch on its way from the senders to the connection.
struct PendingBatch: @unchecked Sendable {
    // The builder is filled under the accumulator's lock, then taken by the sending thread, which gives it back empty.
    let builder: RecordBatchBuilder
    let partition: TopicPartition
    /// When its first record came, on the monotonic clock.
    var createdAt: Int64
    /// What it adds to the accumulator's `bufferedBytes`.
    var bufferedBytes = 0
    var waiters: [Waiter] = []

    /// Answers everyone who waits.
    func complete(_ result: Result<BatchReceipt, ClientError>) {
        for waiter in waiters {
            waiter.continuation.resume(
                returning: result.map { receipt in
                    RecordReceipt(
                        partition: partition,
                        offset: receipt.baseOffset < 0 ? -1 : receipt.baseOffset + waiter.index,
                        timestamp: receipt.appendTime >= 0 ? receipt.appendTime : waiter.timestamp
                    )
                }
            )
        }
    }
}

/// Gathers records into one open batch a partition; full ones, and those that have lingered, are ready to be sent.
///
/// A value kept behind the sender's lock.
struct RecordAccumulator: Sendable {
    private let settings: ProducerSettings
    private var open: [TopicPartition: PendingBatch] = [:]
    private var ready: [PendingBatch] = []
    private var spare: [PendingBatch] = []
    private var partitionCounts: [String: Int32] = [:]
    private var stickyPartitions: [String: Int32] = [:]
    /// The bytes of all batches that are not sent yet.
    private(set) var bufferedBytes = 0

    init(settings: ProducerSettings) {
        self.settings = settings
    }

    /// Whether senders have to wait until batches are gone.
    var isFull: Bool { bufferedBytes >= settings.bufferMemory }
    var isEmpty: Bool { open.isEmpty && ready.isEmpty }
    var hasReadyBatch: Bool { !ready.isEmpty }

    func partitionCount(of topic: String) -> Int32? { partitionCounts[topic] }

    mutating func setPartitionCount(_ count: Int32, of topic: String) {
        partitionCounts[topic] = count
    }

    mutating func forgetPartitionCount(of topic: String) {
        partitionCounts[topic] = nil
    }

    /// The partition of a record: the one it asks for, or by its key, or the one that records without key stick to.
    mutating func partition(of record: ProducerRecord, count: Int32) throws(ClientError) -> TopicPartition {
        if let chosen = record.partition {
            guard chosen >= 0, chosen < count else {
                throw ClientError(
                    .unknownTopicOrPartition,
                    "topic \"\(record.topic)\" has \(count) partitions; there is no \(chosen)"
                )
            }
            return TopicPartition(record.topic, chosen)
        }
        if let key = record.key {
            return TopicPartition(record.topic, key.withUnsafeBytes { Hashes.partition(forKey: $0, of: count) })
        }
        return TopicPartition(record.topic, (stickyPartitions[record.topic] ?? 0) % count)
    }

    /// Appends a record to its partition's open batch; a full one becomes ready.
    mutating func append(
        _ record: ProducerRecord,
        to partition: TopicPartition,
        headers: UnsafeRawBufferPointer,
        timestamp: Int64,
        now: Int64,
        continuation: CheckedContinuation<Result<RecordReceipt, ClientError>, Never>?
    ) {
        var batch = open[partition] ?? take(partition, now)
        if !Self.append(record, headers, timestamp, to: batch.builder) {
            close(batch)
            batch = take(partition, now)
            // A record always fits an empty batch.
            _ = Self.append(record, headers, timestamp, to: batch.builder)
        }
        if let continuation {
            let index = Int64(batch.builder.recordCount - 1)
            batch.waiters.append(Waiter(index: index, timestamp: timestamp, continuation: continuation))
        }
        let size = (record.key?.count ?? 0) + (record.value?.count ?? 0) + headers.count + Self.overhead
        batch.bufferedBytes += size
        bufferedBytes += size
        if batch.builder.sizeInBytes >= settings.batchSize {
            close(batch)
        } else {
            open[partition] = batch
        }
    }

    /// What a record takes beside its key, value and headers, roughly.
    private static let overhead = 16
    private static let spareMaximum = 64

    private static func append(
        _ record: ProducerRecord,
        _ headers: UnsafeRawBufferPointer,
        _ timestamp: Int64,
        to builder: RecordBatchBuilder
    ) -> Bool {
        func add(_ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?) -> Bool {
            builder.append(key: key, value: value, timestamp: timestamp, headers: headers)
        }
        switch (record.key, record.value) {
        case (nil, nil): return add(nil, nil)
        case (let key?, nil): return key.withUnsafeBytes { add($0, nil) }
        case (nil, let value?): return value.withUnsafeBytes { add(nil, $0) }
        case (let key?, let value?):
            return key.withUnsafeBytes { key in value.withUnsafeBytes { value in add(key, value) } }
        }
    }

    private mutating func take(_ partition: TopicPartition, _ now: Int64) -> PendingBatch {
        let builder =
            spare.popLast()?.builder
            ?? RecordBatchBuilder(capacity: settings.batchSize, compression: settings.compression)
        return PendingBatch(builder: builder, partition: partition, createdAt: now)
    }

    private mutating func close(_ batch: PendingBatch) {
        open[batch.partition] = nil
        ready.append(batch)
        // Records without a key go on to the next partition with each batch (KIP-480).
        if let count = partitionCounts[batch.partition.topic], count > 0 {
            stickyPartitions[batch.partition.topic] = (batch.partition.partition + 1) % count
        }
    }

    /// The batches to send now: those that are full, those whose time has come, or all.
    mutating func drain(now: Int64, all: Bool) -> [PendingBatch] {
        for batch in open.values where all || now - batch.createdAt >= settings.linger.wholeNanoseconds {
            close(batch)
        }
        let drained = ready
        ready = []
        return drained
    }

    /// When the next open batch has lingered long enough; nil if none is open.
    var nextDeadline: Int64? {
        open.values.map { $0.createdAt + settings.linger.wholeNanoseconds }.min()
    }

    /// Takes the memory of a sent batch back.
    mutating func recycle(_ batches: [PendingBatch]) {
        for batch in batches {
            bufferedBytes -= batch.bufferedBytes
            batch.builder.reset()
            if spare.count < Self.spareMaximum {
                spare.append(PendingBatch(builder: batch.builder, partition: batch.partition, createdAt: 0))
            }
        }
    }
}
