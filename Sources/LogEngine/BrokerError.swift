import MillraceCoordination
import MillraceFileIO
import MillraceLogStorage

/// Why the embedded broker refused or failed to do something.
public struct BrokerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of error, with the number that Kafka's protocol has for it.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// Kafka's number.
        public var rawValue: Int16

        /// The kind with this number.
        public init(rawValue: Int16) {
            self.rawValue = rawValue
        }

        /// Something that no other kind describes, such as a directory that cannot be used.
        public static let unknownServerError = Code(rawValue: -1)
        /// The offset is not one that the partition holds.
        public static let offsetOutOfRange = Code(rawValue: 1)
        /// Stored or sent bytes are damaged.
        public static let corruptMessage = Code(rawValue: 2)
        /// There is no such topic or partition.
        public static let unknownTopicOrPartition = Code(rawValue: 3)
        /// The batch is larger than the topic allows.
        public static let messageTooLarge = Code(rawValue: 10)
        /// The topic's name is not allowed.
        public static let invalidTopic = Code(rawValue: 17)
        /// A timestamp is out of the allowed range.
        public static let invalidTimestamp = Code(rawValue: 32)
        /// A topic of this name exists.
        public static let topicAlreadyExists = Code(rawValue: 36)
        /// The number of partitions is not allowed.
        public static let invalidPartitions = Code(rawValue: 37)
        /// A setting is unknown or its value is not allowed.
        public static let invalidConfig = Code(rawValue: 40)
        /// The request makes no sense.
        public static let invalidRequest = Code(rawValue: 42)
        /// The topic's settings forbid it.
        public static let policyViolation = Code(rawValue: 44)
        /// An idempotent producer's batch left a gap.
        public static let outOfOrderSequenceNumber = Code(rawValue: 45)
        /// The producer's epoch is older than the newest.
        public static let invalidProducerEpoch = Code(rawValue: 47)
        /// The producer's transaction is not in a state for this.
        public static let invalidTransactionState = Code(rawValue: 48)
        /// The transaction's state is about to change; try again.
        public static let concurrentTransactions = Code(rawValue: 51)
        /// A newer coordinator wrote before.
        public static let transactionCoordinatorFenced = Code(rawValue: 52)
        /// Reading or writing a file failed, or the disk is full.
        public static let storageError = Code(rawValue: 56)
        /// A newer producer of the transactional id took over.
        public static let producerFenced = Code(rawValue: 90)
        /// The transaction has to be aborted; the producer stays usable.
        public static let transactionAbortable = Code(rawValue: 120)
        /// There is no such transactional id.
        public static let transactionalIdNotFound = Code(rawValue: 105)
        /// The records break a rule of the topic.
        public static let invalidRecord = Code(rawValue: 87)
        /// The broker was closed.
        public static let closed = Code(rawValue: -2)
        /// Another process uses the data directory.
        public static let directoryInUse = Code(rawValue: -3)

        /// The number.
        public var description: String { "\(rawValue)" }
    }

    /// The kind.
    public var code: Code
    /// What happened, where, and what to do.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}

extension BrokerError {
    /// The error of a log, as the broker's callers see it.
    package init(_ error: LogError) {
        let code: Code =
            switch error {
            case .outOfRange: .offsetOutOfRange
            case .recordTooLarge: .messageTooLarge
            case .invalidBatch: .corruptMessage
            case .invalidRecord: .invalidRecord
            case .invalidTimestamp: .invalidTimestamp
            case .corruptBatch: .corruptMessage
            case .outOfOrderSequence: .outOfOrderSequenceNumber
            case .invalidProducerEpoch: .invalidProducerEpoch
            case .invalidTransactionState: .invalidTransactionState
            case .unverifiedTransaction: .transactionAbortable
            case .coordinatorFenced: .transactionCoordinatorFenced
            case .file, .writesStopped, .inconsistentTopicId: .storageError
            case .closed: .closed
            }
        self.init(code, error.description)
    }

    /// A coordinator's refusal.
    package init(_ error: CoordinatorError) {
        self.init(Code(rawValue: error.code.rawValue), error.message)
    }

    /// A file of the data directory that makes no sense.
    init(_ error: DataDirectoryFileError) {
        self.init(.storageError, error.description)
    }

    /// A topic's setting that is not allowed.
    init(_ error: LogConfigurationError) {
        self.init(.invalidConfig, error.description)
    }

    /// The error of a file call.
    init(_ error: FileError) {
        self.init(error.reason == .locked ? .directoryInUse : .storageError, error.description)
    }
}
