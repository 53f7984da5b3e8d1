import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// A producer's connection to a broker in the same process: batches go from the builder's memory to the log's file.
///
/// Used by one thread at a time, which owns everything in here.
final class EmbeddedProducer: ProducerConnection, @unchecked Sendable {
    // Sendable by contract: the protocol says that one thread at a time uses a connection.
    private let broker: EmbeddedBroker
    private let settings: ProducerSettings
    private var identity = ProducerIdentity.none
    private var sequences: [TopicPartition: Int32] = [:]
    private var partitions: [TopicPartition: Partition] = [:]
    /// What was sent and is not durable yet, with who waits for it.
    private var unflushed: [TopicPartition: Int64] = [:]
    private var deliveries: [(id: TopicPartition, handler: DeliveryHandler, receipt: BatchReceipt)] = []
    private var state = State.ready

    private enum State {
        /// Without transactions, or between two.
        case ready
        /// A transactional producer that has not taken its id over.
        case uninitialised
        case inTransaction(Set<TopicPartition>)
        /// The transaction waits for a decision. One without partitions is not known to the coordinator.
        case prepared(PreparedTransaction, isKnown: Bool)
        /// The transaction can only be aborted.
        case mustAbort(ClientError)
        case fenced(ClientError)
        case closed
    }

    init(broker: EmbeddedBroker, settings: ProducerSettings) {
        self.broker = broker
        self.settings = settings
        if settings.transactionalId != nil { state = .uninitialised }
    }

    func partitionCount(of topic: String) throws(ClientError) -> Int32 {
        guard let found = broker.topic(topic) else {
            throw ClientError(.unknownTopicOrPartition, "there is no topic \"\(topic)\"; create it first")
        }
        return found.record.partitionCount
    }

    func maximumBatchSize(of topic: String) throws(ClientError) -> Int? {
        broker.topic(topic)?.partitions.first?.batchSizeMax
    }

    func send(
        _ batch: RecordBatchBuilder,
        to id: TopicPartition,
        onDelivery: DeliveryHandler?
    ) throws(ClientError) {
        do throws(ClientError) {
            try checkUsable()
            if case .mustAbort(let reason) = state { throw reason }
            guard batch.sizeInBytes <= settings.maximumRequestSize || settings.maximumRequestSize >= 1 << 30 else {
                throw ClientError(
                    .recordTooLarge,
                    "a batch of \(batch.sizeInBytes) bytes for \(id) is larger than maximumRequestSize "
                        + "(\(settings.maximumRequestSize))"
                )
            }
            try joinTransaction(id)
            try append(batch, id, onDelivery)
        } catch {
            note(error)
            onDelivery?(.failure(error))
            throw error
        }
    }

    /// Adds the partition to the transaction before its first batch goes there.
    private func joinTransaction(_ id: TopicPartition) throws(ClientError) {
        guard let transactionalId = settings.transactionalId else { return }
        guard case .inTransaction(var joined) = state else {
            throw ClientError(
                .invalidTransactionState,
                "producer \(transactionalId) sends outside of a transaction: \(stateName)"
            )
        }
        guard joined.insert(id).inserted else { return }
        let identity = self.identity
        try client { () throws(BrokerError) in
            try broker.transactions.addPartitions([id], to: transactionalId, producer: identity)
        }
        state = .inTransaction(joined)
    }

    private func append(
        _ batch: RecordBatchBuilder,
        _ id: TopicPartition,
        _ onDelivery: DeliveryHandler?
    ) throws(ClientError) {
        if identity == .none, settings.isIdempotent {
            identity = try client { () throws(BrokerError) in try broker.transactions.newProducerId() }
        }
        let partition = try partition(id)
        let result: AppendResult
        do throws(ClientError) {
            result = try append(batch, id, partition)
        } catch {
            guard error.code == .outOfOrderSequence, settings.transactionalId == nil else { throw error }
            // The partition knows less than was acknowledged. Nothing is under way and this batch was refused, so it can
            // go out again, as the first one of a new epoch. (A transaction has to be aborted instead.)
            try raiseEpoch()
            result = try append(batch, id, partition)
        }
        let receipt = BatchReceipt(baseOffset: result.baseOffset, appendTime: result.appendTime)
        guard settings.transactionalId == nil else {
            // The commit makes it durable, with everything else in the transaction.
            onDelivery?(.success(receipt))
            return
        }
        switch settings.acknowledgement {
        case .durable:
            unflushed[id] = result.lastOffset + 1
            if let onDelivery { deliveries.append((id, onDelivery, receipt)) }
        case .written:
            onDelivery?(.success(receipt))
        case .none:
            onDelivery?(.success(BatchReceipt(baseOffset: -1)))
        }
    }

