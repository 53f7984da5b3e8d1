import MillraceCoordination
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

extension GroupRuntime {
    /// Replays `__consumer_offsets`; an observer leaves the groups as they stand there.
    func load(isObserver: Bool) throws(BrokerError) {
        for shard in shards {
            var coordinator = shard.state.withLock { $0.coordinator }
            try CoordinatorLog(partition: shard.partition).replay { (batch, records) throws(BrokerError) in
                do throws(BrokerError) {
                    try Self.replay(batch, records, into: &coordinator)
                } catch {
                    throw BrokerError(error.code, "\(shard.partition.id) cannot be replayed: \(error.message)")
                }
            }
            let outcome = coordinator.completeLoading(now: time.milliseconds, keepsMembers: isObserver)
            let loaded = coordinator
            let deliveries = shard.state.withLock { state in
                state.coordinator = loaded
                return apply(outcome, &state, shard)
            }
            deliver(deliveries)
        }
    }

    private static func replay(
        _ batch: RecordBatch,
        _ records: UnsafeRawBufferPointer,
        into coordinator: inout GroupCoordinator
    ) throws(BrokerError) {
        let attributes = batch.header.attributes
        let producerId = attributes.isTransactional ? batch.header.producer.id : nil
        do {
            var cursor = RecordCursor(batch.header, records: records)
            while let record = try cursor.next() {
                if attributes.isControl {
                    guard let marker = try EndTransactionMarker(record) else { continue }
                    coordinator.replayTransactionMarker(
                        producerId: batch.header.producer.id,
                        result: marker.result
                    )
                } else if let key = record.key {
                    do throws(CoordinatorRecordError) {
                        coordinator.replay(try GroupRecord(key: key, value: record.value), producerId: producerId)
                    } catch {
                        // Records of newer kinds of groups, which a newer Kafka wrote, are not ours.
                        guard error.isUnknownKind else { throw error }
                    }
                }
            }
        } catch {
            throw BrokerError(.corruptMessage, "\(error)")
        }
    }
}
