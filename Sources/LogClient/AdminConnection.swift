import MillracePrimitives

/// A topic to be made.
public struct NewTopic: Hashable, Sendable {
    /// The name: letters, digits, `.`, `_` and `-`, 249 characters at most.
    public var name: String
    /// How many partitions.
    public var partitions: Int32
    /// Kafka's topic settings by name, such as `cleanup.policy`; those not named have the broker's defaults.
    public var configuration: [String: String]

    /// Makes a topic's description.
    public init(_ name: String, partitions: Int32 = 1, configuration: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.configuration = configuration
    }
}

/// A topic as it is.
public struct TopicDescription: Hashable, Sendable {
    /// The name.
    public var name: String
    /// The id that the topic keeps as long as it lives.
    public var id: Identifier128
    /// How many partitions.
    public var partitionCount: Int32
    /// Whether the log uses it for its own bookkeeping.
    public var isInternal: Bool
    /// The settings that differ from the defaults, by Kafka's names.
    public var configuration: [String: String]

    /// Makes a description.
    public init(
        name: String,
        id: Identifier128,
        partitionCount: Int32,
        isInternal: Bool,
        configuration: [String: String]
    ) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.isInternal = isInternal
        self.configuration = configuration
    }
}

/// An administrator's synchronous connection to a log. Calls may come from any thread.
public protocol AdminConnection: GroupAdministration, TransactionAdministration {
    /// Makes a topic.
    func createTopic(_ topic: NewTopic) throws(ClientError)
    /// Deletes a topic with its data.
    func deleteTopic(_ name: String) throws(ClientError)
    /// The names of all topics, sorted.
    func topicNames() throws(ClientError) -> [String]
    /// A topic's description; nil if there is none of this name.
    func describeTopic(_ name: String) throws(ClientError) -> TopicDescription?
    /// Raises the number of partitions.
    func createPartitions(of topic: String, total: Int32) throws(ClientError)
    /// Changes settings by Kafka's names; nil sets one back to its default.
    func alterConfiguration(of topic: String, _ changes: [String: String?]) throws(ClientError)
    /// Drops the records before an offset.
    func deleteRecords(_ partition: TopicPartition, before offset: Int64) throws(ClientError)
    /// The offsets that a group has committed.
    func committedOffsets(of group: String) throws(ClientError) -> [TopicPartition: CommittedOffset]
    /// First offset and end offset (by isolation level) of a partition.
    func offsetRange(
        of partition: TopicPartition,
        isolation: IsolationLevel
    ) throws(ClientError) -> Range<Int64>
    /// The producers that a partition remembers, by id.
    func describeProducers(of partition: TopicPartition) throws(ClientError) -> [PartitionProducer]
}
