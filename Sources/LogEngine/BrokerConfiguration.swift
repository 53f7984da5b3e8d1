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
    /// How often timed-out transactions and sessions are looked for.
    public var housekeepingInterval = Duration.milliseconds(100)

    /// The defaults.
    public init() {}
}
