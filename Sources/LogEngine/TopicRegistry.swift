import MillraceLogStorage
import MillracePrimitives
import Synchronization

/// A topic that the broker hosts.
package struct Topic: Sendable {
    package var record: TopicRecord
    package var partitions: [Partition]

    package var isInternal: Bool { InternalTopic.names.contains(record.name) }
}

/// The broker's own topics.
package enum InternalTopic {
    package static let offsets = "__consumer_offsets"
    package static let transactions = "__transaction_state"
    package static let names: Set<String> = [offsets, transactions]
}

/// Which topics there are, in memory; changed under its lock only after the data directory was.
final class TopicRegistry: Sendable {
    private let topics = Mutex<[String: Topic]>([:])
    /// Topics whose deletion was written down and is not finished.
    private let unfinished = Mutex<[String: TopicRecord]>([:])

    private let changes = Atomic<UInt64>(0)

    /// Another number after each change.
    var version: UInt64 { changes.load(ordering: .acquiring) }

    func topic(_ name: String) -> Topic? {
        topics.withLock { $0[name] }
    }

    func partition(_ id: TopicPartition) throws(BrokerError) -> Partition {
        try topics.withLock { (topics) throws(BrokerError) in
            guard let topic = topics[id.topic] else {
                throw BrokerError(.unknownTopicOrPartition, "there is no topic \"\(id.topic)\"; create it first")
            }
            guard topic.partitions.indices.contains(Int(id.partition)) else {
                throw BrokerError(
                    .unknownTopicOrPartition,
                    "topic \"\(id.topic)\" has \(topic.partitions.count) partitions; there is no partition \(id.partition)"
                )
            }
            return topic.partitions[Int(id.partition)]
        }
    }

    var all: [Topic] {
        topics.withLock { $0.values.sorted { $0.record.name < $1.record.name } }
    }

    /// What the topics file has to say: all topics, and those whose deletion is not finished.
    var records: [TopicRecord] { all.map(\.record) + deletions }

    var deletions: [TopicRecord] { unfinished.withLock { $0.values.sorted { $0.name < $1.name } } }

    func deletion(of name: String) -> TopicRecord? {
        unfinished.withLock { $0[name] }
    }

    /// Takes a topic away; its record stays until `endDeletion`.
    func beginDeletion(_ record: TopicRecord) {
        unfinished.withLock { $0[record.name] = record }
        _ = topics.withLock { $0.removeValue(forKey: record.name) }
        changes.add(1, ordering: .acquiringAndReleasing)
    }

    func endDeletion(of name: String) {
        _ = unfinished.withLock { $0.removeValue(forKey: name) }
    }

    func set(_ topic: Topic) {
        topics.withLock { $0[topic.record.name] = topic }
        changes.add(1, ordering: .acquiringAndReleasing)
    }
}
