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
    /// The records that must have been processed (with `committed`: committed), by their partitions and offsets. This is how
    /// one reads one's own writes.
    ///
    /// Of the topics that the store's part of the topology reads, those of the store's own partition are waited for; the
    /// others do not concern it. Records that lead to the store by way of repartition topics are waited for until their
    /// work is committed on each stage, so that this takes up to a commit interval for each such topic.
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
