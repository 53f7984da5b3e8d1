import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

extension EmbeddedAdmin {
    func listGroups() throws(ClientError) -> [GroupListing] {
        try checkOpen()
        return broker.groups.list().map { group in
            GroupListing(
                id: group.groupId,
                state: ConsumerGroupState(group.state),
                type: .classic,
                protocolType: group.protocolType
            )
        }
        .sorted { $0.id < $1.id }
    }

    func describeGroup(_ id: String) throws(ClientError) -> ConsumerGroupDescription? {
        try checkOpen()
        let group = broker.groups.describe(id)
        guard group.state != .dead else { return nil }
        return ConsumerGroupDescription(
            id: id,
            state: ConsumerGroupState(group.state),
            type: .classic,
            protocolType: group.protocolType,
            assignmentStrategy: group.protocolName,
            generation: group.generation,
            leaderId: group.leaderId,
            coordinator: "the embedded broker, \(broker.groups.offsetsPartition(of: id))",
            members: group.members.map { member in
                // What is not a consumer's says something else here, or nothing.
                let topics = (try? ConsumerSubscription(decoding: member.metadata).topics) ?? []
                let assignment = (try? ConsumerAssignment(decoding: member.assignment).partitions) ?? []
                return ConsumerGroupDescription.Member(
                    id: member.memberId,
                    groupInstanceId: member.groupInstanceId,
                    clientId: member.clientId,
                    host: member.clientHost,
                    topics: topics.sorted(),
                    assignment: assignment.sorted()
                )
            }
        )
    }

    func deleteGroup(_ id: String) throws(ClientError) {
        try checkOpen()
        try client { () throws(BrokerError) in try broker.groups.delete(id) }
    }

    func deleteOffsets(
        of group: String,
        _ partitions: [TopicPartition]
    ) throws(ClientError) -> [TopicPartition: ClientError] {
        try checkOpen()
        let refusals = try client { () throws(BrokerError) in try broker.groups.deleteOffsets(of: group, partitions) }
        return refusals.mapValues { ClientError($0) }
    }

    func alterOffsets(of group: String, _ offsets: [TopicPartition: CommittedOffset]) throws(ClientError) {
        try checkOpen()
        for (partition, offset) in offsets {
            _ = try broker.find(partition)
            guard offset.offset >= 0 else {
                throw ClientError(.invalidArgument, "an offset is not negative: \(offset.offset) for \(partition)")
            }
        }
        do throws(BrokerError) {
            try broker.transactions.makeDurable(offsets)
            try broker.groups.commit(offsets, for: GroupMembership(groupId: group))
        } catch {
            // Who is no member may commit only as long as nobody is.
            guard error.code.rawValue == CoordinatorErrorCode.unknownMemberId.rawValue else { throw ClientError(error) }
            throw ClientError(
                .groupNotEmpty,
                "offsets of group \(group) can be set only while it has no members; stop them first"
            )
        }
    }

    func offsets(at timestamps: [TopicPartition: Int64]) throws(ClientError) -> [TopicPartition: Int64] {
        try broker.offsets(at: timestamps)
    }

    func recordCount(
        in partition: TopicPartition,
        from offset: Int64,
        isolation: IsolationLevel,
        maximumBytes: Int
    ) throws(ClientError) -> Int64? {
        let log = try broker.find(partition).log
        let isCommitted = isolation == .readCommitted
        var next = max(offset, log.logStartOffset)
        let end = isCommitted ? log.lastStableOffset : log.highWatermark
        var decompressor = Decompressor()
        var count: Int64 = 0
        var remaining = maximumBytes
        while next < end {
            guard remaining > 0 else { return nil }
            let records = FetchedRecords(partition: partition, startOffset: next)
            do {
                let result = try records.fill { (buffer) throws(LogError) in
                    try log.read(
                        from: next,
                        maximumBytes: min(remaining, 1 << 20),
                        upTo: isCommitted ? .lastStableOffset : .highWatermark,
                        atLeastOneBatch: true,
                        into: &buffer
                    )
                }
                guard result.nextOffset > next else { return count }
                next = result.nextOffset
                let aborted = result.abortedTransactions.map {
                    AbortedRange(producerId: $0.producerId, firstOffset: $0.firstOffset)
                }
                try records.index(aborted: isCommitted ? aborted : [], decompressor: &decompressor)
                remaining -= records.sizeInBytes
                try records.withEach { _ in count += 1 }
            } catch let error as LogError {
                throw ClientError(BrokerError(error))
            } catch {
                throw ClientError(.corruptRecord, "\(partition) cannot be read at or after offset \(next): \(error)")
            }
        }
        return count
    }
}

extension ConsumerGroupState {
    init(_ state: GroupState) {
        self =
            switch state {
            case .empty: .empty
            case .preparingRebalance: .preparingRebalance
            case .completingRebalance: .completingRebalance
            case .stable: .stable
            case .dead: .dead
            }
    }
}
