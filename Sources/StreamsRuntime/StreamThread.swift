import Logging
import MillraceLogClient
import MillracePrimitives
import Synchronization

/// What a stream thread shares with its application.
struct StreamThreadEnvironment: Sendable {
    var applicationId: String
    var instanceName: String
    var routing: TopicRouting
    var backend: any LogBackend
    var configuration: StreamsConfiguration
    var logger: Logger
    /// Asked before each round: whether to commit and stop.
    var shouldStop: @Sendable () -> Bool
    /// Told when nothing is left to do, so that an application which ends with its input can end.
    var didIdle: @Sendable () throws -> Void
    /// Told when the thread's tasks are set up or taken away.
    var didChangeAssignment: @Sendable (_ isReady: Bool) -> Void
}

/// A thread that owns some of the tasks: it polls, processes and commits in turn, with one consumer and one producer.
///
/// One round of the loop is `runOnce()`. Everything here is synchronous and runs on the thread itself.
final class StreamThread: RebalanceListener {
    private let index: Int
    private let environment: StreamThreadEnvironment
    private let configuration: StreamsConfiguration
    private let progress: ThreadProgress
    private var logger: Logger

    private let consumer: any ConsumerConnection
    private let collector: RecordCollector
    private var tasks: [TaskId: StreamTask] = [:]
    private var taskOrder: [StreamTask] = []
    private var queues: [TopicPartition: PartitionQueue] = [:]
    /// What the group assigned during the last poll and is not set up yet.
    private var newAssignment: [TopicPartition]?
    private var rebalanceFailure: (any Error)?

    private var lastCommit: Int64
    private var isDirty = false
    private var slice = 1_024

    private static let sliceRange = 1...16_384
    private static let sliceTarget: Int64 = 2_000_000  // nanoseconds

    /// Connects to the log; under exactly-once this fences an earlier thread of the same name.
    init(index: Int, environment: StreamThreadEnvironment, progress: ThreadProgress) throws {
        self.index = index
        self.environment = environment
        self.progress = progress
        configuration = environment.configuration
        logger = environment.logger
        let name = "\(environment.applicationId)-\(environment.instanceName)-\(index)"
        logger[metadataKey: "thread"] = "\(name)"

        var producerSettings = ProducerSettings()
        producerSettings.clientId = name
        producerSettings.transactionalId = configuration.guarantee == .exactlyOnce ? name : nil
        producerSettings.transactionTimeout = configuration.transactionTimeout
        producerSettings.batchSize = configuration.batchSize
        let producer = try environment.backend.connectProducer(producerSettings)
        collector = RecordCollector(
            producer: producer,
            guarantee: configuration.guarantee,
            batchSize: configuration.batchSize
        )
        do {
            if configuration.guarantee == .exactlyOnce { try producer.initTransactions() }
            var consumerSettings = ConsumerSettings()
            consumerSettings.groupId = environment.applicationId
            consumerSettings.clientId = name
            consumerSettings.isolation = .readCommitted
            consumerSettings.offsetReset = configuration.offsetReset
            consumerSettings.autoCommitInterval = nil
            consumerSettings.sessionTimeout = configuration.sessionTimeout
            consumer = try environment.backend.connectConsumer(consumerSettings)
        } catch {
            producer.close()
            throw error
        }
        lastCommit = environment.backend.time.monotonicNanoseconds
    }

    /// Works until the application stops or something fails; then the thread has let go of everything.
    func run() throws {
        var isClean = false
        defer { close(isClean: isClean) }
        try consumer.subscribe(to: environment.routing.sourceTopics, listener: self)
        while !environment.shouldStop() { try runOnce() }
        try commit()
        isClean = true
    }

    /// One round: poll, process a slice of each task, commit if it is time.
    func runOnce() throws {
        try poll()
        var processed = 0
        let start = environment.backend.time.monotonicNanoseconds
        for task in taskOrder {
            let skippedBefore = task.skippedRecords
            if configuration.guarantee == .exactlyOnce { try collector.begin() }
            let count = try task.process(maximumCount: slice)
            processed += count
            let skipped = task.skippedRecords - skippedBefore
            if skipped > 0 { progress.recordsSkipped.add(skipped, ordering: .relaxed) }
            if count > 0 || skipped > 0 { isDirty = true }
        }
        let now = environment.backend.time.monotonicNanoseconds
        if processed > 0 {
            progress.recordsProcessed.add(processed, ordering: .relaxed)
            adaptSlice(to: now - start, hadWork: processed >= slice)
        }
        if now - lastCommit >= configuration.commitInterval.wholeNanoseconds { try commit() }
    }

    /// Keeps the time between two looks at the clock near the target, however slow an operator is.
    private func adaptSlice(to elapsed: Int64, hadWork: Bool) {
        if elapsed > Self.sliceTarget * 2 {
            slice = max(slice / 2, Self.sliceRange.lowerBound)
        } else if elapsed < Self.sliceTarget, hadWork {
            slice = min(slice * 2, Self.sliceRange.upperBound)
        }
    }

