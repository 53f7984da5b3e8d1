import MillraceLogStorage

/// How an embedded broker works. Plain values; Kafka's defaults unless said.
public struct BrokerConfiguration: Hashable, Sendable {
    /// How many partitions `__consumer_offsets` has. Kafka: `offsets.topic.num.partitions` (50); 1 here, so that a small
    /// commit touches few files. Kept once a directory is made.
    public var offsetsTopicPartitions: Int32 = 1
    /// How many partitions `__transaction_state` has. Kafka: `transaction.state.log.num.partitions` (50); 1 here.
    public var transactionTopicPartitions: Int32 = 1
    /// The longest time-out that a transaction may ask for. Kafka: `transaction.max.timeout.ms`.
    public var maximumTransactionTimeout = Duration.seconds(900)
    /// How long a transactional id that nobody uses is remembered. Kafka: `transactional.id.expiration.ms`.
    public var transactionalIdExpiration = Duration.seconds(604_800)
    /// Settings of topics that do not set them, by Kafka's names, such as `segment.bytes`.
    public var topicDefaults: [String: String] = [:]
    /// How long the first rebalance of an empty group waits for more members. None here, where most members are in one
    /// process. Kafka: `group.initial.rebalance.delay.ms` (3 seconds).
    public var groupInitialRebalanceDelay = Duration.zero
    /// The most members of a group. Kafka: `group.max.size` (without limit).
    public var groupSizeMaximum = 10_000
    /// The shortest session timeout that a member may ask for. Kafka: `group.min.session.timeout.ms`.
    public var groupSessionTimeoutMinimum = Duration.seconds(6)
    /// The longest session timeout that a member may ask for. Kafka: `group.max.session.timeout.ms`.
    public var groupSessionTimeoutMaximum = Duration.seconds(1_800)
    /// How long committed offsets are kept after their group became empty, or stopped reading the topic. Kafka:
    /// `offsets.retention.minutes`.
    public var offsetsRetention = Duration.seconds(7 * 86_400)
    /// How often timed-out transactions and sessions are looked for.
    public var housekeepingInterval = Duration.milliseconds(100)
    /// How often records are looked for that topics need not keep. Kafka: `log.retention.check.interval.ms`.
    public var retentionCheckInterval = Duration.seconds(300)
    /// How often logs are looked for that are to be compacted. Kafka: `log.cleaner.backoff.ms`.
    public var cleanerInterval = Duration.seconds(15)
    /// How much memory the cleaner may take for the keys of a log, in bytes; a log with more keys takes several passes.
    /// Kafka: `log.cleaner.dedupe.buffer.size` (128 MiB); 32 MiB here, taken only as far as it is needed.
    public var cleanerKeyMemoryBytes = 32 << 20
    /// How many bytes a second the cleaner reads and writes at most, so that others get to the disk; nil for no limit.
    /// Kafka: `log.cleaner.io.max.bytes.per.second`.
    public var cleanerBytesPerSecond: Int?
    /// What tests break on purpose.
    package var deliberateFaults: DeliberateFaults = []

    /// The defaults.
    public init() {}
}
