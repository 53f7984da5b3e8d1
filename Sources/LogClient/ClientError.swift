import MillracePrimitives

/// An error of a producer, consumer or admin client, in terms of what the caller can do next.
public struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of thing went wrong. New codes may be added; ask the `is…` properties of the error where they suffice.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A stable name for logs and metrics.
        public let description: String
        private init(_ description: String) { self.description = description }

        /// The topic or partition does not exist.
        public static let unknownTopicOrPartition = Code("unknownTopicOrPartition")
        /// The topic exists already.
        public static let topicAlreadyExists = Code("topicAlreadyExists")
        /// A record or batch is larger than the topic or the producer allows.
        public static let recordTooLarge = Code("recordTooLarge")
        /// The offset lies outside of what the partition holds, and the reset policy is `none`.
        public static let offsetOutOfRange = Code("offsetOutOfRange")
        /// No offset was committed for the partition, and the reset policy is `none`.
        public static let noOffset = Code("noOffset")
        /// A newer producer of this transactional id, or a newer epoch of this producer, took over. Close it.
        public static let fenced = Code("fenced")
        /// The group went on without this member: it was too slow, or another instance replaced it.
        public static let memberFenced = Code("memberFenced")
        /// The group is rebalancing; poll, then try again.
        public static let rebalanceInProgress = Code("rebalanceInProgress")
        /// The members of the group have no assignment strategy in common with this one.
        public static let inconsistentGroup = Code("inconsistentGroup")
        /// The group has as many members as the broker allows.
        public static let groupFull = Code("groupFull")
        /// There is no such group.
        public static let groupNotFound = Code("groupNotFound")
        /// The group has members, or a transaction that is committing its offsets; stop them first.
        public static let groupNotEmpty = Code("groupNotEmpty")
        /// A member of the group reads the topic, so its offsets cannot be deleted.
        public static let groupSubscribedToTopic = Code("groupSubscribedToTopic")
        /// The transaction must be aborted; afterwards the producer can begin a new one.
        public static let transactionAborted = Code("transactionAborted")
        /// The call does not fit the producer's transaction state, such as a commit without a begin.
        public static let invalidTransactionState = Code("invalidTransactionState")
        /// Another request on the same transaction is under way; try again.
        public static let concurrentTransactions = Code("concurrentTransactions")
        /// An idempotent producer's batch left a gap.
        public static let outOfOrderSequence = Code("outOfOrderSequence")
        /// Stored or received bytes are damaged.
        public static let corruptRecord = Code("corruptRecord")
        /// The log cannot be written or read: disk full, read-only, an input/output error.
        public static let storage = Code("storage")
        /// It took longer than the call's time limit.
        public static let timedOut = Code("timedOut")
        /// A setting or argument is not valid.
        public static let invalidArgument = Code("invalidArgument")
        /// The client or its broker was closed.
        public static let closed = Code("closed")
        /// Not allowed to do this.
        public static let notAuthorized = Code("notAuthorized")
        /// Anything else; the message says what.
        public static let other = Code("other")
    }

    /// The kind.
    public var code: Code
    /// What happened, where, and what to do next.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same call may succeed if it is made again.
    public var isRetriable: Bool {
        [.timedOut, .rebalanceInProgress, .concurrentTransactions].contains(code)
    }

    /// The producer or member was replaced by a newer one and must be closed.
    public var isFenced: Bool { code == .fenced || code == .memberFenced }

    /// The transaction under way must be aborted; the producer stays usable.
    public var requiresAbort: Bool { code == .transactionAborted || code == .outOfOrderSequence }

    /// Code and message.
    public var description: String { "\(code): \(message)" }
}
