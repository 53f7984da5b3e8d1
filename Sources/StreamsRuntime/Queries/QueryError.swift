import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Why a query has no answer.
public enum QueryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The topology has no store of this name.
    case unknownStore(String, known: [String])
    /// The store is of another kind than the query is made for.
    case otherKind(store: String, StoreFormat.Kind)
    /// The store is an operator's own, such as that of a join of streams.
    case privateStore(String)
    /// The application is not at work.
    case notRunning
    /// The store has no such partition.
    case invalidPartition(store: String, partition: Int32, count: Int32)
    /// Another instance of the application has the partition.
    case partitionNotHere(store: String, partition: Int32)
    /// The partition's task was still being assigned or restored when the time was over.
    case restoring(store: String, partition: Int32)
    /// The bound names a partition whose records do not lead to the store.
    case unrelatedBound(store: String, TopicPartition)
    /// The bound names a partition that is read before a repartition topic, and the application's guarantee does not tell
    /// what became of its records.
    case unsupportedBound(store: String, TopicPartition)
    /// The records that the bound leads to had not been processed when the time was over: those of a partition of its own
    /// or of a repartition topic, before an offset.
    case notUpToBound(store: String, partition: Int32, of: TopicPartition, before: Int64)
    /// The time was over before there was a commit, or before the thread came to it.
    case timedOut(store: String, partition: Int32)
    /// More queries wait than the application keeps.
    case tooManyWaiting(Int)
    /// A key or value is not what its serde writes or reads.
    case serde(store: String, reason: String)
    /// The log could not be asked.
    case log(ClientError)
    /// The task that asked was cancelled.
    case cancelled

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .unknownStore(let store, let known):
            "there is no store \"\(store)\"; there are: \(known.joined(separator: ", "))"
        case .otherKind(let store, let kind):
            "\"\(store)\" is a \(kind.rawValue) store; ask it with the function for that kind"
        case .privateStore(let store):
            "the store \"\(store)\" is an operator's own, and cannot be asked"
        case .notRunning:
            "the application is not running; ask between the start of run() and its end"
        case .invalidPartition(let store, let partition, let count):
            "the store \"\(store)\" has \(count) partitions; there is no \(partition)"
        case .partitionNotHere(let store, let partition):
            "partition \(partition) of the store \"\(store)\" is with another instance of the application; ask there"
        case .restoring(let store, let partition):
            "partition \(partition) of the store \"\(store)\" was not restored in time; ask again later"
        case .unrelatedBound(let store, let partition):
            "the bound names \(partition), whose records do not lead to the store \"\(store)\"; name those that do"
        case .unsupportedBound(let store, let partition):
            "the bound names \(partition), which is read before a repartition topic on the way to the store \"\(store)\"; "
                + "under at-most-once it is not known whether such records were processed"
        case .notUpToBound(let store, let partition, let input, let offset):
            "partition \(partition) of the store \"\(store)\" did not hold what \(input) leads to before offset \(offset) "
                + "in time"
        case .timedOut(let store, let partition):
            "partition \(partition) of the store \"\(store)\" could not answer in time; ask again, or wait longer"
        case .tooManyWaiting(let count):
            "\(count) queries wait already; ask again later"
        case .serde(let store, let reason):
            "a key or value of the store \"\(store)\": \(reason)"
        case .log(let error):
            "the log could not be asked: \(error)"
        case .cancelled:
            "the task that asked was cancelled"
        }
    }
}