    private func append(
        _ batch: RecordBatchBuilder,
        _ id: TopicPartition,
        _ partition: Partition
    ) throws(ClientError) -> AppendResult {
        let sequence = settings.isIdempotent ? sequences[id] ?? 0 : -1
        let bytes: UnsafeMutableRawBufferPointer
        do throws(RecordFormatError) {
            bytes = try batch.seal(
                producer: identity,
                baseSequence: sequence,
                isTransactional: settings.transactionalId != nil
            )
        } catch {
            throw ClientError(.corruptRecord, "a batch for \(id) could not be compressed: \(error)")
        }
        let result = try client { () throws(BrokerError) in try partition.append(bytes, origin: .trusted) }
        if settings.isIdempotent {
            sequences[id] = SequenceNumber.advance(sequence, by: Int32(batch.recordCount))
        }
        return result
    }

    /// Goes on with the next epoch, which counts from 0 in every partition; after the last one with a new producer id
    /// (KIP-360).
    private func raiseEpoch() throws(ClientError) {
        if identity.epoch < Int16.max {
            identity = ProducerIdentity(id: identity.id, epoch: identity.epoch + 1)
        } else {
            identity = try client { () throws(BrokerError) in try broker.transactions.newProducerId() }
        }
        sequences = [:]
    }

    private func partition(_ id: TopicPartition) throws(ClientError) -> Partition {
        if let known = partitions[id], !known.isAbandoned { return known }
        let found = try client { () throws(BrokerError) in try broker.partition(id) }
        // One that was deleted and made anew under the same name knows nothing of what was sent before.
        if partitions.updateValue(found, forKey: id) != nil { sequences[id] = nil }
        return found
    }

    func flush() throws(ClientError) {
        let waiting = deliveries
        deliveries = []
        let written = unflushed
        unflushed = [:]
        var failures: [TopicPartition: ClientError] = [:]
        var targets: [FlushTarget] = []
        for (id, end) in written.sorted(by: { $0.key < $1.key }) {
            do throws(ClientError) {
                targets.append(FlushTarget(try partition(id), upTo: end))
            } catch {
                failures[id] = error
            }
        }
        for (index, error) in broker.flush(targets) { failures[targets[index].partition.id] = ClientError(error) }
        for (id, handler, receipt) in waiting {
            if let failure = failures[id] { handler(.failure(failure)) } else { handler(.success(receipt)) }
        }
        if let failure = failures.min(by: { $0.key < $1.key })?.value {
            note(failure)
            throw failure
        }
    }

    func initTransactions(keepPrepared: Bool) throws(ClientError) -> PreparedTransaction? {
        guard let transactionalId = settings.transactionalId else {
            throw ClientError(.invalidTransactionState, "a producer without transactionalId has no transactions")
        }
        guard case .uninitialised = state else {
            throw ClientError(.invalidTransactionState, "initTransactions is called once, before the first transaction")
        }
        let taken = try client { () throws(BrokerError) in
            try broker.transactions.takeOver(
                transactionalId,
                timeout: settings.transactionTimeout,
                keepsPrepared: keepPrepared,
                isInProcess: true
            )
        }
        identity = taken.producer
        sequences = [:]
        let kept = taken.ongoing.map { PreparedTransaction(producer: $0) }
        state = kept.map { .prepared($0, isKnown: true) } ?? .ready
        return kept
    }

    func beginTransaction() throws(ClientError) {
        try checkUsable()
        guard settings.transactionalId != nil, case .ready = state else {
            throw ClientError(.invalidTransactionState, "a transaction can only begin where none is open: \(stateName)")
        }
        state = .inTransaction([])
    }

    func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(ClientError) {
        try checkUsable()
        guard let transactionalId = settings.transactionalId, case .inTransaction(var joined) = state else {
            throw ClientError(.invalidTransactionState, "positions are sent within a transaction: \(stateName)")
        }
        let identity = self.identity
        do throws(ClientError) {
            try client { () throws(BrokerError) in
                try broker.transactions.commitOffsets(
                    offsets,
                    for: membership,
                    in: transactionalId,
                    producer: identity
                )
            }
        } catch {
            note(error)
            throw error
        }
        joined.insert(broker.groups.offsetsPartition(of: membership.groupId))
        state = .inTransaction(joined)
    }