    private func poll() throws {
        let isBusy = queues.values.contains { $0.bufferedRecords > 0 }
        let fetched = try consumer.poll(timeout: isBusy ? .zero : idleTimeout)
        if let failure = rebalanceFailure {
            rebalanceFailure = nil
            throw failure
        }
        if let assignment = newAssignment {
            newAssignment = nil
            try setUp(assignment)
        }
        if configuration.guarantee == .atMostOnce, !fetched.isEmpty {
            // Positions are committed before their records are processed: a crash loses them and repeats none.
            try consumer.commit(
                Dictionary(uniqueKeysWithValues: fetched.map { ($0.partition, CommittedOffset(offset: $0.nextOffset)) })
            )
        }
        for records in fetched { queues[records.partition]?.enqueue(records) }
        regulateFetching()
        if fetched.isEmpty, !isBusy, !isDirty, !tasks.isEmpty {
            // Positions may have moved over markers alone; then the next commit has something to do.
            for task in taskOrder { for queue in task.queues { _ = queue.prepare() } }
            if taskOrder.allSatisfy({ $0.uncommittedPositions.isEmpty }) { try environment.didIdle() }
        }
    }

    private var idleTimeout: Duration {
        guard isDirty else { return configuration.pollInterval }
        let elapsed = environment.backend.time.monotonicNanoseconds - lastCommit
        let untilCommit = Duration.nanoseconds(max(0, configuration.commitInterval.wholeNanoseconds - elapsed))
        return min(configuration.pollInterval, untilCommit)
    }

    /// Stops fetching for queues that are full, and starts again when they have drained.
    private func regulateFetching() {
        for queue in queues.values {
            if !queue.isPaused, queue.bufferedRecords >= configuration.bufferedRecordsPerPartition {
                queue.isPaused = true
                consumer.pause([queue.partition])
            } else if queue.isPaused, queue.bufferedRecords < configuration.bufferedRecordsPerPartition / 2 {
                queue.isPaused = false
                consumer.resume([queue.partition])
            }
        }
    }

    /// Makes outputs, state changes and positions visible together.
    private func commit() throws {
        lastCommit = environment.backend.time.monotonicNanoseconds
        for task in taskOrder { for queue in task.queues { _ = queue.prepare() } }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for task in taskOrder { offsets.merge(task.uncommittedPositions) { current, _ in current } }
        guard isDirty || !offsets.isEmpty else { return }
        guard let membership = consumer.membership else { return }
        for task in taskOrder { try task.flushStores() }
        try collector.commit(offsets, as: membership)
        switch configuration.guarantee {
        case .exactlyOnce: break
        case .atLeastOnce: if !offsets.isEmpty { try consumer.commit(offsets) }
        case .atMostOnce: break  // committed when the records were fetched
        }
        for task in taskOrder { task.didCommit(offsets) }
        isDirty = false
        progress.commits.add(1, ordering: .relaxed)
    }

    // The three calls of the group come on this thread, from within `consumer.poll`.

    func partitionsRevoked(_ partitions: [TopicPartition]) {
        environment.didChangeAssignment(false)
        do {
            try commit()
        } catch {
            rebalanceFailure = error
        }
    }

    func partitionsAssigned(_ partitions: [TopicPartition]) {
        newAssignment = partitions
    }

    func partitionsLost(_ partitions: [TopicPartition]) {
        environment.didChangeAssignment(false)
        rebalanceFailure = ClientError(
            .memberFenced,
            "the group went on without this thread; its tasks are taken up again from their last commit"
        )
    }

    /// Keeps the tasks that are still assigned, lets go of those that are not, makes and restores the new ones.
    private func setUp(_ assignment: [TopicPartition]) throws {
        let wanted = environment.routing.tasks(of: assignment)
        tasks = tasks.filter { id, task in wanted[id].map(Set.init) == Set(task.queues.map(\.partition)) }
        for task in tasks.values {
            for queue in task.queues {
                queue.clear()
                queue.isPaused = false
                if let position = queue.position { try consumer.seek(queue.partition, to: position) }
            }
        }
        let restorer = StoreRestorer(
            backend: environment.backend,
            applicationId: environment.applicationId,
            logger: logger
        )
        for (id, partitions) in wanted.sorted(by: { $0.key < $1.key }) where tasks[id] == nil {
            let task = try StreamTask(
                id: id,
                partitions: partitions,
                plan: environment.routing,
                applicationId: environment.applicationId,
                configuration: configuration,
                outputs: collector,
                logger: logger
            )
            // Asking for the positions waits for a former owner's last transaction to be decided; the changelogs are
            // complete only then.
            let committed = try consumer.committed(partitions)
            task.begin(at: committed)
            for (partition, offset) in committed { try consumer.seek(partition, to: offset.offset) }
            let restored = try restorer.restore(task, shouldStop: environment.shouldStop)
            progress.recordsRestored.add(restored, ordering: .relaxed)
            tasks[id] = task
        }
        taskOrder = tasks.sorted { $0.key < $1.key }.map(\.value)
        queues = Dictionary(
            taskOrder.flatMap(\.queues).map { ($0.partition, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        progress.tasks.store(tasks.count, ordering: .relaxed)
        environment.didChangeAssignment(true)
    }

    private func close(isClean: Bool) {
        tasks = [:]
        taskOrder = []
        queues = [:]
        progress.tasks.store(0, ordering: .relaxed)
        if !isClean {
            do {
                try collector.abort()
            } catch {
                logger.debug("could not abort; the next owner of the id will", metadata: ["error": "\(error)"])
            }
        }
        consumer.close()
        collector.producer.close()
    }
}
