import MillracePrimitives
import Synchronization

/// Reads records from a log: from the partitions that a group gives it, or from those that it is told to.
///
///     let consumer = try await Consumer(on: broker, settings: settings)
///     try await consumer.subscribe(to: ["orders"])
///     for try await batch in consumer.batches {
///         for record in try batch.records() { print(record.valueText ?? "") }
///     }
///
/// Used by one task at a time.
public final class Consumer: Sendable {
    private let connection: any ConsumerConnection
    private let settings: ConsumerSettings
    private let time: any TimeSource
    /// One thread, so that the connection's calls come one after the other.
    private let pool = BlockingPool(name: "consumer", threadCount: 1)
    private let lastCommit: Mutex<Int64>
    /// Kept here, because the connection does not.
    private let listener = Mutex<(any RebalanceListener & Sendable)?>(nil)
    private let isClosed = Atomic<Bool>(false)
    private let isClosing = Atomic<Bool>(false)

    /// Connects a consumer.
    public init(
        on backend: any LogBackend,
        settings: ConsumerSettings = ConsumerSettings()
    ) async throws(ClientError) {
        connection = try backend.connectConsumer(settings)
        self.settings = settings
        time = backend.time
        lastCommit = Mutex(backend.time.monotonicNanoseconds)
    }

    /// Joins the group of the settings for these topics. A topic that does not exist yet is read from when it does.
    ///
    /// - Parameter listener: hears of partitions coming and going, on the consumer's own thread during `poll` and
    ///   `close`; kept until another subscription.
    public func subscribe(
        to topics: [String],
        listener: (any RebalanceListener & Sendable)? = nil
    ) async throws(ClientError) {
        self.listener.withLock { $0 = listener }
        try await call { (connection) throws(ClientError) in try connection.subscribe(to: topics, listener: listener) }
    }

    /// Joins the group of the settings for all topics whose name `isWanted`, those that are made later included:
    ///
    ///     try await consumer.subscribe(toTopicsWhere: { $0.hasPrefix("orders-") })
    public func subscribe(
        toTopicsWhere isWanted: @escaping @Sendable (String) -> Bool,
        listener: (any RebalanceListener & Sendable)? = nil
    ) async throws(ClientError) {
        self.listener.withLock { $0 = listener }
        try await call { (connection) throws(ClientError) in
            try connection.subscribe(toTopicsWhere: isWanted, listener: listener)
        }
    }

    /// Leaves the group and gives all partitions back.
    public func unsubscribe() async throws(ClientError) {
        try await assign([])
    }

