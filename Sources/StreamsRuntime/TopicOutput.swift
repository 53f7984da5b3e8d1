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
    private let sizeLimit: RecordSizeLimit
    private let sendsAtOnce: Bool
    private let failure: ProducerFailure
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
        sizeLimit: RecordSizeLimit = RecordSizeLimit(),
        sendsAtOnce: Bool = false,
        failure: ProducerFailure = ProducerFailure()
    ) {
        self.topic = topic
        self.partitionCount = partitionCount
        self.producer = producer
        self.batchSize = min(batchSize, sizeLimit.batchSizeMax)
        self.compression = compression
        self.sizeLimit = sizeLimit
        self.sendsAtOnce = sendsAtOnce
        self.failure = failure
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
    @inline(__always)
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
        if size > sizeLimit.sureSizeMax { try check(key?.count ?? 0, value?.count ?? 0, headers.count) }
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

    /// Up to this many bytes of key, value and headers no check is needed.
    var sureSizeMax: Int { sizeLimit.sureSizeMax }

    /// Throws if a record with so many bytes of key, value and headers is larger than the settings or the topic allow.
    /// Whoever changes something that follows from what is written asks before.
    @usableFromInline
    func check(_ keyCount: Int, _ valueCount: Int, _ headersCount: Int = 0) throws(ClientError) {
        guard let problem = sizeLimit.problem(keyCount, valueCount, headersCount) else { return }
        throw ClientError(.recordTooLarge, "a record for \(topic) \(problem)")
    }

    /// Whether a record with so many bytes of key, value and headers can be written.
    func takes(_ keyCount: Int, _ valueCount: Int, _ headersCount: Int) -> Bool {
        sizeLimit.problem(keyCount, valueCount, headersCount) == nil
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
        do throws(ClientError) {
            try producer.send(batch, to: partitions[Int(partition)], onDelivery: nil)
        } catch {
            // It is not about the record that came now: others were refused with it, and so was their transaction.
            failure.note(error)
            throw error
        }
        batch.reset()
        if partition == stickyPartition { stickyPartition = (stickyPartition + 1) % partitionCount }
    }
}

/// Why a producer's connection failed, if it did: nothing of its transaction can be committed then. Shared by all outputs
/// of a stream thread, and owned by it.
final class ProducerFailure {
    private(set) var error: ClientError?

    func note(_ error: ClientError) { self.error = self.error ?? error }

    func clear() { error = nil }
}

/// One partition of a changelog topic.
public struct ChangelogOutput {
    @usableFromInline let output: TopicOutput
    let partition: Int32
    let failures: FailureHandling
    @usableFromInline let sureSizeMax: Int

    init(output: TopicOutput, partition: Int32, failures: FailureHandling) {
        self.output = output
        self.partition = partition
        self.failures = failures
        sureSizeMax = output.sureSizeMax
    }

    /// Throws if a row is larger than the changelog takes. Asked before the store is changed: then a refusal is the
    /// operator's failure at this record, and leaves the store as it was.
    ///
    /// - Parameters:
    ///   - keyCount: the bytes of the row's key in the changelog.
    ///   - valueCount: those of its value.
    @inlinable
    public func check(keyCount: Int, valueCount: Int) throws {
        if keyCount &+ valueCount > sureSizeMax { try output.check(keyCount, valueCount) }
    }

    /// Appends a change; a null value says that the key was removed. The store has changed already, so that a failure is
    /// no operator's: no policy takes it, and the user's code cannot swallow it (invariant 6, state follows the log).
    public func append(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) throws {
        do {
            try output.append(
                to: partition,
                key: key,
                value: value,
                timestamp: timestamp,
                headers: UnsafeRawBufferPointer(start: nil, count: 0)
            )
        } catch {
            failures.noteEscaping(error)
            throw error
        }
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
    private let producerFailure = ProducerFailure()
    package var failure: ClientError? { producerFailure.error }
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
            sizeLimit: RecordSizeLimit(
                recordSizeMax: maximumRecordSize,
                topicMax: try producer.maximumBatchSize(of: topic),
                isCompressed: compression.codec != .none
            ),
            sendsAtOnce: sendsAtOnce,
            failure: producerFailure
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
        producerFailure.clear()
        guard isInTransaction else { return }
        isInTransaction = false
        try producer.abortTransaction()
    }
}
