import Logging
import MillraceLogStorage
import MillracePrimitives
import Synchronization

/// Decides which logs are compacted when, and sees to what their removal takes from others.
///
/// It works on a thread of its own, beside the housekeeping, because a pass over a large log takes its time. Between two
/// passes it keeps nothing but which logs failed.
///
/// *Transactions.* The markers of a decided transaction, and the Complete record after them, are not made durable by a
/// commit: recovery makes them again from the Prepare record. So that one must not go before they are safe. A record can
/// replace a Prepare record only after all of its markers were written; the cleaner decides up to where it compacts
/// `__transaction_state`, and then makes every log durable, before it removes anything. Of `__consumer_offsets` the same
/// is true: a position replaces another only if its transaction's marker is durable, which a log sees to by itself.
final class LogCleaner: Sendable {
    private let topics: TopicRegistry
    private let configuration: BrokerConfiguration
    private let logger: Logger
    private let thread: Housekeeping
    private let isStopping = Atomic<Bool>(false)
    /// Rung when a pass is to end; slept on to keep to the limit of bytes.
    private let bell = Wakeup()
    /// Logs whose last pass failed, with the message, so that it is reported once.
    private let failures = Mutex<[TopicPartition: String]>([:])

    init(topics: TopicRegistry, configuration: BrokerConfiguration, logger: Logger) {
        self.topics = topics
        self.configuration = configuration
        self.logger = logger
        thread = Housekeeping(named: "broker-cleaner", every: configuration.cleanerInterval)
    }

    func start(_ work: @escaping @Sendable () -> Void) {
        thread.start(work)
    }

    /// Ends a pass that is under way, and waits for that.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        bell.ring()
        thread.stop()
    }

    /// Compacts every log that is due, the one with the most that is new first.
    func cleanOnce(now: Int64) -> [TopicPartition: CleaningReport] {
        var due: [(partition: Partition, ratio: Double)] = []
        for partition in topics.all.flatMap(\.partitions) {
            note(partition) { () throws(LogError) in
                guard let need = try partition.log.cleaningNeed(now: now), need.isDue else { return }
                due.append((partition, need.dirtyRatio))
            }
        }
        // By name among equals, so that a simulation sees the same order again.
        due.sort { left, right in
            left.ratio == right.ratio ? left.partition.id < right.partition.id : left.ratio > right.ratio
        }
        var reports: [TopicPartition: CleaningReport] = [:]
        for (partition, _) in due where !isStopping.load(ordering: .acquiring) {
            note(partition) { () throws(LogError) in
                guard let report = try clean(partition, now: now) else { return }
                reports[partition.id] = report
                logger.debug(
                    "compacted a log",
                    metadata: [
                        "partition": "\(partition.id)", "upTo": "\(report.cleanedEndOffset)",
                        "bytesBefore": "\(report.bytesBefore)", "bytesAfter": "\(report.bytesAfter)",
                    ]
                )
            }
        }
        return reports
    }

    private func clean(_ partition: Partition, now: Int64) throws(LogError) -> CleaningReport? {
        var options = CleaningOptions()
        options.keyMemoryBytes = configuration.cleanerKeyMemoryBytes
        return try partition.log.clean(
            now: now,
            options: options,
            beforeRemoval: { () throws(LogError) in
                guard partition.id.topic == InternalTopic.transactions,
                    !configuration.deliberateFaults.contains(.volatileMarkers)
                else { return }
                try makeMarkersDurable()
            },
            pace: { bytes in keepsPace(after: bytes) }
        )
    }

    /// Every marker that was written so far survives loss of power afterwards.
    private func makeMarkersDurable() throws(LogError) {
        for partition in topics.all.flatMap(\.partitions) {
            do throws(LogError) {
                try partition.log.flush(upTo: Int64.max)
            } catch {
                // A topic that is deleted meanwhile takes its transactions along.
                if case .closed = error { continue }
                throw error
            }
        }
    }

    /// Sleeps as long as so many bytes may take; false when the broker is being closed.
    private func keepsPace(after bytes: Int) -> Bool {
        if let limit = configuration.cleanerBytesPerSecond, limit > 0, bytes > 0 {
            bell.wait(for: .nanoseconds(Int64(Double(bytes) / Double(limit) * 1_000_000_000)))
        }
        return !isStopping.load(ordering: .acquiring)
    }

    /// Runs `work`; a failure is logged when it is new. The log is tried again the next time.
    private func note(_ partition: Partition, _ work: () throws(LogError) -> Void) {
        do throws(LogError) {
            try work()
            _ = failures.withLock { $0.removeValue(forKey: partition.id) }
        } catch {
            if case .closed = error { return }
            let message = error.description
            let known = failures.withLock { $0.updateValue(message, forKey: partition.id) }
            if known != message {
                logger.error(
                    "a log could not be compacted",
                    metadata: ["partition": "\(partition.id)", "error": "\(message)"]
                )
            }
        }
    }
}