    func prepareTransaction() throws(ClientError) -> PreparedTransaction {
        try checkUsable()
        if case .mustAbort(let reason) = state { throw reason }
        guard let transactionalId = settings.transactionalId, case .inTransaction(let joined) = state else {
            throw ClientError(.invalidTransactionState, "only a transaction that is open is prepared: \(stateName)")
        }
        let identity = self.identity
        if !joined.isEmpty {
            do throws(ClientError) {
                try client { () throws(BrokerError) in
                    try broker.transactions.prepare(transactionalId, producer: identity)
                }
            } catch {
                note(error)
                throw error
            }
        }
        let prepared = PreparedTransaction(producer: identity)
        state = .prepared(prepared, isKnown: !joined.isEmpty)
        return prepared
    }

    func completeTransaction(_ decision: PreparedTransaction?) throws(ClientError) -> PreparedTransactionOutcome {
        try checkUsable()
        switch state {
        case .prepared(let prepared, _):
            let isCommit = decision == prepared
            try end(isCommit ? .commit : .abort)
            return isCommit ? .committed : .aborted
        case .ready:
            return .nothingToDecide
        case .uninitialised, .inTransaction, .mustAbort, .fenced, .closed:
            throw ClientError(.invalidTransactionState, "no transaction is prepared: \(stateName)")
        }
    }

    func commitTransaction() throws(ClientError) {
        try checkUsable()
        if case .mustAbort(let reason) = state { throw reason }
        try end(.commit)
    }

    func abortTransaction() throws(ClientError) {
        try checkUsable()
        try end(.abort)
    }

    private func end(_ result: TransactionResult) throws(ClientError) {
        var result = result
        let isKnownToCoordinator: Bool
        switch state {
        case .inTransaction(let joined): isKnownToCoordinator = !joined.isEmpty
        case .mustAbort: isKnownToCoordinator = true
        case .prepared(_, let isKnown):
            // Its name must never be that of a later transaction, so that an empty one raises the epoch, too.
            if !isKnown { result = .abort }
            isKnownToCoordinator = true
        case .ready, .uninitialised, .fenced, .closed:
            throw ClientError(.invalidTransactionState, "no transaction is open: \(stateName)")
        }
        guard let transactionalId = settings.transactionalId else { return }
        guard isKnownToCoordinator else {
            state = .ready
            return
        }
        let identity = self.identity
        do throws(ClientError) {
            self.identity = try client { () throws(BrokerError) in
                try broker.transactions.end(transactionalId, producer: identity, result)
            }
        } catch {
            // Nothing was decided if the same call may succeed later.
            if !error.isRetriable { note(error) }
            throw error
        }
        // The epoch was raised with the end of the transaction, and a new epoch counts from 0 (KIP-890).
        sequences = [:]
        state = .ready
    }

    func close() {
        if case .closed = state { return }
        switch state {
        case .inTransaction, .mustAbort:
            // What cannot be aborted now is aborted by the next owner of the id, or by its time-out.
            try? end(.abort)
        case .ready, .uninitialised, .fenced, .prepared:
            try? flush()
        case .closed: break
        }
        state = .closed
    }

    private func checkUsable() throws(ClientError) {
        switch state {
        case .ready, .uninitialised, .inTransaction, .prepared, .mustAbort:
            try client { () throws(BrokerError) in try broker.checkOpen() }
        case .fenced(let error): throw error
        case .closed: throw ClientError(.closed, "the producer is closed")
        }
    }

    /// Remembers what an error means for what can still be done.
    private func note(_ error: ClientError) {
        if error.isFenced && error.code == .fenced {
            state = .fenced(error)
        } else if case .inTransaction = state {
            state = .mustAbort(
                ClientError(
                    .transactionAborted,
                    "the transaction cannot be committed, because a call within it failed; abort it. \(error.message)"
                )
            )
        }
    }

    private var stateName: String {
        switch state {
        case .ready: "no transaction was begun; call beginTransaction first"
        case .prepared: "the transaction is prepared, and can only be completed, committed or aborted"
        case .uninitialised: "initTransactions was not called"
        case .inTransaction: "a transaction is open"
        case .mustAbort: "the transaction must be aborted"
        case .fenced: "the producer was fenced"
        case .closed: "the producer is closed"
        }
    }
}
