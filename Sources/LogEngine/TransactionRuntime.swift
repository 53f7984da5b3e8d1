import Logging
import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

/// Carries out what the transaction coordinator decides: keeps its records in `__transaction_state`, makes data and
/// decision durable in the right order, and writes the markers.
///
/// The order of a commit (invariant 1, atomic): the data of all partitions is durable, then the Prepare record is
/// appended and made durable: that is the commit. Markers and the Complete record follow and need not be durable, because
/// recovery makes them again from the Prepare record.
///
/// An abort's Prepare record is made durable, too, before its first marker: a marker that outlived it would have aborted
/// the transaction in one partition while another could still commit it, and the owner would go on with an epoch that the
/// coordinator gives out once more.
///
/// Transactions that are open when the broker stops: those of producers in this process are aborted with it, by a close in
/// order or by the next start. Those of clients elsewhere outlive a close in order. After an unclean stop they are aborted,
/// because what was acknowledged within them may be gone; their owners may abort and go on, and cannot commit. Prepared
/// ones are whole, and outlive everything.
package final class TransactionRuntime: Sendable {
    struct State {
        var coordinator: TransactionCoordinator
        var producerIds = ProducerIdBlock()
        /// The first producer id that was never reserved.
        var unreserved: Int64 = 0
        let batch = RecordBatchBuilder(capacity: 1 << 10)
        /// The transactional ids whose owner lives in this process, and ends with it.
        var inProcess: Set<String> = []
    }

    let state: Mutex<State>
    /// The positions that transactions under way are to commit, by transactional id: what they have passed has to be durable
    /// before. Taken within the lock of `state`, or alone.
    let passed = Mutex<[String: [TopicPartition: Int64]]>([:])
    /// Held while markers are written, so that who meets an unfinished transaction can wait for its end.
    private let finishing = Mutex(())
    let topics: TopicRegistry
    let groups: GroupRuntime
    let time: any TimeSource
    let logger: Logger
    let idFile: ProducerIdFile
    let crew: Crew
    let partitionCount: Int32
    let maximumTimeout: Duration
    /// Whether the logs were closed in order, so that nothing of them can be missing.
    let wasCleanShutdown: Bool
    let deliberateFaults: DeliberateFaults

    init(
        topics: TopicRegistry,
        groups: GroupRuntime,
        data: DataDirectory,
        time: any TimeSource,
        configuration: BrokerConfiguration,
        crew: Crew,
        logger: Logger
    ) {
        self.crew = crew
        self.topics = topics
        self.groups = groups
        self.time = time
        self.logger = logger
        idFile = ProducerIdFile(in: data)
        deliberateFaults = configuration.deliberateFaults
        wasCleanShutdown = data.wasCleanShutdown
        maximumTimeout = configuration.maximumTransactionTimeout
        partitionCount = topics.topic(InternalTopic.transactions)?.record.partitionCount ?? 1
        var settings = TransactionCoordinator.Settings()
        settings.timeoutMaximumMs = Int32(clamping: configuration.maximumTransactionTimeout.wholeMilliseconds)
        settings.transactionalIdExpirationMs = configuration.transactionalIdExpiration.wholeMilliseconds
        state = Mutex(State(coordinator: TransactionCoordinator(settings: settings)))
    }

    // Requests

    /// An identity for an idempotent producer without transactions.
    package func newProducerId() throws(BrokerError) -> ProducerIdentity {
        try state.withLock { (state) throws(BrokerError) in
            try reserveIds(&state)
            guard let id = state.producerIds.take() else {
                throw BrokerError(.unknownServerError, "no producer id could be reserved")
            }
            return ProducerIdentity(id: id, epoch: 0)
        }
    }

    /// Takes a transactional id over: fences its owner, aborts what it left open, gives the new identity.
    package func initProducerId(
        _ transactionalId: String,
        timeout: Duration,
        expected: ProducerIdentity? = nil
    ) throws(BrokerError) -> ProducerIdentity {
        try takeOver(transactionalId, timeout: timeout, expected: expected).producer
    }

    /// The same, with a choice of what becomes of a transaction under way.
    ///
    /// - Parameters:
    ///   - expected: the identity that the caller has; only the current owner is served then (KIP-360).
    ///   - keepsPrepared: a transaction under way goes to the new owner instead of being aborted (KIP-939).
    ///   - isTwoPhase: the owner's transactions have no time-out.
    ///   - isInProcess: the owner ends with this broker, and so does what it leaves open.
    package func takeOver(
        _ transactionalId: String,
        timeout: Duration,
        expected: ProducerIdentity? = nil,
        keepsPrepared: Bool = false,
        isTwoPhase: Bool = false,
        isInProcess: Bool = false
    ) throws(BrokerError) -> TakenOver {
        let timeoutMs = Int32(clamping: timeout.wholeMilliseconds)
        for _ in 0..<Self.attempts {
            do {
                let outcome = try request { (state, now) throws(CoordinatorError) in
                    let outcome = try state.coordinator.initProducerId(
                        transactionalId,
                        timeoutMs: timeoutMs,
                        expected: expected,
                        keepsPrepared: keepsPrepared,
                        isTwoPhase: isTwoPhase,
                        producerIds: &state.producerIds,
                        now: now
                    )
                    if isInProcess {
                        state.inProcess.insert(transactionalId)
                    } else {
                        state.inProcess.remove(transactionalId)
                    }
                    return outcome
                } record: { outcome in
                    switch outcome {
                    case .assigned(_, let record), .kept(_, _, let record): record
                    case .abortFirst(let decided): decided.record
                    }
                }
                // Durable, or after loss of power the same epoch could be given to another owner.
                if !deliberateFaults.contains(.volatileEpoch) { try log(of: transactionalId).flush() }
                switch outcome {
                case .assigned(let producer, _): return TakenOver(producer: producer)
                case .kept(let producer, let ongoing, _): return TakenOver(producer: producer, ongoing: ongoing)
                case .abortFirst(let decided): try finish(decided.markers)
                }
            } catch let error where error.code == .concurrentTransactions {
                try finishPending(transactionalId)
            }
        }
        throw unfinished(transactionalId)
    }

    /// What a new owner of a transactional id has got.
    package struct TakenOver: Hashable, Sendable {
        /// Its identity.
        package var producer: ProducerIdentity
        /// The identity of the transaction that was kept for it, if there was one.
        package var ongoing: ProducerIdentity?
    }

    /// Adds partitions to a transaction before its first records go there.
    package func addPartitions(
        _ partitions: Set<TopicPartition>,
        to transactionalId: String,
        producer: ProducerIdentity,
        clientVersion: TransactionVersion = .two
    ) throws(BrokerError) {
        for _ in 0..<Self.attempts {
            do {
                let (record, isInProcess) = try request { (state, now) throws(CoordinatorError) in
                    let record = try state.coordinator.addPartitions(
                        partitions,
                        to: transactionalId,
                        producer: producer,
                        clientVersion: clientVersion,
                        now: now
                    )
                    return (record, state.inProcess.contains(transactionalId))
                } record: { record, _ in
                    record
                }
                // A client elsewhere outlives loss of power. Were its transaction forgotten, what it sends next would begin
                // another one, and its commit would leave out what was lost.
                if record != nil, !isInProcess { try log(of: transactionalId).flush() }
                return
            } catch let error where error.code == .concurrentTransactions {
                // Markers that could not be written when the transaction before was decided, because a disk was full.
                try finishPending(transactionalId)
            }
        }
        throw unfinished(transactionalId)
    }

    /// A position is never durable before the records that it has passed, or after loss of power it would lie beyond the
    /// end of its partition and pass by the records that come there next.
    package func makeDurable(_ offsets: [TopicPartition: CommittedOffset]) throws(BrokerError) {
        try crew.flushAll(targets(offsets.mapValues(\.offset)))
    }

    /// Those of the partitions that there still are; a topic that was deleted meanwhile has nothing to keep.
    private func targets(_ ends: [TopicPartition: Int64]) -> [FlushTarget] {
        ends.sorted { $0.key < $1.key }.compactMap { id, end in
            (try? topics.partition(id)).map { FlushTarget($0, upTo: end) }
        }
    }

    /// Ends a transaction and returns the identity for the next one. A commit that returns survives loss of power, and
    /// its records are visible.
    package func end(
        _ transactionalId: String,
        producer: ProducerIdentity,
        _ result: TransactionResult,
        clientVersion: TransactionVersion = .two
    ) throws(BrokerError) -> ProducerIdentity {
        for _ in 0..<Self.attempts {
            do {
                if result == .commit { try flushData(of: transactionalId) }
                let outcome = try request { (state, now) throws(CoordinatorError) in
                    try state.coordinator.endTransaction(
                        transactionalId,
                        producer: producer,
                        result: result,
                        clientVersion: clientVersion,
                        producerIds: &state.producerIds,
                        now: now
                    )
                } record: { outcome in
                    switch outcome {
                    case .decided(let decided): decided.record
                    case .alreadyEnded: nil
                    }
                }
                switch outcome {
                case .alreadyEnded(let next):
                    return next
                case .decided(let decided):
                    try makeDurable(decided.markers)
                    do throws(BrokerError) {
                        try finish(decided.markers)
                    } catch {
                        // The decision stands; the markers are written later, and the next transaction waits for them.
                        logger.error(
                            "a transaction is decided, but not all of its markers could be written yet",
                            metadata: ["transactionalId": "\(transactionalId)", "error": "\(error)"]
                        )
                    }
                    return decided.nextProducer
                }
            } catch let error where error.code == .concurrentTransactions {
                try finishPending(transactionalId)
            }
        }
        throw unfinished(transactionalId)
    }

    /// Aborts transactions that are past their time-out, fencing their owners; tries again to finish what is decided.
    func expire(_ now: Int64) throws(BrokerError) {
        let expired = try state.withLock { (state) throws(BrokerError) in
            let expired = state.coordinator.expireTransactions(now: now)
            for decided in expired { try append(decided.record, &state) }
            return expired
        }
        for decided in expired {
            logger.warning(
                "aborted a transaction that took longer than its time-out",
                metadata: ["transactionalId": "\(decided.markers.transactionalId)"]
            )
        }
        try finishPending(nil)
    }

    /// Forgets transactional ids that nobody has used for the retention time.
    func expireIds(_ now: Int64) throws(BrokerError) {
        try state.withLock { (state) throws(BrokerError) in
            for record in state.coordinator.expireTransactionalIds(now: now) { try append(record, &state) }
        }
    }

    // Carrying out

    static let attempts = 8

    /// Validates a request, appends the record that it leads to, and applies it, all under the lock.
    func request<Outcome: Sendable>(
        _ body: (inout State, Int64) throws(CoordinatorError) -> Outcome,
        record: (Outcome) -> TransactionRecord?
    ) throws(BrokerError) -> Outcome {
        let now = time.milliseconds
        return try state.withLock { (state) throws(BrokerError) in
            try reserveIds(&state)
            let outcome: Outcome
            do throws(CoordinatorError) {
                outcome = try body(&state, now)
            } catch {
                throw BrokerError(error)
            }
            if let record = record(outcome) { try append(record, &state) }
            return outcome
        }
    }

    private func reserveIds(_ state: inout State) throws(BrokerError) {
        guard state.producerIds.isExhausted else { return }
        let first = state.unreserved
        let end = first + ProducerIdBlock.defaultSize
        try idFile.write(next: end)
        state.unreserved = end
        state.producerIds.refill(first..<end)
    }

    func append(_ record: TransactionRecord, _ state: inout State) throws(BrokerError) {
        var key = ByteWriter(capacity: 64)
        var value = ByteWriter(capacity: 256)
        record.encodeKey(into: &key)
        let hasValue = record.encodeValue(into: &value)
        state.batch.reset()
        state.batch.append(key: key.bytes, value: hasValue ? value.bytes : nil, timestamp: time.milliseconds)
        try log(of: record.transactionalId).append(state.batch)
        state.coordinator.replay(record)
        if record.metadata?.state != .ongoing { passed.withLock { $0[record.transactionalId] = nil } }
    }

    func log(of transactionalId: String) throws(BrokerError) -> CoordinatorLog {
        let number = coordinatorPartition(forKey: transactionalId, partitionCount: partitionCount)
        return CoordinatorLog(partition: try topics.partition(TopicPartition(InternalTopic.transactions, number)))
    }

    func flushData(of transactionalId: String) throws(BrokerError) {
        if deliberateFaults.contains(.volatileData) { return }
        let partitions = state.withLock { $0.coordinator.metadata(of: transactionalId)?.partitions ?? [] }
        let written = Dictionary(uniqueKeysWithValues: partitions.map { ($0, Int64.max) })
        let ends = passed.withLock { $0[transactionalId] ?? [:] }.merging(written) { max($0, $1) }
        try crew.flushAll(targets(ends))
    }

    /// Markers make a decision visible, so it has to survive loss of power before the first of them: that of an abort
    /// too, or a transaction that recovery takes for open could be committed after one of its partitions has aborted it.
    private func makeDurable(_ markers: TransactionMarkers) throws(BrokerError) {
        if deliberateFaults.contains(.volatileDecision) { return }
        try log(of: markers.transactionalId).flush()
    }

    func unfinished(_ transactionalId: String) -> BrokerError {
        BrokerError(
            .concurrentTransactions,
            "the previous transaction of \(transactionalId) is still being completed; try again"
        )
    }

    /// Writes the markers of a decided transaction and completes it.
    private func finish(_ markers: TransactionMarkers, isRecovering: Bool = false) throws(BrokerError) {
        try finishing.withLock { _ throws(BrokerError) in
            try writeAndComplete(markers, isRecovering: isRecovering)
        }
    }

    /// Finishes one decided transaction, or all of them; waits for who is finishing already. One that cannot be finished
    /// does not keep the others from it; the first failure is thrown at the end.
    func finishPending(_ transactionalId: String?, isRecovering: Bool = false) throws(BrokerError) {
        var failure: BrokerError?
        let pending = state.withLock { $0.coordinator.pendingMarkers() }
        for markers in pending where transactionalId == nil || markers.transactionalId == transactionalId {
            do throws(BrokerError) {
                try makeDurable(markers)
                try finish(markers, isRecovering: isRecovering)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func writeAndComplete(
        _ markers: TransactionMarkers,
        isRecovering: Bool
    ) throws(BrokerError) {
        let metadata = state.withLock { $0.coordinator.metadata(of: markers.transactionalId) }
        guard let metadata, metadata.state.pendingResult == markers.result, metadata.producer == markers.producer
        else { return }
        let marker = EndTransactionMarker(markers.result, coordinatorEpoch: markers.coordinatorEpoch)
        // Positions last: who sees a position sees the records that it led to.
        var ordered =
            markers.partitions.filter { $0.topic != InternalTopic.offsets }
            + markers.partitions.filter { $0.topic == InternalTopic.offsets }
        if deliberateFaults.contains(.positionsFirst) { ordered.reverse() }
        if deliberateFaults.contains(.skipMarker) { ordered.removeLast() }
        if deliberateFaults.contains(.completeFirst) { try complete(markers) }
        for id in ordered {
            guard let partition = try? topics.partition(id) else { continue }
            do throws(BrokerError) {
                try write(marker, for: markers.producer, markers.version, to: partition)
            } catch {
                // The Complete record was lost, and the partition has kept more: it knows this marker, and perhaps
                // records of the next transaction, which have its epoch.
                guard isRecovering, error.code == .invalidProducerEpoch else { throw error }
            }
        }
        // Decisions are found by epoch when markers are lost, and before version 2 an epoch has many of them.
        if markers.version < .two {
            try crew.flushAll(targets(Dictionary(uniqueKeysWithValues: ordered.map { ($0, Int64.max) })))
        }
        try complete(markers)
    }

    private func complete(_ markers: TransactionMarkers) throws(BrokerError) {
        let now = time.milliseconds
        try state.withLock { (state) throws(BrokerError) in
            let record = state.coordinator.completeTransaction(
                markers.transactionalId,
                producer: markers.producer,
                now: now
            )
            if let record { try append(record, &state) }
        }
    }

    func write(
        _ marker: EndTransactionMarker,
        for producer: ProducerIdentity,
        _ version: TransactionVersion,
        to partition: Partition
    ) throws(BrokerError) {
        let version = Int(version.rawValue)
        if partition.id.topic == InternalTopic.offsets {
            try groups.endTransaction(marker, of: producer, in: partition, transactionVersion: version)
        } else {
            try partition.appendMarker(marker, for: producer, transactionVersion: version)
        }
    }
}
