import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// What an application does with a record at which something fails: Kafka Streams' exception handlers for
/// deserialisation, processing (KIP-1033) and production.
///
///     configuration.onDecodingError = .deadLetter(topic: "orders-unreadable")
///     configuration.onProcessingError = .retry(attempts: 3, then: .fail(deadLetterTopic: "orders-failed"))
///     configuration.onProductionError = ErrorPolicy { failure in
///         failure.error is SerdeError ? .skip : .fail()
///     }
public struct ErrorPolicy: Sendable {
    /// What to do with one record.
    public enum Response: Hashable, Sendable {
        /// Stop with an error that says where. With a topic, the record is also written there, in a transaction of its
        /// own after the failed one has been aborted, so that it can be seen and dealt with; it comes again each time
        /// the application fails at this record, with `UncaughtErrorPolicy.replaceThread` at each new beginning.
        case fail(deadLetterTopic: String? = nil)
        /// Leave out what failed, log and count it, go on.
        case skip
        /// Write the source record to a topic, in the transaction of everything else, and go on as with `skip`.
        case deadLetter(topic: String)
        /// Try again after a pause. The thread waits meanwhile; all tries together must take less than the
        /// application's `transactionTimeout`.
        case retry(after: Duration)
    }

    /// The topics that records may be sent to as far as they are known before the start; they must exist.
    let deadLetterTopics: Set<String>
    let respond: @Sendable (FailedRecord) -> Response

    /// A policy of your own.
    ///
    /// - Parameters:
    ///   - deadLetterTopics: the topics that it may name in a response; that they exist is checked at the start.
    ///   - respond: decides; called on a stream thread.
    public init(deadLetterTopics: Set<String> = [], _ respond: @escaping @Sendable (FailedRecord) -> Response) {
        self.deadLetterTopics = deadLetterTopics
        self.respond = respond
    }

    /// Stop with an error that says where and why.
    public static var fail: ErrorPolicy { ErrorPolicy { _ in .fail() } }

    /// Stop, and write the record to a topic nevertheless; see `Response.fail`.
    public static func fail(deadLetterTopic topic: String) -> ErrorPolicy {
        ErrorPolicy(deadLetterTopics: [topic]) { _ in .fail(deadLetterTopic: topic) }
    }

    /// Log it, count it, go on with the next.
    public static var logAndContinue: ErrorPolicy { ErrorPolicy { _ in .skip } }

    /// Write the source record as it was to a topic, with headers that say where it came from and what was wrong, in the
    /// same transaction as everything else; then go on. The headers are those of Kafka Streams (KIP-1034).
    public static func deadLetter(topic: String) -> ErrorPolicy {
        ErrorPolicy(deadLetterTopics: [topic]) { _ in .deadLetter(topic: topic) }
    }

    /// The same where nothing can be written: what would be a dead letter is only logged.
    var withoutDeadLetters: ErrorPolicy {
        ErrorPolicy { failure in
            switch respond(failure) {
            case .fail: .fail()
            case .skip, .deadLetter: .skip
            case .retry(let duration): .retry(after: duration)
            }
        }
    }

    /// Try again, each time after twice the pause, and at last do something else.
    ///
    /// - Parameters:
    ///   - attempts: how many further tries, 1 or more.
    ///   - firstPause: before the first of them.
    ///   - longestPause: no pause is longer.
    ///   - last: what to do when all tries have failed.
    public static func retry(
        attempts: Int,
        firstPause: Duration = .milliseconds(100),
        longestPause: Duration = .seconds(2),
        then last: ErrorPolicy
    ) -> ErrorPolicy {
        ErrorPolicy(deadLetterTopics: last.deadLetterTopics) { failure in
            guard failure.attempt <= attempts else { return last.respond(failure) }
            let doublings = min(failure.attempt - 1, 30)
            return .retry(after: min(firstPause * (1 << doublings), longestPause))
        }
    }
}

/// A record at which something failed.
public struct FailedRecord: Sendable {
    /// What was being done.
    public enum Stage: Hashable, Sendable {
        /// Its key or value was being read.
        case decoding(UndecodableRecord.Part)
        /// An operator was at work on it.
        case processing
        /// A result was being written to a topic.
        case production(topic: String)
    }

    /// What was being done.
    public var stage: Stage
    /// The name of the operator: a source, a processor or a sink.
    public var operatorName: String
    /// The error.
    public var error: any Error
    /// How many tries have failed, this one included.
    public var attempt: Int
    /// The task.
    public var task: TaskId
    /// The partition that the source record was read from; nil if an operator failed at an update that a store had held
    /// back, which belongs to no single record.
    public var partition: TopicPartition?
    /// The source record's offset; -1 without a source record.
    public var offset: Int64
    /// The source record's timestamp, in milliseconds since 1970; -1 without a source record.
    public var timestampMs: Int64
    /// The source record's key, as it was read; nil if it is null or there is no source record.
    public var key: [UInt8]?
    /// The source record's value, likewise.
    public var value: [UInt8]?
    /// The source record's headers, whatever operators have made of them since.
    public var headers: RecordHeaders
}

/// An error of an operator: which one, and what it threw.
public struct OperatorError: Error, CustomStringConvertible {
    /// The operator's name.
    public var operatorName: String
    /// What it threw.
    public var underlying: any Error

    /// Operator and reason.
    public var description: String { "\(operatorName): \(underlying)" }
}
