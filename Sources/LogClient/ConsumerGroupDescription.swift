import MillracePrimitives

/// Where a group is in its cycle, under Kafka's names.
public enum ConsumerGroupState: String, Hashable, Sendable, CaseIterable {
    /// No members; there may be offsets.
    case empty = "Empty"
    /// Waiting for the members to join.
    case preparingRebalance = "PreparingRebalance"
    /// Waiting for the leader to divide the partitions.
    case completingRebalance = "CompletingRebalance"
    /// All members have their partitions.
    case stable = "Stable"
    /// About to vanish.
    case dead = "Dead"
}

/// By which protocol a group's members agree, under Kafka's names.
public enum ConsumerGroupType: String, Hashable, Sendable, CaseIterable {
    /// The members' leader divides the partitions.
    case classic = "Classic"
    /// The broker does (KIP-848).
    case consumer = "Consumer"
}

/// A group in a list.
public struct GroupListing: Hashable, Sendable {
    /// The group's id.
    public var id: String
    /// Where it is in its cycle.
    public var state: ConsumerGroupState
    /// By which protocol its members agree.
    public var type: ConsumerGroupType
    /// What the members do: `consumer`; empty for a group that only keeps offsets, for consumers that assign partitions
    /// to themselves.
    public var protocolType: String

    /// Makes an entry.
    public init(id: String, state: ConsumerGroupState, type: ConsumerGroupType, protocolType: String) {
        self.id = id
        self.state = state
        self.type = type
        self.protocolType = protocolType
    }
}

/// A group as it is.
public struct ConsumerGroupDescription: Hashable, Sendable {
    /// A member of a group.
    public struct Member: Hashable, Sendable {
        /// The id that the group gave it.
        public var id: String
        /// A static member's name for itself.
        public var groupInstanceId: String?
        /// The client's name for itself.
        public var clientId: String
        /// Where the client is.
        public var host: String
        /// What it subscribes to, sorted; empty while a rebalance is under way.
        public var topics: [String]
        /// What it reads, sorted; empty while a rebalance is under way.
        public var assignment: [TopicPartition]

        /// Makes a member.
        public init(
            id: String,
            groupInstanceId: String? = nil,
            clientId: String,
            host: String,
            topics: [String],
            assignment: [TopicPartition]
        ) {
            self.id = id
            self.groupInstanceId = groupInstanceId
            self.clientId = clientId
            self.host = host
            self.topics = topics
            self.assignment = assignment
        }
    }

    /// The group's id.
    public var id: String
    /// Where it is in its cycle.
    public var state: ConsumerGroupState
    /// By which protocol its members agree.
    public var type: ConsumerGroupType
    /// What the members do: `consumer`; empty for a group that only keeps offsets.
    public var protocolType: String
    /// Kafka's name of the strategy in use, such as `range`; empty while a rebalance is under way.
    public var assignmentStrategy: String
    /// How many rebalances there were.
    public var generation: Int32
    /// The member that divides the partitions.
    public var leaderId: String?
    /// Who keeps the group, and the partition that its offsets are in.
    public var coordinator: String
    /// The members, sorted by id.
    public var members: [Member]

    /// Makes a description.
    public init(
        id: String,
        state: ConsumerGroupState,
        type: ConsumerGroupType,
        protocolType: String,
        assignmentStrategy: String,
        generation: Int32,
        leaderId: String?,
        coordinator: String,
        members: [Member]
    ) {
        self.id = id
        self.state = state
        self.type = type
        self.protocolType = protocolType
        self.assignmentStrategy = assignmentStrategy
        self.generation = generation
        self.leaderId = leaderId
        self.coordinator = coordinator
        self.members = members
    }
}

/// How far a group is behind in a partition.
public struct PartitionLag: Hashable, Sendable {
    /// The partition.
    public var partition: TopicPartition
    /// What the group has committed; nil if nothing.
    public var committed: CommittedOffset?
    /// The first offset that the partition still holds.
    public var startOffset: Int64
    /// Up to where readers of the asked isolation level get: the last stable offset, or the high watermark.
    public var endOffset: Int64
    /// The offsets from the committed position to the end; nil without a commit.
    ///
    /// Offsets, not records: transaction markers take one each, aborted records keep theirs, and compaction leaves gaps.
    /// A consumer that has caught up and committed has a lag of 0 nevertheless, since its position moves past all of
    /// these; a marker that comes afterwards counts until the next poll and commit.
    public var lag: Int64?
    /// The records that the group will still get; nil without a commit, and where too much of the log would have to be
    /// read to count them. 0 says for certain that nothing is left to read, whatever `lag` says.
    public var recordLag: Int64?
    /// The member that reads the partition; nil if none does.
    public var member: ConsumerGroupDescription.Member?

    /// Makes a value.
    public init(
        partition: TopicPartition,
        committed: CommittedOffset?,
        startOffset: Int64,
        endOffset: Int64,
        lag: Int64?,
        recordLag: Int64?,
        member: ConsumerGroupDescription.Member?
    ) {
        self.partition = partition
        self.committed = committed
        self.startOffset = startOffset
        self.endOffset = endOffset
        self.lag = lag
        self.recordLag = recordLag
        self.member = member
    }
}
