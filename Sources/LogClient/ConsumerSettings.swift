/// Which records a reader gets.
public enum IsolationLevel: Hashable, Sendable {
    /// All that were written, those of aborted and undecided transactions included.
    case readUncommitted
    /// Those of committed transactions, and those written outside of any, up to the last stable offset.
    case readCommitted
}

/// Where a consumer begins in a partition without a committed offset, or whose offset is out of range.
public enum OffsetReset: Hashable, Sendable {
    /// At the beginning of the log.
    case earliest
    /// At its end.
    case latest
    /// At the first record that is at most this old, or at the end if there is none (KIP-1106).
    case duration(Duration)
    /// Nowhere: it is an error.
    case none
}

/// How a consumer works. Plain values with Kafka's defaults where they make sense in a process.
public struct ConsumerSettings: Hashable, Sendable {
    /// The group that shares the partitions and commits offsets; nil for a consumer that assigns by itself and commits
    /// nothing. Kafka: `group.id`.
    public var groupId: String?
    /// A name for logs and group descriptions. Kafka: `client.id`.
    public var clientId = "consumer"
    /// The identity of a static member, which keeps its partitions over a restart. Kafka: `group.instance.id`.
    public var groupInstanceId: String?
    /// What is read. Kafka: `isolation.level` (whose default is `read_uncommitted`).
    public var isolation = IsolationLevel.readCommitted
    /// Where to begin without an offset. Kafka: `auto.offset.reset` (whose default is `latest`).
    public var offsetReset = OffsetReset.earliest
    /// Where to begin in topics that have a setting of their own.
    public var topicOffsetResets: [String: OffsetReset] = [:]
    /// How often positions are committed by themselves; nil for not at all. Kafka: `auto.commit.interval.ms`.
    public var autoCommitInterval: Duration? = .seconds(5)
    /// The strategies that this member can work with, the preferred first; the group takes one that all its members
    /// offer, by vote. Kafka: `partition.assignment.strategy`.
    public var assignmentStrategies: [AssignmentStrategy] = [.range, .cooperativeSticky]
    /// A member that was not heard of for this long, because its process is gone, is removed from its group. Kafka:
    /// `session.timeout.ms`.
    public var sessionTimeout = Duration.seconds(45)
    /// How often a member reports, whether it polls or works. Kafka: `heartbeat.interval.ms`.
    public var heartbeatInterval = Duration.seconds(3)
    /// The longest time between two polls: a member that works longer on what it got leaves the group, so that another
    /// goes on. Also how long a rebalance waits for a member. Kafka: `max.poll.interval.ms`.
    public var maximumPollInterval = Duration.seconds(300)
    /// The most bytes of one partition in one poll. Kafka: `max.partition.fetch.bytes`.
    public var maximumPartitionBytes = 1 << 20
    /// The most bytes in one poll. Kafka: `fetch.max.bytes`.
    public var maximumBytes = 50 << 20

    /// The defaults.
    public init() {}

    /// Throws if the settings contradict each other.
    public func validate() throws(ClientError) {
        func require(_ condition: Bool, _ message: String) throws(ClientError) {
            guard condition else { throw ClientError(.invalidArgument, message) }
        }
        if let groupId { try require(!groupId.isEmpty, "a group id must not be empty") }
        try require(maximumPartitionBytes > 0, "maximumPartitionBytes must be positive, not \(maximumPartitionBytes)")
        try require(maximumBytes > 0, "maximumBytes must be positive, not \(maximumBytes)")
        try require(
            heartbeatInterval < sessionTimeout,
            "heartbeatInterval (\(heartbeatInterval)) must be shorter than sessionTimeout (\(sessionTimeout))"
        )
        try require(maximumPollInterval > .zero, "maximumPollInterval must be positive, not \(maximumPollInterval)")
        try require(!assignmentStrategies.isEmpty, "assignmentStrategies must name at least one")
        try require(
            Set(assignmentStrategies).count == assignmentStrategies.count,
            "assignmentStrategies must name each one once: \(assignmentStrategies.map(\.rawValue))"
        )
        for case .duration(let age) in [offsetReset] + topicOffsetResets.values {
            try require(age >= .zero, "offsetReset cannot be .duration(\(age)): records are not younger than now")
        }
    }

    /// Where to begin in a topic without an offset.
    public func offsetReset(of topic: String) -> OffsetReset { topicOffsetResets[topic] ?? offsetReset }
}
