import MillracePrimitives

/// What came of an offset commit: append and replay the records, then answer.
package struct OffsetCommitOutcome: Hashable, Sendable {
    /// What has to be written, by ascending partition; for a transaction, in a batch of its producer.
    package var records: [GroupRecord] = []
    /// The partitions whose offset is not committed, and why.
    package var refusals: [TopicPartition: CoordinatorError] = [:]
}

/// What a group has committed for a partition.
package enum FetchedOffset: Hashable, Sendable {
    /// Nothing, or it expired.
    case none
    /// This offset.
    case committed(CommittedOffset)
    /// A transaction that is not decided may change it (UNSTABLE_OFFSET_COMMIT); ask again.
    case unstable
}

extension GroupCoordinator {
    /// A member commits offsets, or a consumer that assigns by itself does so for a group without members (with no
    /// member id, and generation -1).
    package mutating func commitOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        by membership: GroupMembership,
        now: Int64
    ) throws(CoordinatorError) -> OffsetCommitOutcome {
        try commit(offsets, by: membership, isTransactional: false, now: now)
    }

    /// A producer's transaction commits offsets. Write the records in a transactional batch and replay them with its
    /// producer id; they take effect with the commit marker.
    ///
    /// A membership fences the transaction of a member that was replaced; the group's state does not matter, since a
    /// member commits while a rebalance waits for it. Without a membership (`GroupMembership(groupId:)`), the producer's
    /// epoch alone fences. Source: KIP-447.
    package mutating func commitTransactionalOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        by membership: GroupMembership,
        now: Int64
    ) throws(CoordinatorError) -> OffsetCommitOutcome {
        try commit(offsets, by: membership, isTransactional: true, now: now)
    }

    private mutating func commit(
        _ offsets: [TopicPartition: CommittedOffset],
        by membership: GroupMembership,
        isTransactional: Bool,
        now: Int64
    ) throws(CoordinatorError) -> OffsetCommitOutcome {
        try validate(groupId: membership.groupId)
        try withGroup(membership.groupId) { group throws(CoordinatorError) in
            let known = group ?? ClassicGroup(groupId: membership.groupId, now: now)
            try known.validateCommit(by: membership, isTransactional: isTransactional)
            group?.members[membership.memberId]?.extendSession(now: now)
        }
        var outcome = OffsetCommitOutcome()
        let metadataMaximum = min(settings.offsetMetadataMaximumBytes, maximumStringBytes)
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            if offset.metadata.utf8.count > metadataMaximum {
                outcome.refusals[partition] = CoordinatorError(
                    .offsetMetadataTooLarge,
                    "the metadata with the offset of \(partition) has \(offset.metadata.utf8.count) bytes; "
                        + "up to \(metadataMaximum) are kept"
                )
                continue
            }
            guard partition.topic.utf8.count <= maximumStringBytes else {
                outcome.refusals[partition] = CoordinatorError(.invalidRequest, "the topic's name is too long")
                continue
            }
            let key = OffsetKey(groupId: membership.groupId, partition: partition)
            let value = OffsetValue(
                offset: offset.offset,
                leaderEpoch: offset.leaderEpoch ?? -1,
                metadata: offset.metadata,
                commitMs: now
            )
            outcome.records.append(.offset(key, value))
        }
        return outcome
    }

    /// The keys of all offsets in a topic, those that undecided transactions would commit included; sorted.
    package func offsetKeys(inTopic topic: String) -> [OffsetKey] {
        log.keys(inTopic: topic)
    }

    /// What a group has committed, for each of the partitions, or for all that it has an offset of. With
    /// `requiresStable`, an offset that an undecided transaction may change is not given out.
    package func fetchOffsets(
        groupId: String,
        partitions: [TopicPartition]? = nil,
        requiresStable: Bool
    ) -> [TopicPartition: FetchedOffset] {
        let committed = log.offsets[groupId] ?? [:]
        let pending = requiresStable ? log.pendingPartitions(of: groupId) : []
        let asked = partitions.map { Set($0) } ?? Set(committed.keys).union(pending)
        var fetched: [TopicPartition: FetchedOffset] = [:]
        for partition in asked {
            if pending.contains(partition) {
                fetched[partition] = .unstable
            } else {
                fetched[partition] = committed[partition].map { .committed($0.value.committed) } ?? FetchedOffset.none
            }
        }
        return fetched
    }

    /// Tombstones for offsets that an administrator deletes: of a group without members, or of topics that a consumer
    /// group does not read.
    package func deleteOffsets(
        groupId: String,
        partitions: [TopicPartition]
    ) throws(CoordinatorError) -> OffsetCommitOutcome {
        try validate(groupId: groupId)
        guard exists(groupId) else { throw unknownGroup(groupId) }
        let group = groups[groupId]
        if let group, group.state != .empty, group.protocolType != Self.consumerProtocolType {
            throw notEmpty(groupId, "it has \(group.members.count) members")
        }
        var outcome = OffsetCommitOutcome()
        for partition in Set(partitions).sorted() {
            if let group, group.state != .empty, group.reads(partition.topic) {
                outcome.refusals[partition] = CoordinatorError(
                    .groupSubscribedToTopic,
                    "group \(groupId) reads \(partition.topic); stop its members first"
                )
            } else if log.offsets[groupId]?[partition] != nil {
                outcome.records.append(.offset(OffsetKey(groupId: groupId, partition: partition), nil))
            }
        }
        return outcome
    }

    /// Tombstones for a group without members, and all its offsets.
    package func deleteGroup(_ groupId: String) throws(CoordinatorError) -> [GroupRecord] {
        try validate(groupId: groupId)
        guard exists(groupId) else { throw unknownGroup(groupId) }
        if let group = groups[groupId], group.state != .empty {
            throw notEmpty(groupId, "it has \(group.members.count) members")
        }
        // The transaction's offsets would bring the group back.
        guard !log.hasPending(of: groupId) else { throw notEmpty(groupId, "a transaction is committing its offsets") }
        let partitions = (log.offsets[groupId] ?? [:]).keys.sorted()
        let offsets = partitions.map { GroupRecord.offset(OffsetKey(groupId: groupId, partition: $0), nil) }
        return offsets + [.group(groupId, nil)]
    }

    /// Tombstones for up to `limit` offsets, and for the groups that end with them: offsets of a group whose last member
    /// left, of a group that never had any, and of topics that a consumer group reads no longer, each after the
    /// retention. Kafka looks every ten minutes. Source: KIP-211, KIP-496.
    package func expireOffsets(now: Int64, limit: Int = 10_000) -> [GroupRecord] {
        var records: [GroupRecord] = []
        for groupId in Set(log.offsets.keys).union(groups.keys).union(log.groups.keys).sorted() {
            guard records.count < limit else { break }
            let offsets = log.offsets[groupId] ?? [:]
            let pending = log.pendingPartitions(of: groupId)
            let room = limit - records.count
            let expired = offsets.filter { partition, stored in
                !pending.contains(partition) && isExpired(stored.value, of: partition, groupId: groupId, now: now)
            }
            let removed = expired.keys.sorted().prefix(room)
            records += removed.map { .offset(OffsetKey(groupId: groupId, partition: $0), nil) }
            if let group = groups[groupId], group.state == .empty, group.pendingMembers.isEmpty, pending.isEmpty,
                removed.count == offsets.count,
                !offsets.isEmpty || group.stateChangedMs.later(byMs: settings.offsetsRetentionMs) <= now
            {
                records.append(.group(groupId, nil))
            }
        }
        return records
    }

    private func isExpired(_ value: OffsetValue, of partition: TopicPartition, groupId: String, now: Int64) -> Bool {
        let group = groups[groupId]
        var unusedSince = value.commitMs
        if let group, group.protocolType != nil {
            switch group.state {
            case .empty:
                unusedSince = max(value.commitMs, group.stateChangedMs)
            case .stable:
                if group.protocolType != Self.consumerProtocolType || group.reads(partition.topic) { return false }
            case .preparingRebalance, .completingRebalance, .dead:
                return false
            }
        }
        if value.expireMs >= 0 { return value.expireMs <= now }
        return unusedSince.later(byMs: settings.offsetsRetentionMs) <= now
    }

    func exists(_ groupId: String) -> Bool {
        groups[groupId] != nil || log.offsets[groupId] != nil || log.groups[groupId] != nil
            || log.hasPending(of: groupId)
    }

    private func notEmpty(_ groupId: String, _ why: String) -> CoordinatorError {
        CoordinatorError(.nonEmptyGroup, "group \(groupId) cannot be deleted: \(why)")
    }
}

