import MillracePrimitives

/// A consumer's synchronous connection to a log; used by one thread at a time, except for `wakeup`.
public protocol ConsumerConnection: AnyObject, Sendable {
    /// Joins the group for these topics; partitions come and go during `poll`. A topic that does not exist yet is read
    /// from when it does. If it is called again, the member changes what it reads and stays in the group. The listener
    /// is not kept alive.
    func subscribe(to topics: [String], listener: (any RebalanceListener)?) throws(ClientError)

    /// Joins the group for all topics whose name `isWanted`, those that are made later included; never for the log's own.
    func subscribe(
        toTopicsWhere isWanted: @escaping @Sendable (String) -> Bool,
        listener: (any RebalanceListener)?
    ) throws(ClientError)

    /// Begins in a topic without an offset as this says, whatever the settings say.
    func setOffsetReset(_ reset: OffsetReset, of topic: String)

    /// Takes exactly these partitions, without a group's assignment; leaves the group if there is one.
    func assign(_ partitions: [TopicPartition]) throws(ClientError)

    /// The partitions that this consumer has now, sorted.
    var assignment: [TopicPartition] { get }

    /// The membership that offsets are committed with; nil without a group.
    var membership: GroupMembership? { get }

    /// Takes part in the group and returns what arrived, one value a partition; waits for up to `timeout` if nothing
    /// did. Positions move past what is returned. Between two polls a member stays in its group for up to
    /// `ConsumerSettings.maximumPollInterval`, whatever it does.
    func poll(timeout: Duration) throws(ClientError) -> [FetchedRecords]

    /// Rings when data may have arrived for an assigned partition, or the group calls.
    var wakeup: Wakeup { get }

    /// The offset of the next record that `poll` returns for a partition.
    func position(of partition: TopicPartition) throws(ClientError) -> Int64

    /// Goes on at an offset.
    func seek(_ partition: TopicPartition, to offset: Int64) throws(ClientError)

    /// Leaves partitions out of `poll` until they are resumed; they stay assigned.
    func pause(_ partitions: [TopicPartition])

    /// Ends a pause.
    func resume(_ partitions: [TopicPartition])

    /// Commits positions for the group: all of them, or none. Refused with `rebalanceInProgress` while this member waits
    /// for its part in a rebalance, and with `memberFenced` once the group went on without it.
    func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(ClientError)

    /// What the group committed, for those partitions that have a commit. Waits for transactions that are about to
    /// decide on one.
    func committed(_ partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: CommittedOffset]

    /// The first offset that each partition still holds.
    func beginningOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64]

    /// The offset after the last record that this consumer's isolation level lets it read.
    func endOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64]

    /// The offset after the last record written, decided or not.
    func writtenOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64]

    /// For each partition the first offset whose timestamp is at or after the given one; none if there is no such
    /// record.
    func offsets(at timestamps: [TopicPartition: Int64]) throws(ClientError) -> [TopicPartition: Int64]

    /// How many partitions a topic has; nil if it does not exist.
    func partitionCount(of topic: String) throws(ClientError) -> Int32?

    /// Leaves the group and ends the connection; a static member stays in the group until its session runs out, so that
    /// it can come back.
    func close()
}
