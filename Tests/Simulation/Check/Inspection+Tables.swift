import MillracePrimitives

// Compacted topics: what may be missing, and what may not.
extension Inspection {
    private struct Sent {
        var record: LogImage.StoredRecord
        var batch: Int
        var index: Int
    }

    /// Every record that was promised is there, unless a later committed one of its key has replaced it, or it is a
    /// tombstone that has served its time, or its transaction did not commit.
    mutating func checkTable(_ partition: TopicPartition, _ model: inout Model) {
        guard let image = images[partition] else { return }
        var isVisible: [String: Bool] = [:]
        for stored in image.batches where !stored.isControl {
            for value in stored.values { isVisible[value] = stored.isVisible }
        }
        var keys: [String: [Sent]] = [:]
        // Keys of batches that nobody knows the place of: they may have replaced others, and be gone by now.
        var uncertain: Set<String> = []
        for batch in model.batches where batch.partition == partition && batch.mayBeStored {
            guard let offset = found[batch.number]?.offset ?? batch.offset else {
                for index in 0..<batch.count { uncertain.insert(batch.key(of: index)) }
                continue
            }
            for (index, record) in batch.records(at: offset).enumerated() {
                keys[record.key, default: []].append(Sent(record: record, batch: batch.number, index: index))
            }
        }
        for (key, records) in keys.sorted(by: { $0.key < $1.key }) {
            var isReplaced = model.hasCleaned && uncertain.contains(key)
            for sent in records.sorted(by: { $0.record.offset > $1.record.offset }) {
                if let isVisible = isVisible[sent.record.value] {
                    isReplaced = isReplaced || isVisible
                } else {
                    checkMissing(sent, partition, &isReplaced, &model)
                }
            }
        }
        for batch in model.batches where batch.partition == partition && found[batch.number] == nil {
            if batch.removed.count == batch.count { removed.insert(batch.number) }
        }
    }

    private func checkMissing(
        _ sent: Sent,
        _ partition: TopicPartition,
        _ isReplaced: inout Bool,
        _ model: inout Model
    ) {
        let batch = model.batches[sent.batch]
        let fate = batch.transaction.map { model.transactions[$0].fate } ?? .committed
        let mayBeCommitted = fate == .committed || fate == .inDoubt
        // It may have removed others before it went itself.
        let isGoneTombstone = sent.record.isTombstone && mayBeCommitted && model.hasCleaned
        let isLost = batch.promise == .nothing && fate != .committed && !sent.record.isTombstone
        if batch.removed.contains(sent.index) || isReplaced || isGoneTombstone {
            model.batches[sent.batch].removed.insert(sent.index)
        } else if model.hasCleaned, fate != .committed {
            if !isLost { model.batches[sent.batch].removed.insert(sent.index) }
        } else if batch.promise > .nothing {
            model.violate(
                .durable,
                "record \(sent.record.value) of batch \(batch.number), \(batch.promise) at "
                    + "\(partition):\(sent.record.offset), is gone, and no later record of \(sent.record.key) replaces it"
            )
        }
        isReplaced = isReplaced || isGoneTombstone
    }
}
