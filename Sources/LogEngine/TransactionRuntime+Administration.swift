import Logging
import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// What Kafka's kafka-transactions tool asks for (KIP-664, LE-65).
extension TransactionRuntime {
    /// What is known of a transactional id.
    package func describe(_ transactionalId: String) throws(BrokerError) -> TransactionDescription {
        do throws(CoordinatorError) {
            return try state.withLock { (state) throws(CoordinatorError) in
                try state.coordinator.describe(transactionalId)
            }
        } catch {
            throw BrokerError(error)
        }
    }

    /// The transactional ids, sorted; if given, only those in one of the states, only those of one of the producers, and
    /// only those with a transaction that began longer ago.
    package func list(
        states: Set<TransactionState> = [],
        producerIds: Set<Int64> = [],
        runningLongerThan duration: Duration? = nil
    ) -> [TransactionDescription] {
        let now = time.milliseconds
        return state.withLock { state in
            state.coordinator.list(
                states: states,
                producerIds: producerIds,
                runningLongerThanMs: duration?.wholeMilliseconds,
                now: now
            )
        }
    }

    /// A transaction that is open in a partition though its coordinator knows nothing of it there: nobody will end it, and
    /// readers of committed data wait for it.
    package struct Hanging: Hashable, Sendable {
        package var partition: TopicPartition
        package var producer: ProducerIdentity
        /// Its first record.
        package var firstOffset: Int64
        /// When the producer last wrote to the partition, in milliseconds since 1970.
        package var lastWriteMs: Int64
        /// The epoch of the coordinator that wrote the producer's last marker; -1 for none.
        package var coordinatorEpoch: Int32
    }

    /// How much longer than the longest time-out a transaction has to be silent to count as hanging (LE-64).
    private static let graceTime = Duration.seconds(300)

    /// The hanging transactions of a topic, or of all; by default those silent for longer than any time-out allows.
    package func findHanging(in topic: String?, olderThan age: Duration?) throws(BrokerError) -> [Hanging] {
        if let topic, topics.topic(topic) == nil {
            throw BrokerError(.unknownTopicOrPartition, "there is no topic \"\(topic)\"")
        }
        let age = age ?? maximumTimeout + Self.graceTime
        let latest = time.milliseconds - age.wholeMilliseconds
        var found: [Hanging] = []
        for partition in topics.all.flatMap(\.partitions) where topic == nil || partition.id.topic == topic {
            for open in open(in: partition) where open.lastWriteMs <= latest && owner(of: open) == nil {
                found.append(open)
            }
        }
        return found
    }

    /// Which of the transactions open in a partition.
    package enum Selection: Hashable, Sendable {
        /// The one whose first record has this offset.
        case startingAt(Int64)
        /// The one of this producer.
        case of(ProducerIdentity)
    }

    /// Ends a hanging transaction with an ABORT marker, which survives loss of power when this returns.
    ///
    /// - Throws: `invalidTransactionState` if its coordinator knows the transaction: to abort it in one partition would
    ///   tear it.
    package func abortHanging(_ selection: Selection, in id: TopicPartition) throws(BrokerError) {
        let partition = try topics.partition(id)
        let all = open(in: partition)
        let selected = all.first { open in
            switch selection {
            case .startingAt(let offset): open.firstOffset == offset
            case .of(let producer): open.producer == producer
            }
        }
        guard let selected else {
            let others = all.map { "\($0.producer) from offset \($0.firstOffset)" }.joined(separator: ", ")
            throw BrokerError(
                .invalidTransactionState,
                "\(id) has no such transaction open; open are: \(others.isEmpty ? "none" : others)"
            )
        }
        if let owner = owner(of: selected) {
            throw BrokerError(
                .invalidTransactionState,
                "the transaction of \(selected.producer) in \(id) does not hang: it is that of transactional id "
                    + "\(owner), which is \(try describe(owner).state.name); terminate it there, as a whole"
            )
        }
        logger.notice(
            "aborting a hanging transaction",
            metadata: ["partition": "\(id)", "producer": "\(selected.producer)", "offset": "\(selected.firstOffset)"]
        )
        try write(
            EndTransactionMarker(.abort, coordinatorEpoch: max(0, selected.coordinatorEpoch)),
            for: selected.producer,
            .one,
            to: partition
        )
        try partition.flush()
    }

    /// Aborts the transaction of a transactional id, prepared or not, and fences its owner (KAFKA-19003).
    package func forceTerminate(_ transactionalId: String) throws(BrokerError) {
        let known = try describe(transactionalId)
        _ = try takeOver(
            transactionalId,
            timeout: .milliseconds(Int64(known.timeoutMs)),
            isTwoPhase: known.timeoutMs == TransactionMetadata.noTimeoutMs
        )
    }

    private func open(in partition: Partition) -> [Hanging] {
        partition.log.describeProducers().compactMap { producer in
            guard let firstOffset = producer.transactionFirstOffset else { return nil }
            return Hanging(
                partition: partition.id,
                producer: producer.producer,
                firstOffset: firstOffset,
                lastWriteMs: producer.lastTimestamp,
                coordinatorEpoch: producer.coordinatorEpoch
            )
        }
    }

    /// The transactional id whose transaction this is, if its coordinator is going to end it here.
    private func owner(of open: Hanging) -> String? {
        let candidates = state.withLock { $0.coordinator.list(producerIds: [open.producer.id]) }
        return candidates.first { candidate in
            let isGoingToEnd =
                candidate.state.pendingResult != nil
                || (candidate.state == .ongoing && candidate.producer == open.producer)
            return isGoingToEnd && candidate.partitions.contains(open.partition)
        }?.transactionalId
    }
}
