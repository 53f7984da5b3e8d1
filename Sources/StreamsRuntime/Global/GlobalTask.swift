import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceTopology

/// The global stores of one stream thread: the code that feeds them, and the state that the thread's tasks read.
///
/// Each thread has a copy of its own, fed between two slices of work. So a look-up takes no lock, all records of a slice
/// see the same rows, and the hot path is that of a task's own store; the price is memory, a copy a thread. Global stores
/// are made from their topics alone (invariant 6), so that they outlive the thread's transactions, whatever becomes of
/// these.
package final class GlobalTask {
    /// What the tasks' operators find global stores by.
    package let context: TaskContext
    private let queues: [TopicPartition: PartitionQueue]

    /// - Parameter partitions: all partitions of all global topics.
    package init(
        partitions: [TopicPartition],
        routing: TopicRouting,
        applicationId: String,
        configuration: StreamsConfiguration,
        logger: Logger,
        host: TaskHost
    ) throws(ClientError) {
        var logger = logger
        logger[metadataKey: "task"] = "\(TaskId.global)"
        let context = TaskContext(
            taskId: .global,
            applicationId: applicationId,
            configuration: configuration.forGlobalStores,
            outputs: NoOutputs(),
            logger: logger,
            host: host
        )
        self.context = context
        var drivers: [TopologyGraph.NodeId: SourceDriver] = [:]
        var queues: [TopicPartition: PartitionQueue] = [:]
        for partition in partitions.sorted() {
            guard let node = routing.globalSourceNode(of: partition.topic),
                let code = routing.topology.sources[node]
            else { continue }
            let driver = drivers[node] ?? code.makeDriver(context)
            drivers[node] = driver
            queues[partition] = PartitionQueue(
                partition: partition,
                idleAfterMs: nil,
                driver: driver,
                record: context.record
            )
        }
        self.queues = queues
        if let failure = context.compositionFailure { throw failure }
    }

    /// Records left out because something failed at them.
    package var skippedRecords: Int { context.failures.skippedRecords }

    /// The offset of the record that comes next in a partition; nil before the first.
    func position(of partition: TopicPartition) -> Int64? { queues[partition]?.position }

    /// Takes in what was read of a partition; returns how many records.
    ///
    /// - Parameter wallClockMs: the wall clock, in milliseconds since 1970.
    package func process(_ records: FetchedRecords, wallClockMs: Int64) throws -> Int {
        guard let queue = queues[records.partition] else { return 0 }
        context.record.pointee.wallClockMs = wallClockMs
        context.record.pointee.processed = 0
        defer {
            context.record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
            context.failures.partition = nil
            context.record.pointee.feedsGlobalStore = false
        }
        context.record.pointee.feedsGlobalStore = true
        context.failures.partition = queue.partition
        queue.enqueue(records)
        while queue.prepare() {
            do {
                try queue.process(until: Int64.max, maximumCount: Int.max)
            } catch let error where error is StreamsError || error.concernsThread {
                throw error
            } catch let error as RecordFormatError {
                throw StreamsError.log(
                    ClientError(.corruptRecord, "\(queue.partition) near offset \(queue.position ?? -1): \(error)")
                )
            } catch {
                throw StreamsError.processing(
                    .global,
                    queue.partition,
                    offset: context.record.pointee.offset,
                    underlying: error
                )
            }
        }
        return context.record.pointee.processed
    }
}

extension TaskId {
    /// What feeds the global stores of a thread; no sub-topology has it.
    package static let global = TaskId(subtopology: -1, partition: -1)
}

extension StreamsConfiguration {
    /// The same without dead letters: each thread reads a global topic at each start, and would send each letter again.
    fileprivate var forGlobalStores: StreamsConfiguration {
        var configuration = self
        configuration.onDecodingError = onDecodingError.withoutDeadLetters
        configuration.onProcessingError = onProcessingError.withoutDeadLetters
        configuration.onProductionError = onProductionError.withoutDeadLetters
        configuration.cacheMaximumBytes = 0
        return configuration
    }
}

/// What feeds global stores writes nothing: no transaction goes with it.
private final class NoOutputs: OutputProvider {
    var failure: ClientError? { nil }

    func output(to topic: String) throws(ClientError) -> TopicOutput {
        throw ClientError(
            .invalidArgument,
            "what feeds a global store cannot write to \(topic); write from an operator of a stream or table"
        )
    }
}