    /// Takes exactly these partitions, without a group's assignment.
    public func assign(_ partitions: [TopicPartition]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.assign(partitions) }
    }

    /// The partitions that this consumer has.
    public func assignment() async throws(ClientError) -> [TopicPartition] {
        try await call { (connection) throws(ClientError) in connection.assignment }
    }

    /// Waits for records for up to `timeout` and returns those that are there, one batch a partition; positions move
    /// past them. Commits positions by itself if the settings say so: those of batches returned earlier.
    public func poll(timeout: Duration = .milliseconds(500)) async throws(ClientError) -> [ConsumerBatch] {
        let (end, overflow) = time.monotonicNanoseconds.addingReportingOverflow(timeout.wholeNanoseconds)
        let deadline = overflow ? Int64.max : end
        try await commitIfDue()
        while true {
            let remaining = Duration.nanoseconds(max(0, deadline - time.monotonicNanoseconds))
            let slice = min(remaining, Self.slice)
            let fetched = try await call { (connection) throws(ClientError) in try connection.poll(timeout: slice) }
            // Markers and aborted records move the position and are nothing to deliver.
            let batches = fetched.filter { !$0.isEmpty }
            if !batches.isEmpty { return batches.map { ConsumerBatch($0) } }
            if remaining == .zero || Task.isCancelled { return [] }
        }
    }

    /// How long one wait may keep the consumer's thread, so that a cancelled task does not wait for long.
    private static let slice = Duration.milliseconds(100)

    /// The batches as they come, without an end; ends when the task is cancelled or the consumer is closed.
    public var batches: ConsumerBatches { ConsumerBatches(consumer: self) }

    /// Goes on at an offset.
    public func seek(_ partition: TopicPartition, to offset: Int64) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.seek(partition, to: offset) }
    }

    /// Goes on at the first record at or after a time (milliseconds since 1970), or at the end if there is none.
    public func seek(_ partition: TopicPartition, toTimestamp timestamp: Int64) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            let found = try connection.offsets(at: [partition: timestamp])[partition]
            let end = try connection.endOffsets(of: [partition])[partition] ?? 0
            try connection.seek(partition, to: found ?? end)
        }
    }

    /// Goes on at the beginning of the partitions.
    public func seekToBeginning(_ partitions: [TopicPartition]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            for (partition, offset) in try connection.beginningOffsets(of: partitions) {
                try connection.seek(partition, to: offset)
            }
        }
    }

    /// Goes on at the end of the partitions.
    public func seekToEnd(_ partitions: [TopicPartition]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            for (partition, offset) in try connection.endOffsets(of: partitions) {
                try connection.seek(partition, to: offset)
            }
        }
    }

    /// The offset of the next record.
    public func position(of partition: TopicPartition) async throws(ClientError) -> Int64 {
        try await call { (connection) throws(ClientError) in try connection.position(of: partition) }
    }

    /// Leaves partitions out until they are resumed.
    public func pause(_ partitions: [TopicPartition]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in connection.pause(partitions) }
    }

    /// Ends a pause.
    public func resume(_ partitions: [TopicPartition]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in connection.resume(partitions) }
    }

    /// Commits the positions of all assigned partitions: everything that was returned counts as done.
    public func commit() async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            var offsets: [TopicPartition: CommittedOffset] = [:]
            for partition in connection.assignment {
                // A partition whose position is not known yet has none to commit.
                guard let position = try? connection.position(of: partition) else { continue }
                offsets[partition] = CommittedOffset(offset: position)
            }
            if !offsets.isEmpty { try connection.commit(offsets) }
        }
    }

    /// Commits these positions.
    public func commit(_ offsets: [TopicPartition: CommittedOffset]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.commit(offsets) }
    }

    /// What the group has committed.
    public func committed(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try await call { (connection) throws(ClientError) in try connection.committed(partitions) }
    }

    /// The membership to hand to a transactional producer's `sendOffsets`.
    public func membership() async throws(ClientError) -> GroupMembership? {
        try await call { (connection) throws(ClientError) in connection.membership }
    }

    /// How many offsets lie between the position and the end of what can be read, for each assigned partition.
    public func lag() async throws(ClientError) -> [TopicPartition: Int64] {
        try await call { (connection) throws(ClientError) in
            var lag: [TopicPartition: Int64] = [:]
            for (partition, end) in try connection.endOffsets(of: connection.assignment) {
                lag[partition] = max(0, end - (try connection.position(of: partition)))
            }
            return lag
        }
    }

    /// Commits if the settings say so, leaves the group and ends the connection.
    public func close() async {
        guard !isClosing.exchange(true, ordering: .acquiringAndReleasing) else { return }
        connection.wakeup.ring()
        if settings.autoCommitInterval != nil, settings.groupId != nil {
            // A member that was fenced cannot commit; the new owner of its partitions reads them again.
            try? await commit()
        }
        isClosed.store(true, ordering: .releasing)
        let connection = self.connection
        await pool.run { connection.close() }
        pool.close()
    }

    deinit {
        guard !isClosing.load(ordering: .acquiring) else { return }
        // A consumer that is dropped leaves its group too; nobody is there to wait for it.
        let connection = self.connection
        pool.submit { connection.close() }
        pool.finish()
    }

    private func commitIfDue() async throws(ClientError) {
        guard let interval = settings.autoCommitInterval, settings.groupId != nil else { return }
        let now = time.monotonicNanoseconds
        let isDue = lastCommit.withLock { last in
            guard now - last >= interval.wholeNanoseconds else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        do throws(ClientError) {
            try await commit()
        } catch {
            // The poll that follows finds out what the group wants; what was not committed is read again.
            guard error.isFenced || error.isRetriable else { throw error }
        }
    }

    private func call<Value: Sendable>(
        _ body: @escaping @Sendable (any ConsumerConnection) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        guard !isClosed.load(ordering: .acquiring) else { throw ClientError(.closed, "the consumer is closed") }
        let connection = self.connection
        return try await pool.run { () throws(ClientError) in try body(connection) }
    }
}

/// A consumer's batches as an asynchronous sequence.
public struct ConsumerBatches: AsyncSequence, Sendable {
    /// What it yields.
    public typealias Element = ConsumerBatch
    /// What it throws.
    public typealias Failure = ClientError
    let consumer: Consumer

    /// Polls again when the batches of the last poll are used up.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let consumer: Consumer
        private var pending: ArraySlice<ConsumerBatch> = []

        init(consumer: Consumer) {
            self.consumer = consumer
        }

        /// The next batch; nil when the task is cancelled or the consumer is closed.
        public mutating func next() async throws(ClientError) -> ConsumerBatch? {
            try await next(isolation: nil)
        }

        /// The next batch; nil when the task is cancelled or the consumer is closed.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ClientError) -> ConsumerBatch? {
            while pending.isEmpty {
                if Task.isCancelled { return nil }
                do throws(ClientError) {
                    pending = try await consumer.poll()[...]
                } catch {
                    if error.code == .closed { return nil }
                    throw error
                }
            }
            return pending.popFirst()
        }
    }

    /// Begins to poll.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(consumer: consumer)
    }
}
