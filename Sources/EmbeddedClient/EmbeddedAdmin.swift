import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives

/// An administrator's connection to a broker in the same process.
final class EmbeddedAdmin: AdminConnection {
    let broker: EmbeddedBroker

    init(broker: EmbeddedBroker) {
        self.broker = broker
    }

    func checkOpen() throws(ClientError) {
        try client { () throws(BrokerError) in try broker.checkOpen() }
    }

    func createTopic(_ topic: NewTopic) throws(ClientError) {
        try client { () throws(BrokerError) in
            try broker.createTopic(topic.name, partitions: topic.partitions, configuration: topic.configuration)
        }
    }

    func deleteTopic(_ name: String) throws(ClientError) {
        try client { () throws(BrokerError) in try broker.deleteTopic(name) }
    }

    func topicNames() throws(ClientError) -> [String] {
        try checkOpen()
        return broker.allTopics.map(\.record.name)
    }

    func describeTopic(_ name: String) throws(ClientError) -> TopicDescription? {
        try checkOpen()
        return broker.topic(name).map { topic in
            TopicDescription(
                name: name,
                id: topic.record.id,
                partitionCount: topic.record.partitionCount,
                isInternal: topic.isInternal,
                configuration: topic.record.configuration
            )
        }
    }

    func createPartitions(of topic: String, total: Int32) throws(ClientError) {
        try client { () throws(BrokerError) in try broker.createPartitions(of: topic, total: total) }
    }

    func alterConfiguration(of topic: String, _ changes: [String: String?]) throws(ClientError) {
        try client { () throws(BrokerError) in try broker.alterTopic(topic, changes) }
    }

    func deleteRecords(_ partition: TopicPartition, before offset: Int64) throws(ClientError) {
        try client { () throws(BrokerError) in try broker.deleteRecords(partition, before: offset) }
    }

    func committedOffsets(of group: String) throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try checkOpen()
        return broker.groups.committedOffsets(of: group)
    }

    func offsetRange(
        of partition: TopicPartition,
        isolation: IsolationLevel
    ) throws(ClientError) -> Range<Int64> {
        let log = try client { () throws(BrokerError) in try broker.partition(partition) }.log
        let start = log.logStartOffset
        let end = isolation == .readCommitted ? log.lastStableOffset : log.highWatermark
        return start..<max(start, end)
    }

    func describeProducers(of partition: TopicPartition) throws(ClientError) -> [PartitionProducer] {
        let log = try client { () throws(BrokerError) in try broker.partition(partition) }.log
        return log.describeProducers().map { known in
            PartitionProducer(
                producer: known.producer,
                lastSequence: known.lastSequence,
                lastTimestampMs: known.lastTimestamp,
                coordinatorEpoch: known.coordinatorEpoch < 0 ? nil : known.coordinatorEpoch,
                transactionStartOffset: known.transactionFirstOffset
            )
        }
    }
}
