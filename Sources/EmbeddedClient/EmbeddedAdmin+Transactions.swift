import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

extension EmbeddedAdmin {
    func listTransactions(
        _ filter: TransactionFilter
    ) throws(ClientError) -> [MillraceLogClient.TransactionDescription] {
        try checkOpen()
        let states = TransactionState.allCases.filter { state in
            state.description.map(filter.states.contains) ?? false
        }
        return broker.transactions.list(
            states: Set(states),
            producerIds: filter.producerIds,
            runningLongerThan: filter.runningLongerThan
        ).compactMap(describe)
    }

    func describeTransaction(
        _ transactionalId: String
    ) throws(ClientError) -> MillraceLogClient.TransactionDescription {
        try checkOpen()
        let found = try client { () throws(BrokerError) in try broker.transactions.describe(transactionalId) }
        guard let description = describe(found) else {
            throw ClientError(.unknownTransactionalId, "transactional id \(transactionalId) has just expired")
        }
        return description
    }

    func findHangingTransactions(
        in topic: String?,
        olderThan age: Duration?
    ) throws(ClientError) -> [HangingTransaction] {
        try checkOpen()
        let found = try client { () throws(BrokerError) in
            try broker.transactions.findHanging(in: topic, olderThan: age)
        }
        return found.map { hanging in
            HangingTransaction(
                partition: hanging.partition,
                producer: hanging.producer,
                firstOffset: hanging.firstOffset,
                lastWriteMs: hanging.lastWriteMs,
                coordinatorEpoch: hanging.coordinatorEpoch
            )
        }
    }

    func abortTransaction(
        _ selection: OpenTransactionSelection,
        in partition: TopicPartition
    ) throws(ClientError) {
        try checkOpen()
        let selected: TransactionRuntime.Selection =
            switch selection {
            case .startingAt(let offset): .startingAt(offset)
            case .of(let producer): .of(producer)
            }
        try client { () throws(BrokerError) in try broker.transactions.abortHanging(selected, in: partition) }
    }

    func forceTerminateTransaction(_ transactionalId: String) throws(ClientError) {
        try checkOpen()
        try client { () throws(BrokerError) in try broker.transactions.forceTerminate(transactionalId) }
    }

    private func describe(
        _ found: MillraceCoordination.TransactionDescription
    ) -> MillraceLogClient.TransactionDescription? {
        guard let state = found.state.description else { return nil }
        let hasTimeout = !found.isPrepared && found.timeoutMs != TransactionMetadata.noTimeoutMs
        return MillraceLogClient.TransactionDescription(
            transactionalId: found.transactionalId,
            state: state,
            producer: found.producer,
            timeout: hasTimeout ? .milliseconds(Int64(found.timeoutMs)) : nil,
            isPrepared: found.isPrepared,
            startMs: found.startMs,
            partitions: found.partitions
        )
    }
}

extension TransactionState {
    /// The state as it is shown; nil for one that is never stored.
    fileprivate var description: MillraceLogClient.TransactionDescription.State? {
        switch self {
        case .empty: .empty
        case .ongoing: .ongoing
        case .prepareCommit: .prepareCommit
        case .prepareAbort: .prepareAbort
        case .completeCommit: .completeCommit
        case .completeAbort: .completeAbort
        case .dead, .prepareEpochFence: nil
        }
    }
}
