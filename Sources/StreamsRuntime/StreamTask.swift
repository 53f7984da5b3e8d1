import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceTopology

/// One partition of one sub-topology at work: its input queues, the operators composed for it, its stores.
///
/// Owned by one stream thread; when a task moves, the new owner makes another one and restores its stores.
package final class StreamTask {
    package let id: TaskId
    package let context: TaskContext
    package let queues: [PartitionQueue]
    private var committed: [TopicPartition: Int64] = [:]
    /// Records left out because something failed at them.
    package var skippedRecords: Int { context.failures.skippedRecords }

    package init(
        id: TaskId,
        partitions: [TopicPartition],
        plan: TopicRouting,
        applicationId: String,
        configuration: StreamsConfiguration,
        outputs: any OutputProvider,
        logger: Logger,
        pause: @escaping (Duration) -> Void
    ) throws(ClientError) {
        self.id = id
        var logger = logger
        logger[metadataKey: "task"] = "\(id)"
        let context = TaskContext(
            taskId: id,
            applicationId: applicationId,
            configuration: configuration,
            outputs: outputs,
            logger: logger,
            pause: pause
        )
        self.context = context
        var drivers: [TopologyGraph.NodeId: SourceDriver] = [:]
        queues = partitions.sorted().compactMap { partition in
            guard let node = plan.sourceNode(of: partition.topic), let code = plan.topology.sources[node] else {
                return nil
            }
            let driver = drivers[node] ?? code.makeDriver(context)
            drivers[node] = driver
            return PartitionQueue(partition: partition, driver: driver, record: context.record)
        }
        for topic in configuration.deadLetterTopics { _ = try outputs.output(to: topic) }
        if let failure = context.compositionFailure { throw failure }
    }

    /// Processes up to about `maximumCount` records, the earliest of all queues first; returns how many.
    package func process(maximumCount: Int) throws -> Int {
        context.record.pointee.processed = 0
        // What is passed on after this, at a commit, belongs to no record, and the memory of this one's headers goes.
        defer {
            context.record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
            context.failures.partition = nil
        }
        guard var choice = try chooseQueue() else { return 0 }
        while true {
            let remaining = maximumCount - context.record.pointee.processed
            guard remaining > 0 else { break }
            context.failures.partition = choice.queue.partition
            do {
                try choice.queue.process(until: choice.maximumTimestamp, maximumCount: remaining)
            } catch let error as StreamsError {
                throw error
            } catch let error as RecordFormatError {
                throw StreamsError.log(
                    ClientError(.corruptRecord, "\(choice.queue.partition) near offset \(position(choice)): \(error)")
                )
            } catch let error as ClientError where error.isCuredByRestart {
                throw error
            } catch {
                throw StreamsError.processing(
                    id,
                    choice.queue.partition,
                    offset: context.record.pointee.offset,
                    underlying: error
                )
            }
            guard let next = try chooseQueue() else { break }
            choice = next
        }
        return context.record.pointee.processed
    }

    private func position(_ choice: QueueChoice) -> Int64 { choice.queue.position ?? -1 }

    private struct QueueChoice {
        var queue: PartitionQueue
        /// Up to which timestamp the queue may run on before another one has an earlier record.
        var maximumTimestamp: Int64
    }

    /// The queue with the smallest timestamp at its head; nil if none has a record, or one that is empty now is known to
    /// have more in the log, which must be fetched before the order can be told.
    private func chooseQueue() throws -> QueueChoice? {
        if queues.count == 1 {
            return queues[0].prepare() ? QueueChoice(queue: queues[0], maximumTimestamp: Int64.max) : nil
        }
        var best: (queue: PartitionQueue, timestamp: Int64)?
        var second = Int64.max
        for queue in queues {
            guard queue.prepare() else {
                if let position = queue.position, position < queue.knownEnd { return nil }
                continue
            }
            let timestamp = try queue.headTimestamp()
            if let current = best, timestamp >= current.timestamp {
                second = min(second, timestamp)
            } else {
                second = min(second, best?.timestamp ?? Int64.max)
                best = (queue, timestamp)
            }
        }
        return best.map { QueueChoice(queue: $0.queue, maximumTimestamp: second) }
    }

    /// Passes on what stores held back, from the first operator to the last.
    package func flushStores() throws {
        // Stores are made from the end of a topology to its beginning; what an upstream store passes on may still
        // change a downstream one.
        for store in context.storeOrder.reversed() {
            do {
                try store.flush()
            } catch let error as ClientError where error.isCuredByRestart {
                throw error
            } catch {
                throw StreamsError.flushing(id, store: store.name, underlying: error)
            }
        }
    }

    /// The positions that changed since the last commit.
    package var uncommittedPositions: [TopicPartition: CommittedOffset] {
        var changed: [TopicPartition: CommittedOffset] = [:]
        for queue in queues {
            guard let position = queue.position, committed[queue.partition] != position else { continue }
            changed[queue.partition] = CommittedOffset(offset: position, leaderEpoch: queue.leaderEpoch)
        }
        return changed
    }

    /// Remembers that positions are committed.
    package func didCommit(_ offsets: [TopicPartition: CommittedOffset]) {
        for queue in queues {
            if let offset = offsets[queue.partition] { committed[queue.partition] = offset.offset }
        }
    }

    /// Goes on where the group has committed; where it has not, `PartitionQueue.begin` says where.
    package func begin(at offsets: [TopicPartition: CommittedOffset]) {
        didCommit(offsets)
        for queue in queues {
            if let offset = offsets[queue.partition] { queue.begin(at: offset.offset) }
        }
    }

    /// Whether these are the positions that this task committed last: nobody else had its partitions since.
    func isAt(_ offsets: [TopicPartition: CommittedOffset]) -> Bool {
        queues.allSatisfy { offsets[$0.partition]?.offset == committed[$0.partition] }
    }
}
