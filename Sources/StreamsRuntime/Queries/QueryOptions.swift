import MillraceLogClient
import MillracePrimitives

/// Which writes a query sees.
public enum QueryIsolation: Hashable, Sendable {
    /// All that the task has made so far, those of records under way in an open transaction included: they may still be
    /// taken back.
    case latest
    /// Those that are committed. The query is answered at the next moment at which nothing else is there, that is right
    /// after a commit, and so waits for up to `StreamsConfiguration.commitInterval` while the thread is busy.
    case committed
}

/// What a query asks for besides its answer.
public struct QueryOptions: Hashable, Sendable {
    /// Which writes it sees.
    public var isolation = QueryIsolation.latest
    /// The records that must have been processed (with `committed`: committed), by their partitions and offsets; those of
    /// the topics that the store's part of the topology reads. This is how one reads one's own writes.
    public var bound: [TopicPartition: Int64] = [:]
    /// How long the query may wait: for its bound, a commit, or a store that is being restored.
    public var timeout = Duration.seconds(10)

    /// The defaults.
    public init(
        isolation: QueryIsolation = .latest,
        after receipts: [RecordReceipt] = [],
        timeout: Duration = .seconds(10)
    ) {
        self.isolation = isolation
        self.timeout = timeout
        for receipt in receipts {
            bound[receipt.partition] = max(receipt.offset, bound[receipt.partition] ?? -1)
        }
    }
}

/// Why a query has no answer.
public enum QueryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The topology has no store of this name.
    case unknownStore(String, known: [String])
    /// The store is of another kind than the query is made for.
    case otherKind(store: String)
    /// The application is not at work.
    case notRunning
    /// The store has no such partition.
    case invalidPartition(store: String, partition: Int32, count: Int32)
    /// Another instance of the application has the partition.
    case partitionNotHere(store: String, partition: Int32)
    /// The bound names a partition that the store's part of the topology does not read.
    case unrelatedBound(store: String, TopicPartition)
    /// It took longer than the query may wait.
    case timedOut(store: String, partition: Int32)
    /// More queries wait than the application keeps.
    case tooManyWaiting(Int)
    /// A key or value is not what its serde writes or reads.
    case serde(store: String, reason: String)
    /// The task that asked was cancelled.
    case cancelled

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .unknownStore(let store, let known):
            "there is no store \"\(store)\"; there are: \(known.joined(separator: ", "))"
        case .otherKind(let store):
            "the store \"\(store)\" is of another kind than the query"
        case .notRunning:
            "the application is not running; ask between the start of run() and its end"
        case .invalidPartition(let store, let partition, let count):
            "the store \"\(store)\" has \(count) partitions; there is no \(partition)"
        case .partitionNotHere(let store, let partition):
            "partition \(partition) of the store \"\(store)\" is with another instance of the application; ask there"
        case .unrelatedBound(let store, let partition):
            "the bound names \(partition), which the part of the topology with the store \"\(store)\" does not read; name "
                + "those of its own inputs"
        case .timedOut(let store, let partition):
            "partition \(partition) of the store \"\(store)\" was not there, or had not reached the bound, in time"
        case .tooManyWaiting(let count):
            "\(count) queries wait already; ask again later"
        case .serde(let store, let reason):
            "a key or value of the store \"\(store)\": \(reason)"
        case .cancelled:
            "the task that asked was cancelled"
        }
    }
}
