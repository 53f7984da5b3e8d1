import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives

// What consumers and administrators ask of partitions, in a client's terms.
extension EmbeddedBroker {
    /// A partition that must be there.
    func find(_ id: TopicPartition) throws(ClientError) -> Partition {
        try client { () throws(BrokerError) in try partition(id) }
    }

    /// For each partition the first offset whose timestamp is at or after the given one; none if there is no such
    /// record.
    func offsets(at timestamps: [TopicPartition: Int64]) throws(ClientError) -> [TopicPartition: Int64] {
        var found: [TopicPartition: Int64] = [:]
        for (id, timestamp) in timestamps {
            let log = try find(id).log
            do throws(LogError) {
                found[id] = try log.offset(forTimestamp: timestamp)?.offset
            } catch {
                throw ClientError(BrokerError(error))
            }
        }
        return found
    }
}
