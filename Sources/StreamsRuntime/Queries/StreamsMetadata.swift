import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// A task of this instance of an application, as it is at work. What Kafka Streams calls `TaskMetadata`.
public struct TaskMetadata: Hashable, Sendable {
    /// The task's number.
    public var id: TaskId
    /// The partitions that it reads, sorted.
    public var partitions: [TopicPartition]
    /// The stores that it has a partition of, sorted by name.
    public var stores: [String]
    /// The changelog partitions of those that have one, sorted.
    public var changelogs: [TopicPartition]
}

/// A thread of this instance of an application. What Kafka Streams calls `ThreadMetadata`.
public struct ThreadMetadata: Hashable, Sendable {
    /// The thread's number, from 0.
    public var index: Int
    /// Whether its tasks are set up: not while it waits for an assignment or restores stores.
    public var isReady: Bool
    /// Its tasks, in their order.
    public var tasks: [TaskMetadata]
}

/// A store of an application, and where it can be asked.
public struct StoreMetadata: Hashable, Sendable {
    /// The store's name.
    public var name: String
    /// What kind of store it is, and what its entries are.
    public var format: StoreFormat
    /// Whether each thread has the whole of it; then it is asked as partition 0.
    public var isGlobal: Bool
    /// How many partitions it has.
    public var partitionCount: Int32
    /// Those that this instance can be asked for now, sorted.
    public var localPartitions: [Int32]
}

/// How far a partition of a store is behind. What Kafka Streams calls `LagInfo`.
public struct StoreLag: Hashable, Sendable {
    /// The store.
    public var store: String
    /// The partition.
    public var partition: Int32
    /// The offsets of its changelog that were not read yet, while it is being restored; 0 for a store at work.
    public var changelogOffsets: Int64
    /// The committed offsets of the partitions that its task reads that are not processed and committed yet; markers
    /// count too. For a global store, 0.
    public var inputOffsets: Int64
}
