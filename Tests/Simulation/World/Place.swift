import MillracePrimitives
import SystemPackage

/// The places of every run: its directory, partitions and groups.
enum Place {
    static let directory: FilePath = "/d"
    static let inputs = [TopicPartition("input", 0), TopicPartition("input", 1)]
    static let outputs = [TopicPartition("output", 0), TopicPartition("output", 1), TopicPartition("output", 2)]
    /// The partitions of the topic that is compacted.
    static let tables = [TopicPartition("table", 0), TopicPartition("table", 1)]
    static let all = inputs + outputs + tables
    static let internals = [TopicPartition("__transaction_state", 0), TopicPartition("__consumer_offsets", 0)]
    /// The group of the consume-transform-produce loops.
    static let workers = "workers"
    /// The group whose members read the outputs, and commit what they have read without transactions.
    static let readers = "readers"

    static let clientCount = 3
    static let ownerCount = 4
    static let workerCount = 3
    static let readerCount = 2

    /// Two owners share an id, so that each can replace the other without its knowing.
    static func transactionalId(ofOwner owner: Int) -> String { "owner-\(owner / 2)" }

    /// The first two have ids of their own, and only the group keeps them apart (KIP-447); the third replaces the first.
    static func transactionalId(ofWorker worker: Int) -> String { "worker-\(worker % 2)" }

    /// The group in which the owners of an id keep positions.
    static func group(of transactionalId: String) -> String { "positions-of-\(transactionalId)" }

    static let transactionalIds = ["owner-0", "owner-1", "worker-0", "worker-1"]
}
