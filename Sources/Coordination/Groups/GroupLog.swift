import MillracePrimitives

/// What the log says about groups: a function of the replayed records and markers alone, equal after recovery.
///
/// Offsets that a transaction commits wait here for its marker, as in any partition; a later plain commit or tombstone of
/// the same partition wins over them (KIP-98, KAFKA-5259). So the last record of a key decides, whenever its marker came,
/// and compaction, which keeps that record, changes nothing.
package struct GroupLog: Hashable, Sendable {
    /// A value and when it was replayed, counted in records.
    struct Stored: Hashable, Sendable {
        var value: OffsetValue
        var sequence: Int64
    }

    var offsets: [String: [TopicPartition: Stored]] = [:]
    var pending: [Int64: [String: [TopicPartition: Stored]]] = [:]
    var groups: [String: GroupMetadata] = [:]
    private var sequence: Int64 = 0

    /// Applies a record; one of a transactional batch with the batch's producer id.
    mutating func replay(_ record: GroupRecord, producerId: Int64?) {
        sequence += 1
        switch record {
        case .offset(let key, let value?):
            let stored = Stored(value: value, sequence: sequence)
            if let producerId {
                pending[producerId, default: [:]][key.groupId, default: [:]][key.partition] = stored
            } else {
                offsets[key.groupId, default: [:]][key.partition] = stored
            }
        case .offset(let key, nil):
            offsets[key.groupId]?[key.partition] = nil
            if offsets[key.groupId]?.isEmpty == true { offsets[key.groupId] = nil }
            dropPending(key)
        case .group(let groupId, let metadata):
            groups[groupId] = metadata
        }
    }

    private mutating func dropPending(_ key: OffsetKey) {
        for (producerId, groups) in pending where groups[key.groupId]?[key.partition] != nil {
            pending[producerId]?[key.groupId]?[key.partition] = nil
            if pending[producerId]?[key.groupId]?.isEmpty == true { pending[producerId]?[key.groupId] = nil }
            if pending[producerId]?.isEmpty == true { pending[producerId] = nil }
        }
    }

    /// Applies the marker that ends a producer's transaction.
    mutating func replayMarker(producerId: Int64, result: TransactionResult) {
        guard let ended = pending.removeValue(forKey: producerId), result == .commit else { return }
        for (groupId, partitions) in ended {
            for (partition, stored) in partitions {
                if let existing = offsets[groupId]?[partition], existing.sequence > stored.sequence { continue }
                offsets[groupId, default: [:]][partition] = stored
            }
        }
    }

    /// The keys of all offsets in a topic, those of undecided transactions included; sorted.
    func keys(inTopic topic: String) -> [OffsetKey] {
        var keys: Set<OffsetKey> = []
        for groups in [offsets] + Array(pending.values) {
            for (groupId, partitions) in groups {
                for partition in partitions.keys where partition.topic == topic {
                    keys.insert(OffsetKey(groupId: groupId, partition: partition))
                }
            }
        }
        return keys.sorted { ($0.groupId, $0.partition) < ($1.groupId, $1.partition) }
    }

    /// Whether a transaction that is not decided may change the offset.
    func isPending(_ partition: TopicPartition, of groupId: String) -> Bool {
        pending.values.contains { $0[groupId]?[partition] != nil }
    }

    /// Whether a transaction that is not decided may change any of the group's offsets.
    func hasPending(of groupId: String) -> Bool {
        pending.values.contains { $0[groupId] != nil }
    }

    /// The partitions whose offsets transactions that are not decided may change.
    func pendingPartitions(of groupId: String) -> Set<TopicPartition> {
        pending.values.reduce(into: []) { partitions, groups in
            partitions.formUnion((groups[groupId] ?? [:]).keys)
        }
    }
}
