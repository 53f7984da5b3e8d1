import MillracePrimitives

extension Admin {
    /// The groups, sorted by id; if given, only those in one of the states and of one of the types.
    public func groups(
        in states: Set<ConsumerGroupState> = Set(ConsumerGroupState.allCases),
        of types: Set<ConsumerGroupType> = Set(ConsumerGroupType.allCases)
    ) async throws(ClientError) -> [GroupListing] {
        try await call { (connection) throws(ClientError) in try connection.listGroups() }
            .filter { states.contains($0.state) && types.contains($0.type) }
    }

    /// A group with its members; nil if there is none of this id.
    public func describeGroup(_ id: String) async throws(ClientError) -> ConsumerGroupDescription? {
        try await call { (connection) throws(ClientError) in try connection.describeGroup(id) }
    }

    /// Deletes a group with its offsets. Refused with `groupNotEmpty` as long as it has members, or a transaction is
    /// committing offsets for it.
    public func deleteGroup(_ id: String) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.deleteGroup(id) }
    }

    /// Deletes offsets of a group, but for those of topics that one of its members reads.
    ///
    /// - Returns: the partitions whose offset stays, and why.
    public func deleteOffsets(
        of group: String,
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: ClientError] {
        try await call { (connection) throws(ClientError) in try connection.deleteOffsets(of: group, partitions) }
    }

    /// Sets offsets of a group without members: all of them, or none. Makes the group if there is none.
    public func alterOffsets(
        of group: String,
        _ offsets: [TopicPartition: CommittedOffset]
    ) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in try connection.alterOffsets(of: group, offsets) }
    }

    /// Sets a group's offsets to another place. Refused with `groupNotEmpty` while it has members, also if nothing would
    /// be written.
    ///
    /// - Parameter isDryRun: whether to work out and return what would be done, and do nothing.
    public func resetOffsets(
        of group: String,
        _ scope: OffsetResetScope = .committed,
        to target: OffsetResetTarget,
        isDryRun: Bool = false
    ) async throws(ClientError) -> OffsetResetPlan {
        let nowMs = time.milliseconds
        return try await call { (connection) throws(ClientError) in
            var plan = try OffsetResetPlanner(connection: connection, group: group, nowMs: nowMs).plan(
                scope,
                to: target
            )
            guard !isDryRun else { return plan }
            let offsets = Dictionary(
                plan.steps.map { ($0.partition, CommittedOffset(offset: $0.to)) },
                uniquingKeysWith: { first, _ in first }
            )
            if !offsets.isEmpty { try connection.alterOffsets(of: group, offsets) }
            plan.isDone = true
            return plan
        }
    }

    /// How far a group is behind in each partition that it has committed or that a member reads, sorted by partition.
    ///
    /// - Parameter isolation: that of the group's consumers; it says up to where they can get.
    public func lag(
        of group: String,
        isolation: IsolationLevel = .readCommitted
    ) async throws(ClientError) -> [PartitionLag] {
        try await call { (connection) throws(ClientError) in
            let members = try connection.describeGroup(group)?.members ?? []
            let committed = try connection.committedOffsets(of: group)
            var owners: [TopicPartition: ConsumerGroupDescription.Member] = [:]
            for member in members {
                for partition in member.assignment { owners[partition] = member }
            }
            var lags: [PartitionLag] = []
            for partition in Set(committed.keys).union(owners.keys).sorted() {
                guard let range = try Self.range(of: partition, isolation, connection) else { continue }
                var lag = PartitionLag(
                    partition: partition,
                    committed: committed[partition],
                    startOffset: range.lowerBound,
                    endOffset: range.upperBound,
                    lag: nil,
                    recordLag: nil,
                    member: owners[partition]
                )
                if let offset = committed[partition]?.offset {
                    let distance = max(0, range.upperBound - offset)
                    lag.lag = distance
                    lag.recordLag =
                        distance > Self.countedOffsetsMaximum
                        ? nil
                        : try connection.recordCount(
                            in: partition,
                            from: offset,
                            isolation: isolation,
                            maximumBytes: Self.countedBytesMaximum
                        )
                }
                lags.append(lag)
            }
            return lags
        }
    }

    /// How much of a partition is read to count what is left in it, so that asking stays cheap where a group is far
    /// behind.
    private static let countedOffsetsMaximum: Int64 = 10_000
    private static let countedBytesMaximum = 1 << 20

    /// Nil for a partition whose topic was deleted a moment ago.
    private static func range(
        of partition: TopicPartition,
        _ isolation: IsolationLevel,
        _ connection: any AdminConnection
    ) throws(ClientError) -> Range<Int64>? {
        do throws(ClientError) {
            return try connection.offsetRange(of: partition, isolation: isolation)
        } catch {
            guard error.code == .unknownTopicOrPartition else { throw error }
            return nil
        }
    }
}
