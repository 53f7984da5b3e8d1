import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

/// A partition that the broker hosts: its log, and who waits for it to grow.
package final class Partition: Sendable {
    package let id: TopicPartition
    package let log: PartitionLog
    /// Doorbells of readers; few, so a list is enough.
    private let watchers = Mutex<[Wakeup]>([])
    private let isGone = Atomic<Bool>(false)

    /// The largest batch that is taken now, in bytes: `max.message.bytes`.
    package var batchSizeMax: Int { log.configuration.maxMessageBytes }

    init(id: TopicPartition, log: PartitionLog) {
        self.id = id
        self.log = log
    }

    /// Appends batches and wakes who waits for them.
    ///
    /// - Parameters:
    ///   - unknownProducer: which sequence number an idempotent producer may begin with that is not known here.
    ///   - beginsTransaction: whether the coordinator knows that they may be the first of a transaction here.
    package func append(
        _ batches: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin,
        unknownProducer: UnknownProducerPolicy = .anySequence,
        beginsTransaction: Bool = true
    ) throws(BrokerError) -> AppendResult {
        do throws(LogError) {
            let result = try log.append(
                batches,
                origin: origin,
                leaderEpoch: Partition.leaderEpoch,
                unknownProducer: unknownProducer,
                beginsTransaction: beginsTransaction
            )
            ring()
            return result
        } catch {
            throw BrokerError(error)
        }
    }

    /// Ends a producer's transaction in this partition.
    func appendMarker(
        _ marker: EndTransactionMarker,
        for producer: ProducerIdentity,
        transactionVersion: Int
    ) throws(BrokerError) {
        do throws(LogError) {
            _ = try log.appendMarker(
                marker,
                producer: producer,
                transactionVersion: transactionVersion,
                leaderEpoch: Partition.leaderEpoch
            )
            ring()
        } catch {
            throw BrokerError(error)
        }
    }

    /// Blocks until what was appended before this call survives loss of power.
    package func flush() throws(BrokerError) {
        try flush(upTo: log.logEndOffset)
    }

    /// Blocks until everything before an offset survives loss of power.
    package func flush(upTo offset: Int64) throws(BrokerError) {
        do throws(LogError) {
            try log.flush(upTo: min(offset, log.logEndOffset))
        } catch {
            throw BrokerError(error)
        }
    }

    /// Whether a flush up to an offset has nothing to do, and nothing to report.
    func isDurable(upTo offset: Int64) -> Bool { log.isDurable(upTo: offset) }

    /// Whether the partition was deleted, or its broker was closed: who still holds it has to ask the broker again.
    package var isAbandoned: Bool { isGone.load(ordering: .acquiring) }

    /// Closes the log in order.
    func close() throws(LogError) {
        isGone.store(true, ordering: .releasing)
        defer { ring() }
        try log.close(clean: true)
    }

    /// Closes the log without order, because its data go, or are to be recovered.
    func abandon() {
        isGone.store(true, ordering: .releasing)
        // Nothing is written, so nothing can fail; a log that was closed stays closed.
        try? log.close(clean: false)
        ring()
    }

    package func watch(_ wakeup: Wakeup) {
        watchers.withLock { $0.append(wakeup) }
    }

    package func unwatch(_ wakeup: Wakeup) {
        watchers.withLock { $0.removeAll { $0 === wakeup } }
    }

    func ring() {
        for watcher in watchers.withLock({ $0 }) { watcher.ring() }
    }

    /// The embedded broker leads all of its partitions and never hands them over.
    static let leaderEpoch: Int32 = 0
}