extension ClassicGroup {
    fileprivate func validateCommit(
        by membership: GroupMembership,
        isTransactional: Bool
    ) throws(CoordinatorError) {
        let memberId = membership.memberId
        let hasMembership = membership.generation >= 0 || !memberId.isEmpty || membership.groupInstanceId != nil
        guard hasMembership else {
            if isTransactional || state == .empty { return }
            throw CoordinatorError(
                .unknownMemberId,
                "group \(groupId) has members, so only they commit offsets; use another group id to assign by yourself"
            )
        }
        try validate(memberId: memberId, groupInstanceId: membership.groupInstanceId)
        try validate(generation: membership.generation, of: memberId)
        // The partitions may be another member's already.
        if !isTransactional, state == .completingRebalance {
            throw CoordinatorError(
                .rebalanceInProgress,
                "group \(groupId) is rebalancing; member \(memberId) can commit again when it has its assignment"
            )
        }
    }

    /// Whether any member subscribes to a topic, or says so in a way that cannot be read.
    func reads(_ topic: String) -> Bool {
        members.keys.contains { subscribedTopics(of: $0)?.contains(topic) ?? true }
    }

    /// The topics that a member subscribes to by the chosen protocol, or by the one it prefers; nil if that cannot be
    /// read, as of members that are no consumers.
    func subscribedTopics(of memberId: String) -> Set<String>? {
        guard let member = members[memberId] else { return nil }
        let metadata = member.metadata(for: protocolName ?? member.protocols.first?.name)
        return (try? ConsumerSubscription(decoding: metadata)).map { Set($0.topics) }
    }
}
