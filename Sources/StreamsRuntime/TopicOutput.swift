import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// The open batches of one topic: records are encoded straight into them and sent when they are full.
///
/// Belongs to a stream thread; all of its tasks share it, since a thread has one producer.
public final class TopicOutput {
    /// The topic's full name.
    public let topic: String
    /// How many partitions the topic has.
    public let partitionCount: Int32

    private let partitions: [TopicPartition]
    private let producer: any ProducerConnection
    private let batchSize: Int
    private let compression: Compression
    private let maximumRecordSize: Int
    private let sendsAtOnce: Bool
    /// The open batch of each partition, made when it is first needed. Held by hand: the record loop would otherwise
    /// count a reference up and down for every record.
    private let open: UnsafeMutablePointer<Unmanaged<RecordBatchBuilder>?>
    /// The partition that records without a key go to until their batch is sent.
    private var stickyPartition: Int32 = 0

    init(
        topic: String,
        partitionCount: Int32,
        producer: any ProducerConnection,
        batchSize: Int,
        compression: Compression = .none,
        maximumRecordSize: Int = Int.max,
        sendsAtOnce: Bool = false
    ) {
        self.topic = topic
        self.partitionCount = partitionCount
        self.producer = producer
        self.batchSize = batchSize
        self.compression = compression
        self.maximumRecordSize = maximumRecordSize
        self.sendsAtOnce = sendsAtOnce
        partitions = (0..<partitionCount).map { TopicPartition(topic, $0) }
        open = .allocate(capacity: Int(partitionCount))
        open.initialize(repeating: nil, count: Int(partitionCount))
    }

    /// Stands in for a topic that cannot be written, until the task that asked for it is given up.
    static func unavailable(_ topic: String, because error: ClientError) -> TopicOutput {
        TopicOutput(topic: topic, partitionCount: 0, producer: UnavailableProducer(error), batchSize: 0)
    }

    deinit {
        for partition in 0..<Int(partitionCount) { open[partition]?.release() }
        open.deinitialize(count: Int(partitionCount))
        open.deallocate()
    }

    /// Appends a record, to the partition of its key as Kafka's default partitioner chooses it.
    public func append(
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        timestamp: Int64,
        headers: UnsafeRawBufferPointer
    ) throws {
        let partition: Int32
        if let key {
            partition = partitionCount == 1 ? 0 : Hashes.partition(forKey: key, of: partitionCount)
        } else {
            partition = stickyPartition
        }
        try append(to: partition, key: key, value: value, timestamp: timestamp, headers: headers)
    }

    /// Appends a record to a partition.
    public func append(
        to partition: Int32,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        timestamp: Int64,
        headers: UnsafeRawBufferPointer
    ) throws {
        guard partition >= 0, partition < partitionCount else {
            throw ClientError(
                .unknownTopicOrPartition,
                "topic \(topic) has \(partitionCount) partitions; there is no \(partition)"
            )
        }
        let size = (key?.count ?? 0) + (value?.count ?? 0) + headers.count
        if size > maximumRecordSize { throw tooLarge(size) }
        let batch = open[Int(partition)] ?? makeBatch(for: partition)
        let isAppended = batch._withUnsafeGuaranteedRef {
            $0.append(key: key, value: value, timestamp: timestamp, headers: headers)
        }
        if isAppended {
            if sendsAtOnce { try send(batch.takeUnretainedValue(), partition) }
            return
        }
        let full = batch.takeUnretainedValue()
        try send(full, partition)
        full.append(key: key, value: value, timestamp: timestamp, headers: headers)
    }

    private func tooLarge(_ size: Int) -> ClientError {
        ClientError(
            .recordTooLarge,
            "a record for \(topic) has \(size) bytes, and maximumRecordSize allows \(maximumRecordSize)"
        )
    }

    private func makeBatch(for partition: Int32) -> Unmanaged<RecordBatchBuilder> {
        let made = Unmanaged.passRetained(RecordBatchBuilder(capacity: batchSize, compression: compression))
        open[Int(partition)] = made
        return made
    }

