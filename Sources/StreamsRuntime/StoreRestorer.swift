import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceStateStores

/// Fills a new task's stores from their changelogs, up to the last committed change (invariant 6). A store that repeats its
/// source topic has no changelog; it is filled from that topic, up to the committed input offset.
struct StoreRestorer {
    let backend: any LogBackend
    let applicationId: String
    let logger: Logger
    /// Told how far a changelog was read.
    let didRead: (TopicPartition, Int64) -> Void

    /// Reads the changelog of every logged store of the task; returns the number of records read.
    func restore(_ task: StreamTask, shouldStop: () -> Bool) throws -> Int {
        var stores: [TopicPartition: any TaskStore] = [:]
        /// Where the positions of those end that are read no further.
        var bounds: [TopicPartition: Int64] = [:]
        for store in task.context.stores.values {
            if store.isLogged {
                stores[TopicPartition("\(applicationId)-\(store.name)-changelog", task.id.partition)] = store
            } else if let bound = task.sourceBound(of: store) {
                stores[bound.partition] = store
                bounds[bound.partition] = bound.offset
            }
        }
        guard !stores.isEmpty else { return 0 }
        let expiring = Dictionary(uniqueKeysWithValues: task.expiringChangelogs.map { ($0.partition, $0) })

        var settings = ConsumerSettings()
        settings.clientId = "\(applicationId)-restore"
        settings.isolation = .readCommitted
        settings.autoCommitInterval = nil
        // A former owner may still delete what has expired.
        settings.offsetReset = .earliest
        let consumer = try backend.connectConsumer(settings)
        defer { consumer.close() }
        let partitions = stores.keys.sorted()
        try consumer.assign(partitions)
        for (partition, offset) in try consumer.beginningOffsets(of: partitions) {
            try consumer.seek(partition, to: offset)
            didRead(partition, offset)
        }
        let started = backend.time.monotonicNanoseconds
        var restored = 0
        while !shouldStop(), try !isComplete(consumer, partitions, bounds) {
            for records in try consumer.poll(timeout: .milliseconds(20)) {
                guard let store = stores[records.partition] else { continue }
                let bound = bounds[records.partition] ?? Int64.max
                restored += try load(records, before: bound, into: store)
                didRead(records.partition, records.nextOffset)
                if let changelog = expiring[records.partition], changelog.isMarkDue {
                    changelog.mark(records.nextOffset)
                }
            }
        }
        if restored > 0 {
            logger.info(
                "restored the stores of a task",
                metadata: [
                    "task": "\(task.id)", "records": "\(restored)",
                    "milliseconds": "\((backend.time.monotonicNanoseconds - started) / 1_000_000)",
                ]
            )
        }
        return restored
    }

    /// Hands the records to a store, some at a time; returns how many there were.
    private func load(_ records: FetchedRecords, before bound: Int64, into store: any TaskStore) throws -> Int {
        try withUnsafeTemporaryAllocation(of: ChangelogRow.self, capacity: Self.rowsAtATime) { rows in
            var loaded = 0
            var count = 0
            for run in records.runs.indices {
                var cursor = records.cursor(ofRun: run)
                while let record = try cursor.next() {
                    guard record.offset >= records.startOffset, record.offset < bound, let key = record.key else {
                        continue
                    }
                    rows.initializeElement(
                        at: count,
                        to: ChangelogRow(key: key, value: record.value, timestampMs: record.timestamp)
                    )
                    count += 1
                    guard count == rows.count else { continue }
                    try store.restore(UnsafeBufferPointer(rows))
                    loaded += count
                    count = 0
                }
            }
            if count > 0 { try store.restore(UnsafeBufferPointer(rebasing: rows[..<count])) }
            return withExtendedLifetime(records) { loaded + count }
        }
    }

    /// So many waits for memory overlap; more would crowd each other out.
    private static let rowsAtATime = 32

    /// Whether everything decided was read and nothing is undecided: a transaction that is still open on a changelog
    /// belongs to a former owner of the task, is about to be aborted, and hides what was committed after it began.
    private func isComplete(
        _ consumer: any ConsumerConnection,
        _ partitions: [TopicPartition],
        _ bounds: [TopicPartition: Int64]
    ) throws(ClientError) -> Bool {
        let ends = try consumer.endOffsets(of: partitions)
        let written = try consumer.writtenOffsets(of: partitions)
        for partition in partitions {
            let position = try consumer.position(of: partition)
            if let bound = bounds[partition] {
                // All before a committed offset is decided.
                if position < bound { return false }
                continue
            }
            if position < ends[partition] ?? 0 || ends[partition] != written[partition] { return false }
        }
        return true
    }
}
