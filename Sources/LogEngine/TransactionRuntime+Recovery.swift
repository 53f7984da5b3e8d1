import Logging
import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

extension TransactionRuntime {
    /// Replays `__transaction_state`, finishes what was decided, and ends what no coordinator knows of any more. An
    /// observer leaves all as it stands there.
    func load(isObserver: Bool) throws(BrokerError) {
        var decisions = TransactionDecisions()
        var coordinator = state.withLock { $0.coordinator }
        for number in 0..<partitionCount {
            let log = CoordinatorLog(
                partition: try topics.partition(TopicPartition(InternalTopic.transactions, number))
            )
            try log.replay { (batch, records) throws(BrokerError) in
                guard !batch.header.attributes.isControl else { return }
                for record in try Self.decode(batch, records) {
                    coordinator.replay(record)
                    decisions.replay(record)
                }
            }
        }
        let known = coordinator.list()
        try state.withLock { (state) throws(BrokerError) in
            state.coordinator = coordinator
            state.unreserved = try idFile.read() ?? Self.firstUnusedId(known, topics)
        }
        if isObserver { return }
        try endOrphans(known, decisions)
        try finishPending(nil, isRecovering: true)
    }

    /// Ends open transactions that their coordinator has moved on from: their markers were lost with the power. The log
    /// of decisions tells how (each transaction has an epoch of its own); what was never decided is aborted.
    private func endOrphans(
        _ known: [TransactionDescription],
        _ decisions: TransactionDecisions
    ) throws(BrokerError) {
        let owners = Dictionary(known.map { ($0.producer.id, $0) }, uniquingKeysWith: { first, _ in first })
        // Positions become visible no earlier than the records that they stand for.
        let partitions = topics.all.flatMap(\.partitions)
        let ordered =
            partitions.filter { $0.id.topic != InternalTopic.offsets }
            + partitions.filter { $0.id.topic == InternalTopic.offsets }
        for partition in ordered {
            for open in partition.log.openTransactions {
                let decision = decisions.result(for: open.producer)
                if let owner = owners[open.producer.id] {
                    let isCurrent = owner.state == .ongoing && owner.producer == open.producer
                    if isCurrent {
                        // The partition's own record may have been lost where its data was not.
                        try addPartitions([partition.id], to: owner.transactionalId, producer: owner.producer)
                        continue
                    }
                    // The pending markers will end it, unless it is an earlier transaction that ended otherwise.
                    let pending = owner.state.pendingResult
                    if pending != nil, pending == decision, owner.partitions.contains(partition.id) { continue }
                }
                let result = decision ?? .abort
                logger.notice(
                    "ended a transaction whose marker was lost",
                    metadata: [
                        "partition": "\(partition.id)", "producer": "\(open.producer)", "result": "\(result)",
                    ]
                )
                let epoch = open.producer.epoch == .max ? Int16.max : open.producer.epoch + 1
                try write(
                    EndTransactionMarker(result, coordinatorEpoch: 0),
                    for: ProducerIdentity(id: open.producer.id, epoch: epoch),
                    epoch == open.producer.epoch ? .one : .two,
                    to: partition
                )
            }
        }
    }

    private static func decode(
        _ batch: RecordBatch,
        _ records: UnsafeRawBufferPointer
    ) throws(BrokerError) -> [TransactionRecord] {
        var decoded: [TransactionRecord] = []
        do {
            var cursor = RecordCursor(batch.header, records: records)
            while let record = try cursor.next() {
                guard let key = record.key else { continue }
                decoded.append(try TransactionRecord(key: key, value: record.value))
            }
        } catch let error as CoordinatorRecordError where error.isUnknownKind {
            // A newer Kafka wrote it; its kinds of records that we do not know are not about transactions we own.
        } catch {
            throw BrokerError(.corruptMessage, "\(InternalTopic.transactions) cannot be replayed: \(error)")
        }
        return decoded
    }

    /// For a directory without the file of producer ids: the id after the greatest that anything mentions.
    private static func firstUnusedId(_ known: [TransactionDescription], _ topics: TopicRegistry) -> Int64 {
        var greatest = known.map(\.producer.id).max() ?? -1
        for partition in topics.all.flatMap(\.partitions) {
            for producer in partition.log.describeProducers() { greatest = max(greatest, producer.producer.id) }
        }
        return greatest + 1
    }
}
