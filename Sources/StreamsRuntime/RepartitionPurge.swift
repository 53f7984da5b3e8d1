import Logging
import MillraceLogClient
import MillracePrimitives

/// Deletes the records of repartition topics once they were processed and that is committed: nobody else reads them, and
/// they would stay for ever. Kafka: `repartition.purge.interval.ms`.
///
/// Owned by a stream thread.
struct RepartitionPurge {
    private let routing: TopicRouting
    private let admin: any AdminConnection
    private let interval: Int64  // nanoseconds
    private var last: Int64
    /// Up to where records were committed since the last time.
    private var passed: [TopicPartition: Int64] = [:]

    init(_ environment: StreamThreadEnvironment) throws {
        routing = environment.routing
        admin = try environment.backend.connectAdmin()
        interval = environment.configuration.repartitionPurgeInterval.wholeNanoseconds
        last = environment.backend.time.monotonicNanoseconds
    }

    /// Takes note of a commit that has succeeded, and deletes what is due. A failure is reported and tried again: the
    /// records are in nobody's way.
    mutating func didCommit(_ offsets: [TopicPartition: CommittedOffset], now: Int64, _ logger: Logger) {
        for (partition, committed) in offsets where routing.isInternal(partition.topic) {
            passed[partition] = committed.offset
        }
        guard now - last >= interval, !passed.isEmpty else { return }
        last = now
        for (partition, offset) in passed {
            do throws(ClientError) {
                try admin.deleteRecords(partition, before: offset)
                passed[partition] = nil
            } catch {
                logger.warning(
                    "processed records of a repartition topic could not be deleted yet",
                    metadata: ["partition": "\(partition)", "error": "\(error)"]
                )
            }
        }
    }
}
