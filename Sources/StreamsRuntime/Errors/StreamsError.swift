import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Why a streams application stopped, or did not start.
public enum StreamsError: Error, Sendable, CustomStringConvertible {
    /// A setting makes no sense; the text says which.
    case invalidConfiguration(String)
    /// The topology does not fit the topics that there are.
    case partitions(PartitionPlanError)
    /// An internal topic exists with another number of partitions than the topology needs.
    case internalTopicMismatch(topic: String, expected: Int32, actual: Int32)
    /// The topology cannot go on with the state that the application has in the log; all the reasons.
    case topologyChanged([TopologyDifference])
    /// Stores and internal topics have no names of their own, and the configuration asks for them.
    case unnamed([String])
    /// What the application has written down of its topology cannot be read.
    case unreadableManifest(topic: String, reason: String)
    /// A reset of the application was begun and did not come to its end.
    case resetUnfinished(applicationId: String)
    /// A record could not be decoded, and the policy is to stop.
    case undecodableRecord(TopicPartition, offset: Int64, reason: String)
    /// A record has no valid timestamp, and its source is to stop at that.
    case invalidTimestamp(TopicPartition, offset: Int64, timestampMs: Int64)
    /// An operator failed at a record; `underlying` is an `OperatorError` that names it.
    case processing(TaskId, TopicPartition, offset: Int64, underlying: any Error)
    /// An operator threw, or an output was refused, while a store or another part of a task passed on what it had held
    /// back until the commit.
    case flushing(TaskId, part: String, underlying: any Error)
    /// An operator threw when it was called because of the time, or at its beginning.
    case timed(TaskId, part: String, underlying: any Error)
    /// What failed could not be sent to the dead letters either; `failure` is what the application would have stopped with.
    case deadLetterRefused(topic: String, reason: String, failure: any Error)
    /// The operators of a task keep more numbers than can be committed with the offsets of its inputs.
    case tooManyRegisters(TaskId, bytes: Int, bytesMaximum: Int)
    /// The log refused something.
    case log(ClientError)
    /// The application was already started once; make another one.
    case alreadyStarted

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .invalidConfiguration(let message):
            "the configuration is invalid: \(message)"
        case .partitions(let error):
            error.description
        case .internalTopicMismatch(let topic, let expected, let actual):
            "the internal topic \(topic) has \(actual) partitions and the topology needs \(expected): the number of "
                + "partitions of an input topic was changed, or the id belongs to another topology. Use a new application "
                + "id, or delete the internal topics and start over"
        case .topologyChanged(let differences):
            "the topology does not fit the state that the application has in the log:\n"
                + differences.map { "  - \($0)" }.joined(separator: "\n")
        case .unnamed(let names):
            "requiresExplicitNames is set, and these stores and internal topics have derived names: "
                + "\(names.joined(separator: ", ")). Name them with store: and named:"
        case .unreadableManifest(let topic, let reason):
            "the application's topology in \(topic) cannot be read: \(reason). A newer version may have written it; use "
                + "that one, or reset the application"
        case .resetUnfinished(let applicationId):
            "a reset of \(applicationId) was begun and has not ended, so some of its state is gone: reset it again"
        case .undecodableRecord(let partition, let offset, let reason):
            "the record at offset \(offset) of \(partition) cannot be decoded: \(reason). Fix the serde, or set "
                + "onDecodingError to .logAndContinue or .deadLetter(topic:)"
        case .invalidTimestamp(let partition, let offset, let timestampMs):
            "the record at offset \(offset) of \(partition) has the timestamp \(timestampMs), which is before 1970: give its "
                + "source `timestamps: .ofRecord(onInvalid: .skip)`, or an extractor that tells the time from the value"
        case .processing(let task, let partition, let offset, let underlying):
            "task \(task) failed at offset \(offset) of \(partition): \(underlying)"
        case .flushing(let task, let part, let underlying):
            "task \(task) failed while \(part) passed on what it had held back: \(underlying)"
        case .timed(let task, let part, let underlying):
            "task \(task) failed in \(part), which was called because of the time or to begin: \(underlying)"
        case .deadLetterRefused(let topic, let reason, let failure):
            "\(failure). Its dead letter cannot be written to \(topic): \(reason)"
        case .tooManyRegisters(let task, let bytes, let bytesMaximum):
            "the operators of task \(task) with a stream time of their own take \(bytes) bytes of the committed offsets' "
                + "metadata, and \(bytesMaximum) fit: give them shorter names, or divide the topology into several "
                + "sub-topologies with repartition()"
        case .log(let error):
            error.description
        case .alreadyStarted:
            "an application runs once; make another one to run it again"
        }
    }
}

/// The application stops while a policy waits to try again: the thread ends at its last commit, as if the record had not
/// come yet.
struct StoppedWhileRetrying: Error {}

extension Error {
    /// Whether it says nothing about a record or an operator, only about what the thread is to do: begin again, or end.
    var concernsThread: Bool {
        if let error = self as? ClientError { return error.isCuredByRestart }
        return self is StoppedWhileRetrying
    }
}

extension ClientError {
    /// Whether the thread only has to begin again from the last commit: it was replaced, or its transaction failed, or
    /// the same call may succeed the next time.
    var isCuredByRestart: Bool { isFenced || requiresAbort || isRetriable }

    /// Whether no restart helps.
    var isFinal: Bool { [.closed, .invalidArgument, .notAuthorized].contains(code) }
}
