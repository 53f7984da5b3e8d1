import MillracePrimitives

/// Which outcome the coordinator decided for the transactions of a producer: what recovery asks when a partition holds
/// an open transaction that the coordinator has moved on from, because its marker was lost with the power.
///
/// Fed with every record of the transaction log, in log order; used during recovery alone. Decisions are kept as runs of
/// epochs with the same outcome, so that a long history of commits takes one entry a producer.
///
/// Under version 2 each epoch of a producer has one transaction at most, so the answer is exact for every decision whose
/// record compaction has left. Before version 2 an epoch has many transactions, and the answer is that of the last one:
/// the runtime has to make such markers durable before it completes the transaction.
package struct TransactionDecisions: Sendable {
    private struct Run: Sendable {
        var epochs: ClosedRange<Int16>
        var result: TransactionResult
    }

    /// Of one producer id, in the order of the log, and so by ascending epoch.
    private var runs: [Int64: [Run]] = [:]
    /// The last undecided identity of each transactional id: the one that a transaction's data carries.
    private var dataIdentities: [String: ProducerIdentity] = [:]

    /// Knows of no decision yet.
    package init() {}

    /// Takes note of the next record.
    package mutating func replay(_ record: TransactionRecord) {
        guard let metadata = record.metadata else {
            dataIdentities[record.transactionalId] = nil
            return
        }
        guard let result = metadata.state.pendingResult else {
            dataIdentities[record.transactionalId] = metadata.producer
            return
        }
        note(result, for: dataIdentity(of: record.transactionalId, metadata))
    }

    /// How the transaction was decided whose data carries this identity; nil if no decision is known: then it never
    /// reached a commit, and an abort is right.
    package func result(for producer: ProducerIdentity) -> TransactionResult? {
        guard let runs = runs[producer.id] else { return nil }
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].epochs.upperBound < producer.epoch { low = middle + 1 } else { high = middle }
        }
        guard low < runs.count, runs[low].epochs.contains(producer.epoch) else { return nil }
        return runs[low].result
    }

    /// The identity of the data, which a decision's markers exceed by one epoch under version 2, and by two if the owner
    /// was fenced. The record before the decision tells it; if compaction has removed that one, the version does.
    /// An owner that kept the transaction of another changes nothing: the markers' epoch follows that of the data.
    private func dataIdentity(of transactionalId: String, _ metadata: TransactionMetadata) -> ProducerIdentity {
        let markers = metadata.producer
        let raisedBy: Int16 = metadata.clientVersion.raisesEpoch && markers.epoch > 0 ? 1 : 0
        let raisedByMaximum = metadata.state == .prepareAbort ? raisedBy * 2 : raisedBy
        if let before = dataIdentities[transactionalId], before.id == markers.id, before.epoch <= markers.epoch,
            before.epoch >= markers.epoch - raisedByMaximum
        {
            return before
        }
        return ProducerIdentity(id: markers.id, epoch: markers.epoch - raisedBy)
    }

    private mutating func note(_ result: TransactionResult, for producer: ProducerIdentity) {
        let epoch = producer.epoch
        guard var known = runs.removeValue(forKey: producer.id) else {
            runs[producer.id] = [Run(epochs: epoch...epoch, result: result)]
            return
        }
        // A later transaction of the same epoch replaces the decision of the earlier one.
        while let last = known.last, last.epochs.upperBound >= epoch {
            known.removeLast()
            if last.epochs.lowerBound < epoch {
                known.append(Run(epochs: last.epochs.lowerBound...(epoch - 1), result: last.result))
            }
        }
        if let last = known.last, last.result == result, last.epochs.upperBound == epoch - 1 {
            known[known.count - 1].epochs = last.epochs.lowerBound...epoch
        } else {
            known.append(Run(epochs: epoch...epoch, result: result))
        }
        runs[producer.id] = known
    }
}