    /// Sends every batch that holds a record.
    func flush() throws(ClientError) {
        for partition in 0..<partitionCount {
            guard let batch = open[Int(partition)]?.takeUnretainedValue(), !batch.isEmpty else { continue }
            try send(batch, partition)
        }
    }

    /// Forgets the records that were not sent.
    func discard() {
        for partition in 0..<Int(partitionCount) { open[partition]?.takeUnretainedValue().reset() }
    }

    private func send(_ batch: RecordBatchBuilder, _ partition: Int32) throws(ClientError) {
        try producer.send(batch, to: partitions[Int(partition)], onDelivery: nil)
        batch.reset()
        if partition == stickyPartition { stickyPartition = (stickyPartition + 1) % partitionCount }
    }
}

/// One partition of a changelog topic.
public struct ChangelogOutput {
    let output: TopicOutput
    let partition: Int32

    /// Appends a change; a null value says that the key was removed.
    public func append(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) throws {
        try output.append(
            to: partition,
            key: key,
            value: value,
            timestamp: timestamp,
            headers: UnsafeRawBufferPointer(start: nil, count: 0)
        )
    }
}

/// Everything that a stream thread writes, through one producer; a transactional one under exactly-once.
package final class RecordCollector: OutputProvider {
    let producer: any ProducerConnection
    private let guarantee: ProcessingGuarantee
    private let sendsAtOnce: Bool
    private let batchSize: Int
    private let compression: Compression
    private let maximumRecordSize: Int
    private var outputs: [String: TopicOutput] = [:]
    private var isInTransaction = false

    /// - Parameter sendsAtOnce: whether each record is sent as soon as it is written, in a batch of its own, so that
    ///   the order of records of different topics can be told.
    package init(
        producer: any ProducerConnection,
        configuration: StreamsConfiguration,
        sendsAtOnce: Bool = false
    ) {
        self.producer = producer
        guarantee = configuration.guarantee
        self.sendsAtOnce = sendsAtOnce
        batchSize = configuration.batchSize
        compression = configuration.compression
        maximumRecordSize = configuration.maximumRecordSize
    }

    package func output(to topic: String) throws(ClientError) -> TopicOutput {
        if let existing = outputs[topic] { return existing }
        let output = TopicOutput(
            topic: topic,
            partitionCount: try producer.partitionCount(of: topic),
            producer: producer,
            batchSize: batchSize,
            compression: compression,
            maximumRecordSize: maximumRecordSize,
            sendsAtOnce: sendsAtOnce
        )
        outputs[topic] = output
        return output
    }

    /// Opens the transaction that the next records belong to, if there is none; called before records are processed.
    package func begin() throws(ClientError) {
        guard guarantee == .exactlyOnce, !isInTransaction else { return }
        try producer.beginTransaction()
        isInTransaction = true
    }

    /// Sends what is open and, under exactly-once, commits it together with the positions (invariant 1, atomic).
    package func commit(
        _ offsets: [TopicPartition: CommittedOffset],
        as membership: GroupMembership
    ) throws(ClientError) {
        for output in outputs.values { try output.flush() }
        switch guarantee {
        case .exactlyOnce:
            try begin()
            if !offsets.isEmpty { try producer.sendOffsets(offsets, for: membership) }
            try producer.commitTransaction()
            isInTransaction = false
        case .atLeastOnce, .atMostOnce:
            try producer.flush()
        }
    }

    /// Commits dead letters by themselves, after everything else of the failed transaction was aborted.
    package func write(apart letters: [DeadLetter]) throws {
        guard !letters.isEmpty else { return }
        try begin()
        for letter in letters { try letter.append(to: try output(to: letter.topic)) }
        for output in outputs.values { try output.flush() }
        switch guarantee {
        case .exactlyOnce:
            try producer.commitTransaction()
            isInTransaction = false
        case .atLeastOnce, .atMostOnce:
            try producer.flush()
        }
    }

    /// Drops what was not committed.
    package func abort() throws(ClientError) {
        for output in outputs.values { output.discard() }
        guard isInTransaction else { return }
        isInTransaction = false
        try producer.abortTransaction()
    }
}
