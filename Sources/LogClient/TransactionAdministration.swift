import MillracePrimitives

/// A transactional id as its coordinator sees it.
public struct TransactionDescription: Hashable, Sendable {
    /// Where a transactional id is in its cycle, by Kafka's names.
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// No transaction was begun since the owner took the id over.
        case empty = "Empty"
        /// A transaction is under way.
        case ongoing = "Ongoing"
        /// A commit is decided and being made visible.
        case prepareCommit = "PrepareCommit"
        /// An abort is decided and being carried out.
        case prepareAbort = "PrepareAbort"
        /// The last transaction was committed.
        case completeCommit = "CompleteCommit"
        /// The last transaction was aborted.
        case completeAbort = "CompleteAbort"
    }

    /// The transactional id.
    public var transactionalId: String
    /// Where it is in its cycle.
    public var state: State
    /// The current identity; that of the records, if a transaction is under way.
    public var producer: ProducerIdentity
    /// How long a transaction may take; nil for as long as it likes.
    public var timeout: Duration?
    /// Whether the transaction under way is prepared for a two-phase commit, and waits for its owner's decision.
    public var isPrepared: Bool
    /// When the transaction began, in milliseconds since 1970; nil if none is under way or being ended.
    public var startMs: Int64?
    /// The partitions that take part, sorted.
    public var partitions: [TopicPartition]

    /// Makes a description.
    public init(
        transactionalId: String,
        state: State,
        producer: ProducerIdentity,
        timeout: Duration?,
        isPrepared: Bool,
        startMs: Int64?,
        partitions: [TopicPartition]
    ) {
        self.transactionalId = transactionalId
        self.state = state
        self.producer = producer
        self.timeout = timeout
        self.isPrepared = isPrepared
        self.startMs = startMs
        self.partitions = partitions
    }
}

/// Which transactional ids to list. Every condition that is set has to hold.
public struct TransactionFilter: Hashable, Sendable {
    /// Only those in one of these states; all, if empty.
    public var states: Set<TransactionDescription.State>
    /// Only those of one of these producer ids; all, if empty.
    public var producerIds: Set<Int64>
    /// Only those with a transaction that began longer ago than this.
    public var runningLongerThan: Duration?

    /// Without conditions, every transactional id.
    public init(
        states: Set<TransactionDescription.State> = [],
        producerIds: Set<Int64> = [],
        runningLongerThan: Duration? = nil
    ) {
        self.states = states
        self.producerIds = producerIds
        self.runningLongerThan = runningLongerThan
    }
}

/// A transaction that is open in a partition though its coordinator does not know of it there: nobody will end it, and
/// readers of committed data wait for it. `Admin.abortTransaction` ends it.
public struct HangingTransaction: Hashable, Sendable {
    /// Where it is open.
    public var partition: TopicPartition
    /// Whose it is.
    public var producer: ProducerIdentity
    /// Its first record.
    public var firstOffset: Int64
    /// When the producer last wrote to the partition, in milliseconds since 1970.
    public var lastWriteMs: Int64
    /// The epoch of the coordinator that ended the producer's transaction before; -1 for none.
    public var coordinatorEpoch: Int32

    /// Makes a description.
    public init(
        partition: TopicPartition,
        producer: ProducerIdentity,
        firstOffset: Int64,
        lastWriteMs: Int64,
        coordinatorEpoch: Int32
    ) {
        self.partition = partition
        self.producer = producer
        self.firstOffset = firstOffset
        self.lastWriteMs = lastWriteMs
        self.coordinatorEpoch = coordinatorEpoch
    }
}

/// Names one of the transactions that are open in a partition.
public enum OpenTransactionSelection: Hashable, Sendable {
    /// The one whose first record has this offset.
    case startingAt(Int64)
    /// The one of this producer.
    case of(ProducerIdentity)
}

/// What an administrator's connection does about transactions. Calls may come from any thread.
public protocol TransactionAdministration {
    /// The transactional ids that meet the conditions, sorted.
    func listTransactions(_ filter: TransactionFilter) throws(ClientError) -> [TransactionDescription]
    /// One transactional id; throws `unknownTransactionalId` if there is none of this name.
    func describeTransaction(_ transactionalId: String) throws(ClientError) -> TransactionDescription
    /// The transactions that hang in a topic, or in any.
    func findHangingTransactions(
        in topic: String?,
        olderThan age: Duration?
    ) throws(ClientError) -> [HangingTransaction]
    /// Ends a transaction that hangs in a partition.
    func abortTransaction(_ selection: OpenTransactionSelection, in partition: TopicPartition) throws(ClientError)
    /// Aborts the transaction of a transactional id, prepared or not, and fences its owner.
    func forceTerminateTransaction(_ transactionalId: String) throws(ClientError)
}
