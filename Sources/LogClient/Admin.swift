import MillracePrimitives

/// Makes, changes and describes topics, and looks at groups.
public final class Admin: Sendable {
    private let connection: any AdminConnection
    let time: any TimeSource
    private let pool = BlockingPool(name: "admin", threadCount: 1)

    /// Connects an administrator.
    public init(on backend: any LogBackend) throws(ClientError) {
        connection = try backend.connectAdmin()
        time = backend.time
    }

    deinit {
        pool.close()
    }

    /// Makes a topic.
    public func createTopic(_ topic: NewTopic) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.createTopic(topic) }
    }

    /// Makes a topic unless there is one of its name already.
    public func createTopicIfMissing(_ topic: NewTopic) async throws(ClientError) {
        do throws(ClientError) {
            try await createTopic(topic)
        } catch {
            guard error.code == .topicAlreadyExists else { throw error }
        }
    }

    /// Deletes a topic with its data.
    public func deleteTopic(_ name: String) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.deleteTopic(name) }
    }

    /// The names of all topics, sorted.
    public func topicNames() async throws(ClientError) -> [String] {
        try await call { (connection) throws(ClientError) in try connection.topicNames() }
    }

    /// A topic's description; nil if there is none of this name.
    public func describeTopic(_ name: String) async throws(ClientError) -> TopicDescription? {
        try await call { (connection) throws(ClientError) in try connection.describeTopic(name) }
    }

    /// Raises the number of partitions of a topic to `total`.
    public func createPartitions(of topic: String, total: Int32) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.createPartitions(of: topic, total: total) }
    }

    /// Changes settings by Kafka's names; nil sets one back to its default.
    public func alterConfiguration(of topic: String, _ changes: [String: String?]) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.alterConfiguration(of: topic, changes) }
    }

    /// Drops the records before an offset.
    public func deleteRecords(_ partition: TopicPartition, before offset: Int64) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.deleteRecords(partition, before: offset) }
    }

    /// The offsets that a group has committed.
    public func committedOffsets(of group: String) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try await call { (connection) throws(ClientError) in try connection.committedOffsets(of: group) }
    }

    /// First offset and end offset of a partition, for a reader of this isolation level.
    public func offsetRange(
        of partition: TopicPartition,
        isolation: IsolationLevel = .readCommitted
    ) async throws(ClientError) -> Range<Int64> {
        try await call { (connection) throws(ClientError) in
            try connection.offsetRange(of: partition, isolation: isolation)
        }
    }

    /// The active producers of a partition, by id: those that wrote lately, and those with an open transaction, which
    /// holds readers of committed data up where it begins.
    public func describeProducers(of partition: TopicPartition) async throws(ClientError) -> [PartitionProducer] {
        try await call { (connection) throws(ClientError) in try connection.describeProducers(of: partition) }
    }

    func call<Value: Sendable>(
        _ body: @escaping @Sendable (any AdminConnection) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let connection = self.connection
        return try await pool.run { () throws(ClientError) in try body(connection) }
    }
}
