import MillraceLogClient
import MillraceRecordFormat

/// What a streams application promises about each input record.
public enum ProcessingGuarantee: String, Hashable, Sendable, CaseIterable {
    /// Outputs, state changes and input positions become visible together, once. Kafka: `exactly_once_v2`.
    case exactlyOnce
    /// Every record is processed; after a crash some are processed again. Kafka: `at_least_once`.
    case atLeastOnce
    /// No record is processed twice; after a crash some are not processed at all.
    case atMostOnce
}

/// What to do when a thread meets an error that no other policy took care of.
public enum UncaughtErrorPolicy: Hashable, Sendable {
    /// Drop what was not committed, and go on with a new thread from the last commit. What no restart cures, such as a
    /// broker that was closed or a record that cannot be decoded, stops the application nevertheless.
    case replaceThread
    /// Stop the application; `run()` throws the error.
    case stop
}

/// How a streams application works. Plain values with Kafka Streams' defaults where they fit.
public struct StreamsConfiguration: Sendable {
    /// The promise. Kafka: `processing.guarantee` (whose default is at-least-once).
    public var guarantee = ProcessingGuarantee.exactlyOnce
    /// How many threads process. Kafka: `num.stream.threads`.
    public var threads = 1
    /// How often results are committed, and so how long they take to be seen. Kafka: `commit.interval.ms`.
    public var commitInterval = Duration.milliseconds(100)
    /// The bytes of updates that each store of a task may hold back so that only the last one of a key is passed on at a
    /// commit; 0 passes on every update. Kafka: `statestore.cache.max.bytes`.
    public var cacheMaximumBytes = 10 << 20
    /// How many records of a partition are fetched ahead. Kafka: `buffered.records.per.partition`.
    public var bufferedRecordsPerPartition = 20_000
    /// How long a task that reads several partitions, and has come to the end of one of them, waits for a record there before
    /// it goes on with the others: so that records are processed in the order of their times where one partition is filled
    /// later than another. Zero waits only for what is in the log already; nil does not wait at all, not even for that.
    /// Kafka: `max.task.idle.ms`.
    public var maximumTaskIdle: Duration? = .zero
    /// The longest wait for new records. Kafka: `poll.ms`.
    public var pollInterval = Duration.milliseconds(100)
    /// Where to begin in an input topic without a committed position. Kafka: `auto.offset.reset`.
    public var offsetReset = OffsetReset.earliest
    /// How long a transaction may stay open until the coordinator aborts it. Kafka: `transaction.timeout.ms`.
    public var transactionTimeout = Duration.seconds(10)
    /// How long a thread that gets nowhere begins again after errors that a restart should cure, such as an aborted
    /// transaction; then `onUncaughtError` decides. Kafka: `task.timeout.ms`.
    public var taskTimeout = Duration.seconds(300)
    /// An application whose process is not heard of for this long loses its tasks. Kafka: `session.timeout.ms`.
    public var sessionTimeout = Duration.seconds(45)
    /// A thread that is busy with one record, or with restoring its stores, for longer than this loses its tasks. Kafka:
    /// `max.poll.interval.ms`.
    public var maximumPollInterval = Duration.seconds(300)
    /// How often, at most, operators that emit when a window closes look for those that have closed; at each record with
    /// zero. Kafka: 1 s, by two internal settings.
    public var emitInterval = Duration.seconds(1)
    /// The size of output batches in bytes. Kafka: `batch.size`.
    public var batchSize = 64 << 10
    /// The compression of output batches, changelogs included. Kafka: `compression.type` of the producer.
    public var compression = Compression.none
    /// How often records of internal topics are deleted that are not needed any more: those of repartition topics that
    /// were processed, and those of changelogs whose rows have expired. Kafka: `repartition.purge.interval.ms`.
    public var repartitionPurgeInterval = Duration.seconds(30)
    /// The largest record that is written, in bytes of key, value and headers. Kafka: `max.request.size`.
    public var maximumRecordSize = 1_000_000
    /// Whether every store and repartition topic must have a name that was given, not derived. Kafka:
    /// `ensure.explicit.internal.resource.naming`.
    public var requiresExplicitNames = false
    /// What happens to a record that cannot be decoded. Kafka: `deserialization.exception.handler`.
    public var onDecodingError = ErrorPolicy.fail
    /// What happens to a record at which an operator fails: a function that it was given throws, or a serde of its store, or
    /// the row is too large for the store's changelog. Kafka: `processing.exception.handler` (KIP-1033).
    public var onProcessingError = ErrorPolicy.fail
    /// What happens to a result that cannot be written to its topic: its serde throws, it is too large, there is no such topic.
    /// Kafka: `production.exception.handler`.
    public var onProductionError = ErrorPolicy.fail
    /// What happens when a thread meets an error that no policy took care of. Kafka: the uncaught exception handler.
    public var onUncaughtError = UncaughtErrorPolicy.stop

    /// The defaults.
    public init() {}

    /// The topics that the policies are known to send records to.
    package var deadLetterTopics: Set<String> {
        [onDecodingError, onProcessingError, onProductionError].reduce(into: []) { $0.formUnion($1.deadLetterTopics) }
    }

    /// Throws if a setting makes no sense or two contradict each other.
    public func validate() throws(StreamsError) {
        func require(_ condition: Bool, _ message: String) throws(StreamsError) {
            guard condition else { throw .invalidConfiguration(message) }
        }
        try require(threads >= 1, "threads must be 1 or more, not \(threads)")
        try require(commitInterval > .zero, "commitInterval must be positive, not \(commitInterval)")
        try require(pollInterval > .zero, "pollInterval must be positive, not \(pollInterval)")
        try require(
            repartitionPurgeInterval > .zero,
            "repartitionPurgeInterval must be positive, not \(repartitionPurgeInterval)"
        )
        try require(
            maximumTaskIdle ?? .zero >= .zero,
            "maximumTaskIdle must not be negative, but \(maximumTaskIdle ?? .zero) is; nil does not wait at all"
        )
        try require(emitInterval >= .zero, "emitInterval must not be negative, but \(emitInterval) is")
        try require(sessionTimeout > .zero, "sessionTimeout must be positive, not \(sessionTimeout)")
        try require(maximumPollInterval > .zero, "maximumPollInterval must be positive, not \(maximumPollInterval)")
        try require(transactionTimeout > .zero, "transactionTimeout must be positive, not \(transactionTimeout)")
        try require(taskTimeout >= .zero, "taskTimeout must not be negative, but \(taskTimeout) is")
        try require(cacheMaximumBytes >= 0, "cacheMaximumBytes must not be negative; 0 turns caching off")
        try require(bufferedRecordsPerPartition >= 1, "bufferedRecordsPerPartition must be 1 or more")
        try require(maximumRecordSize >= 1, "maximumRecordSize must be positive, not \(maximumRecordSize)")
        try require(batchSize >= 1, "batchSize must be positive, not \(batchSize)")
        try require(
            guarantee != .exactlyOnce || commitInterval < transactionTimeout,
            "commitInterval (\(commitInterval)) must be shorter than transactionTimeout (\(transactionTimeout)), or every "
                + "transaction is aborted before it commits"
        )
    }
}
