import MillracePrimitives

/// An administrator's synchronous calls about groups. Calls may come from any thread.
public protocol GroupAdministration: AnyObject, Sendable {
    /// All groups, sorted by id.
    func listGroups() throws(ClientError) -> [GroupListing]
    /// A group with its members; nil if there is none of this id.
    func describeGroup(_ id: String) throws(ClientError) -> ConsumerGroupDescription?
    /// Deletes a group without members, with its offsets. Refused with `groupNotEmpty` as long as it has members, or a
    /// transaction is committing offsets for it.
    func deleteGroup(_ id: String) throws(ClientError)
    /// Deletes offsets of a group, but for those of topics that a member reads; returns why each of these stays.
    func deleteOffsets(
        of group: String,
        _ partitions: [TopicPartition]
    ) throws(ClientError) -> [TopicPartition: ClientError]
    /// Sets offsets of a group without members: all of them, or none. Makes the group if there is none.
    func alterOffsets(of group: String, _ offsets: [TopicPartition: CommittedOffset]) throws(ClientError)
    /// For each partition the first offset whose timestamp is at or after the given one; none if there is no such
    /// record.
    func offsets(at timestamps: [TopicPartition: Int64]) throws(ClientError) -> [TopicPartition: Int64]
    /// How many records a reader of this isolation level gets from an offset on; nil if that takes reading more than
    /// `maximumBytes` of the log.
    func recordCount(
        in partition: TopicPartition,
        from offset: Int64,
        isolation: IsolationLevel,
        maximumBytes: Int
    ) throws(ClientError) -> Int64?
}
