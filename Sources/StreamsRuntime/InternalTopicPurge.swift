import Logging
import MillraceLogClient
import MillracePrimitives

/// Deletes the records of internal topics that nobody needs any more, once that is committed, as they would stay for ever
/// otherwise: in repartition topics those that were processed (Kafka: `repartition.purge.interval.ms`), in changelogs
/// those of rows that have expired.
///
/// Owned by a stream thread.
struct InternalTopicPurge {
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
    mutating func didCommit(
        _ offsets: [TopicPartition: CommittedOffset],
        of tasks: [StreamTask],
        now: Int64,
        _ logger: Logger
    ) {
        for (partition, committed) in offsets where routing.isInternal(partition.topic) {
            passed[partition] = committed.offset
        }
        guard now - last >= interval else { return }
        last = now
        for (partition, offset) in passed {
            attempt(partition, logger) { () throws(ClientError) in
                try admin.deleteRecords(partition, before: offset)
                passed[partition] = nil
            }
        }
        for changelog in tasks.flatMap(\.expiringChangelogs) {
            attempt(changelog.partition, logger) { () throws(ClientError) in try purge(changelog) }
        }
    }

    /// Nothing that was written is uncommitted now, and nothing that was committed is missing in the store.
    private func purge(_ changelog: ExpiringChangelog) throws(ClientError) {
        if changelog.isMarkDue {
            changelog.mark(try admin.offsetRange(of: changelog.partition, isolation: .readCommitted).upperBound)
        }
        guard let end = changelog.expiredEnd else { return }
        try admin.deleteRecords(changelog.partition, before: end)
        changelog.didDelete(before: end)
    }

    private func attempt(_ partition: TopicPartition, _ logger: Logger, _ work: () throws(ClientError) -> Void) {
        do throws(ClientError) {
            try work()
        } catch {
            logger.warning(
                "records of an internal topic that are not needed could not be deleted yet",
                metadata: ["partition": "\(partition)", "error": "\(error)"]
            )
        }
    }
}
