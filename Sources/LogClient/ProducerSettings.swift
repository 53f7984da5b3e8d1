import MillraceRecordFormat

/// When a sent record counts as stored (Kafka's `acks`).
public enum Acknowledgement: Hashable, Sendable {
    /// As soon as it was handed over; nothing is promised.
    case none
    /// When the log has written it: it survives the process being killed.
    case written
    /// When it survives loss of power.
    case durable
}

/// How a producer works. Plain values with Kafka's defaults where they make sense in a process.
public struct ProducerSettings: Hashable, Sendable {
    /// A name for logs.
    public var clientId = "producer"
    /// When a send counts as done. Kafka: `acks`; idempotence needs `.durable`.
    public var acknowledgement = Acknowledgement.durable
    /// Whether retries are recognised so that they leave no duplicates. Kafka: `enable.idempotence`.
    public var isIdempotent = true
    /// The size in bytes at which a batch is closed. Kafka: `batch.size`.
    public var batchSize = 64 << 10
    /// How long a batch waits for more records. Kafka: `linger.ms`.
    public var linger = Duration.milliseconds(5)
    /// The bytes that may wait to be sent before `send` waits too. Kafka: `buffer.memory`.
    public var bufferMemory = 32 << 20
    /// The compression of batches. Kafka: `compression.type`.
    public var compression = Compression.none
    /// The largest record or batch in bytes. Kafka: `max.request.size`.
    public var maximumRequestSize = 1 << 20
    /// The transactional id of a transactional producer; nil for a plain one. Kafka: `transactional.id`.
    public var transactionalId: String?
    /// How long a transaction may take until the coordinator aborts it. Kafka: `transaction.timeout.ms`.
    public var transactionTimeout = Duration.seconds(60)

    /// The defaults.
    public init() {}

    /// Throws if the settings contradict each other.
    public func validate() throws(ClientError) {
        func require(_ condition: Bool, _ message: String) throws(ClientError) {
            guard condition else { throw ClientError(.invalidArgument, message) }
        }
        try require(batchSize > 0, "batchSize must be positive, not \(batchSize)")
        try require(bufferMemory >= batchSize, "bufferMemory (\(bufferMemory)) must hold a batch (\(batchSize))")
        try require(linger >= .zero, "linger must not be negative")
        try require(maximumRequestSize > 0, "maximumRequestSize must be positive, not \(maximumRequestSize)")
        if isIdempotent || transactionalId != nil {
            try require(
                acknowledgement == .durable,
                "an idempotent or transactional producer needs acknowledgement .durable; it is .\(acknowledgement)"
            )
        }
        if let transactionalId {
            try require(!transactionalId.isEmpty, "a transactional id must not be empty")
            try require(isIdempotent, "a transactional producer is idempotent; leave isIdempotent on")
            try require(transactionTimeout > .zero, "transactionTimeout must be positive")
        }
    }
}
