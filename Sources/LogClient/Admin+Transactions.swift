import MillracePrimitives

/// What Kafka's `kafka-transactions` tool does (KIP-664).
extension Admin {
    /// The transactional ids that meet the conditions, sorted by name.
    public func listTransactions(
        _ filter: TransactionFilter = TransactionFilter()
    ) async throws(ClientError) -> [TransactionDescription] {
        try await call { (connection) throws(ClientError) in try connection.listTransactions(filter) }
    }

    /// Describes transactional ids, in the order given; throws `unknownTransactionalId` for one that does not exist.
    public func describeTransactions(
        _ transactionalIds: [String]
    ) async throws(ClientError) -> [TransactionDescription] {
        try await call { (connection) throws(ClientError) in
            var found: [TransactionDescription] = []
            for transactionalId in transactionalIds {
                found.append(try connection.describeTransaction(transactionalId))
            }
            return found
        }
    }

    /// The transactions that are open in a partition though their coordinator does not know of them there, which block
    /// readers of committed data for good.
    ///
    /// - Parameters:
    ///   - topic: where to look; everywhere, if nil.
    ///   - age: how long their producers must have been silent; by default five minutes more than the longest time-out
    ///     that a transaction may have.
    public func findHangingTransactions(
        in topic: String? = nil,
        olderThan age: Duration? = nil
    ) async throws(ClientError) -> [HangingTransaction] {
        try await call { (connection) throws(ClientError) in
            try connection.findHangingTransactions(in: topic, olderThan: age)
        }
    }

    /// Aborts a hanging transaction in its partition. Throws `invalidTransactionState` if no such transaction is open, or
    /// if its coordinator knows it: then `forceTerminateTransaction` aborts it in all of its partitions.
    public func abortTransaction(
        _ selection: OpenTransactionSelection,
        in partition: TopicPartition
    ) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            try connection.abortTransaction(selection, in: partition)
        }
    }

    /// Aborts a hanging transaction that `findHangingTransactions` found.
    public func abort(_ transaction: HangingTransaction) async throws(ClientError) {
        try await abortTransaction(.of(transaction.producer), in: transaction.partition)
    }

    /// Aborts the transaction of a transactional id and fences its owner, who has to connect anew. A prepared transaction
    /// is aborted too: make sure that the other side of the two-phase commit has not decided to commit it.
    public func forceTerminateTransaction(_ transactionalId: String) async throws(ClientError) {
        try await call { (connection) throws(ClientError) in
            try connection.forceTerminateTransaction(transactionalId)
        }
    }
}
