import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceTopology
import Synchronization

/// What a stream thread shares with its application.
struct StreamThreadEnvironment: Sendable {
    var applicationId: String
    var instanceName: String
    var routing: TopicRouting
    /// How many partitions everything has since the application was prepared.
    var plan: PartitionPlan
    var backend: any LogBackend
    var configuration: StreamsConfiguration
    var logger: Logger
    /// Where questions to the stores wait.
    var queries: QueryDesk
    /// What is told of commits that questions wait for.
    var queryWatch: QueryWatch
    /// Asked before each round: whether to commit and stop.
    var shouldStop: @Sendable () -> Bool
    /// Asked before each round: whether to let records and timers be.
    var isPaused: @Sendable () -> Bool
    /// Waits before something is tried again; returns false, at once, when the application is to stop.
    var pause: @Sendable (Duration) -> Bool
    /// Whether the application ends with its input; then what is done is committed as soon as nothing is left to do.
    var endsWhenCaughtUp: Bool
    /// Told when such an application's thread has nothing left to do.
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
    private let globals: GlobalTopicReader?
    private let collector: RecordCollector
    private var tasks: [TaskId: StreamTask] = [:]
    private var taskOrder: [StreamTask] = []
    private var queues: [TopicPartition: PartitionQueue] = [:]
    /// What the group assigned during the last poll and is not set up yet.
    private var newAssignment: [TopicPartition]?
    /// Whether the tasks are this thread's to work on: not between the loss of an assignment and the next one, when
    /// whatever was done would be committed together with tasks that may be another's by then.
    private var isAssigned = false
    /// Whether the last round got no further although records wait: those of another partition have to come first.
    private var isStalled = false
    private var rebalanceFailure: (any Error)?

    private var purge: InternalTopicPurge
    private var lastCommit: Int64
    private var isDirty = false
    /// How many records a task processes between two looks at the clock. It begins small: one record may take long, and the
    /// commit of a transaction cannot wait for a thousand such.
    private var slice = 1

    /// The questions to this thread's stores.
    private var questions: ThreadQueries

    private static let sliceRange = 1...16_384
    private static let sliceTarget: Int64 = 2_000_000  // nanoseconds

    /// Connects to the log; under exactly-once this fences an earlier thread of the same name.
    ///
    /// - Parameter globals: what reads the global topics, if there are any; it stays when this thread is replaced.
    init(
        index: Int,
        environment: StreamThreadEnvironment,
        globals: GlobalTopicReader?,
        progress: ThreadProgress
    ) throws {
        self.index = index
        self.globals = globals
        self.environment = environment
        self.progress = progress
        questions = ThreadQueries(thread: index, desk: environment.queries, time: environment.backend.time)
        configuration = environment.configuration
        logger = environment.logger
        let name = "\(environment.applicationId)-\(environment.instanceName)-\(index)"
        logger[metadataKey: "thread"] = "\(name)"

        var producerSettings = ProducerSettings()
        producerSettings.clientId = name
        producerSettings.transactionalId = configuration.guarantee == .exactlyOnce ? name : nil
        producerSettings.transactionTimeout = configuration.transactionTimeout
        producerSettings.batchSize = configuration.batchSize
        producerSettings.compression = configuration.compression
        let producer = try environment.backend.connectProducer(producerSettings)
        collector = RecordCollector(
            producer: producer,
            configuration: configuration
        )
        do {
            if configuration.guarantee == .exactlyOnce { try producer.initTransactions() }
            var consumerSettings = ConsumerSettings()
            consumerSettings.groupId = environment.applicationId
            consumerSettings.clientId = name
            consumerSettings.isolation = .readCommitted
            consumerSettings.offsetReset = configuration.offsetReset
            consumerSettings.topicOffsetResets = environment.routing.offsetResets
            consumerSettings.autoCommitInterval = nil
            // Tasks need the same partition numbers of all their topics, and a thread sets up all of them together.
            consumerSettings.assignmentStrategies = [.range]
            consumerSettings.sessionTimeout = configuration.sessionTimeout
            consumerSettings.maximumPollInterval = configuration.maximumPollInterval
            consumerSettings.heartbeatInterval = min(.seconds(3), configuration.sessionTimeout / 3)
            purge = try InternalTopicPurge(environment)
            consumer = try environment.backend.connectConsumer(consumerSettings)
        } catch {
            producer.close()
            throw error
        }
        lastCommit = environment.backend.time.monotonicNanoseconds
        progress.isIdle.store(false, ordering: .sequentiallyConsistent)
        progress.wakeup.withLock { $0 = consumer.wakeup }
    }

    /// Works until the application stops or something fails; then the thread has let go of everything.
    func run() throws {
        var isClean = false
        defer { close(isClean: isClean) }
        if let globals {
            let read = try counting(globals) { try $0.complete(shouldStop: environment.shouldStop) }
            progress.recordsRestored.add(read, ordering: .relaxed)
        }
        try subscribe()
        while !environment.shouldStop() { try runOnce() }
        try commit(lettingGo: true)
        isClean = true
    }

    private func subscribe() throws {
        let routing = environment.routing
        if routing.hasPatterns {
            try consumer.subscribe(toTopicsWhere: { routing.reads($0) }, listener: self)
        } else {
            try consumer.subscribe(to: routing.namedTopics, listener: self)
        }
    }

    /// One round: poll, process a slice of each task, commit if it is time.
    @inline(never)  // what a record costs is counted here
    func runOnce() throws {
        let hasFetched = try poll()
        // Before the records that were fetched are looked at.
        if let globals { _ = try counting(globals) { try $0.catchUp() } }
        guard isAssigned else { return }
        var processed = 0
        var skipped = 0
        var late = 0
        let start = environment.backend.time.monotonicNanoseconds
        let wallClockMs = environment.backend.time.milliseconds
        let isPaused = environment.isPaused()
        for task in isPaused ? [] : taskOrder {
            let (skippedBefore, lateBefore) = (task.skippedRecords, task.lateRecords)
            if configuration.guarantee == .exactlyOnce { try collector.begin() }
            task.setWallClock(wallClockMs)
            processed += try task.process(maximumCount: slice)
            skipped += task.skippedRecords - skippedBefore
            answerQueries(isDirty: isDirty || processed + skipped > 0)
            if try task.tick() { isDirty = true }
            late += task.lateRecords - lateBefore
        }
        let now = environment.backend.time.monotonicNanoseconds
        if processed > 0 {
            progress.recordsProcessed.add(processed, ordering: .relaxed)
            adaptSlice(to: now - start, hadWork: processed >= slice)
        }
        if late > 0 { progress.recordsLate.add(late, ordering: .relaxed) }
        isStalled = processed + skipped == 0
        if !isStalled { isDirty = true }
        let isCommitDue =
            now - lastCommit >= configuration.commitInterval.wholeNanoseconds
            || taskOrder.contains { $0.context.record.pointee.isCommitRequested }
        if isCommitDue { try commit(lettingGo: false) }
        answerQueries(isDirty: isDirty)
        if environment.endsWhenCaughtUp, !isPaused, !hasFetched, isStalled,
            queues.values.allSatisfy({ $0.bufferedRecords == 0 })
        {
            try commit(lettingGo: true)
            progress.isIdle.store(true, ordering: .sequentiallyConsistent)
            try environment.didIdle()
        }
    }

    /// Reads global topics, and counts what was left out of them.
    private func counting(_ globals: GlobalTopicReader, _ read: (GlobalTopicReader) throws -> Int) throws -> Int {
        let skippedBefore = globals.task.skippedRecords
        defer {
            let skipped = globals.task.skippedRecords - skippedBefore
            if skipped > 0 { progress.recordsSkipped.add(skipped, ordering: .relaxed) }
        }
        return try read(globals)
    }

    /// Answers some of the questions to this thread's stores that can be answered now. No record is under way.
    ///
    /// - Parameter isDirty: whether there is anything that is not committed.
    private func answerQueries(isDirty: Bool) {
        guard questions.isAsked else { return }
        questions.answer(isAfterCommit: !isDirty) { [tasks, globals] request in
            request.readiness(tasks, globals, isDirty: isDirty)
        }
    }

    /// Keeps the time between two looks at the clock near the target, however slow an operator is.
    private func adaptSlice(to elapsed: Int64, hadWork: Bool) {
        if elapsed > Self.sliceTarget * 2 {
            slice = max(Int(Int64(slice) * Self.sliceTarget / elapsed), Self.sliceRange.lowerBound)
        } else if elapsed < Self.sliceTarget, hadWork {
            slice = min(slice * 2, Self.sliceRange.upperBound)
        }
    }

    /// Takes part in the group and fetches; whether records came.
    private func poll() throws -> Bool {
        regulateFetching()
        let isBusy = !isStalled && queues.values.contains { $0.bufferedRecords > 0 }
        let fetched = try consumer.poll(timeout: isBusy || questions.hasMore ? .zero : idleTimeout)
        if let failure = rebalanceFailure {
            rebalanceFailure = nil
            throw failure
        }
        if let assignment = newAssignment {
            newAssignment = nil
            try setUp(assignment)
        }
        guard !fetched.isEmpty else { return false }
        progress.isIdle.store(false, ordering: .sequentiallyConsistent)
        if configuration.guarantee == .atMostOnce {
            // Positions are committed before their records are processed: a crash loses them and repeats none.
            var offsets: [TopicPartition: CommittedOffset] = [:]
            for task in taskOrder {
                for queue in task.queues {
                    let next = fetched.filter { $0.partition == queue.partition }.map(\.nextOffset).max()
                    if let next { offsets[queue.partition] = task.committable(next, of: queue) }
                }
            }
            try consumer.commit(offsets)
            for task in taskOrder { task.didCommit(offsets) }
        }
        for records in fetched { queues[records.partition]?.enqueue(records) }
        return true
    }

    private var idleTimeout: Duration {
        var timeout = configuration.pollInterval
        let dueMs = taskOrder.reduce(Int64.max) { min($0, $1.nextTickMs) }
        if dueMs < Int64.max, !environment.isPaused() {
            timeout = min(timeout, .milliseconds(max(0, dueMs - environment.backend.time.milliseconds)))
        }
        guard isDirty else { return timeout }
        let elapsed = environment.backend.time.monotonicNanoseconds - lastCommit
        let untilCommit = Duration.nanoseconds(max(0, configuration.commitInterval.wholeNanoseconds - elapsed))
        return min(timeout, untilCommit)
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

    /// Whether nothing is left in the log to read, as far as is known.
    private var hasReadEverything: Bool {
        isAssigned && queues.values.allSatisfy { ($0.position ?? 0) >= $0.knownEnd }
    }

    /// Makes outputs, state changes and positions visible together.
    ///
    /// - Parameter lettingGo: whether the tasks are given up afterwards, or have nothing left to do. Under at-most-once,
    ///   records that were fetched and not processed are then given back; otherwise their positions are committed
    ///   already, and stay so.
    private func commit(lettingGo isLettingGo: Bool) throws {
        lastCommit = environment.backend.time.monotonicNanoseconds
        for task in taskOrder { for queue in task.queues { _ = queue.prepare() } }
        let takesPositions = configuration.guarantee != .atMostOnce || isLettingGo
        let isDue = isDirty || takesPositions && taskOrder.contains { !$0.uncommittedPositions.isEmpty }
        guard isDue, let membership = consumer.membership else {
            if !isDue, hasReadEverything { progress.timesSettled.add(1, ordering: .relaxed) }
            return
        }
        for task in taskOrder { try task.prepareCommit() }
        // What was passed on just now may have changed registers, which are committed with the positions.
        var offsets: [TopicPartition: CommittedOffset] = [:]
        if takesPositions {
            for task in taskOrder { offsets.merge(task.uncommittedPositions) { current, _ in current } }
        }
        try collector.commit(offsets, as: membership)
        switch configuration.guarantee {
        case .exactlyOnce: break
        case .atLeastOnce, .atMostOnce: if !offsets.isEmpty { try consumer.commit(offsets) }
        }
        for task in taskOrder { task.didCommit(offsets) }
        purge.didCommit(offsets, of: taskOrder, now: lastCommit, logger)
        isDirty = false
        progress.commits.add(1, ordering: .relaxed)
        environment.queryWatch.didCommit()
    }

    // The three calls of the group come on this thread, from within `consumer.poll`.

    func partitionsRevoked(_ partitions: [TopicPartition]) {
        // What is not set up has nothing to commit; nor has a thread that has given up its tasks and leaves the group.
        guard isAssigned else {
            newAssignment = nil
            return
        }
        do {
            try commit(lettingGo: true)
        } catch {
            rebalanceFailure = error
        }
        suspend()
    }

    func partitionsAssigned(_ partitions: [TopicPartition]) {
        for topic in Set(partitions.map(\.topic)) {
            if let reset = environment.routing.offsetReset(ofMatching: topic) {
                consumer.setOffsetReset(reset, of: topic)
            }
        }
        newAssignment = partitions
    }

    func partitionsLost(_ partitions: [TopicPartition]) {
        suspend()
        rebalanceFailure = ClientError(
            .memberFenced,
            "the group went on without this thread; its tasks are taken up again from their last commit"
        )
    }

    /// Drops what was fetched and stops processing until the next assignment.
    private func suspend() {
        isAssigned = false
        newAssignment = nil
        for queue in queues.values { queue.clear() }
        questions.release()
        environment.didChangeAssignment(false)
    }

    /// Keeps the tasks that are still this thread's, lets go of those that are not, makes and restores the new ones.
    ///
    /// A task is kept if the group's positions are where it left them. If they are not, another member had it in between
    /// (this one was taken for dead while it waited for its assignment), and its stores are out of date.
    private func setUp(_ assignment: [TopicPartition]) throws {
        let wanted = try workable(environment.routing.tasks(of: assignment))
        // Asking for the positions waits for a former owner's last transaction to be decided; the changelogs are
        // complete only then.
        let committed = try consumer.committed(assignment)
        let ends = try consumer.endOffsets(of: assignment)
        tasks = tasks.filter { id, task in
            let isKept = wanted[id].map(Set.init) == Set(task.queues.map(\.partition)) && task.isAt(committed)
            if !isKept { task.stop() }
            return isKept
        }
        let restorer = StoreRestorer(
            backend: environment.backend,
            applicationId: environment.applicationId,
            logger: logger,
            didRead: { [index, queries = environment.queries] in queries.restored($0, upTo: $1, by: index) }
        )
        for (id, partitions) in wanted.sorted(by: { $0.key < $1.key }) {
            let kept = tasks[id]
            let task = try kept ?? makeTask(id, partitions, committed, restorer)
            if environment.shouldStop() { return }
            for queue in task.queues {
                if let position = queue.position {
                    try consumer.seek(queue.partition, to: position)
                } else {
                    // Where there is no commit yet, the place where the application began is part of its first one: after
                    // a restart it goes on there, whatever was written meanwhile.
                    queue.begin(at: try consumer.position(of: queue.partition))
                }
                queue.expect(until: ends[queue.partition] ?? -1)
            }
            if kept == nil { try task.start(wallClockMs: environment.backend.time.milliseconds) }
            tasks[id] = task
        }
        taskOrder = tasks.sorted { $0.key < $1.key }.map(\.value)
        queues = Dictionary(
            taskOrder.flatMap(\.queues).map { ($0.partition, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        progress.tasks.store(tasks.count, ordering: .relaxed)
        isAssigned = true
        environment.queries.assign(
            taskOrder.map { $0.metadata(applicationId: environment.applicationId) },
            to: index
        )
        environment.didChangeAssignment(true)
    }

    /// The tasks of an assignment that can be worked on, by what topics there are now.
    private func workable(_ assigned: [TaskId: [TopicPartition]]) throws -> [TaskId: [TopicPartition]] {
        let routing = environment.routing
        guard routing.hasPatterns else { return assigned }
        let admin = try environment.backend.connectAdmin()
        let applicationId = environment.applicationId
        do {
            let graph = try routing.topology.graph.resolved(applicationId: applicationId, with: admin)
            let plan = try graph.partitionPlan(applicationId: applicationId, with: admin)
            try graph.checkGrowth(from: environment.plan, to: plan, applicationId: applicationId)
            return assigned.filter { id, partitions in routing.isWhole(id, partitions, plan) }
        } catch let error as PartitionPlanError {
            throw StreamsError.partitions(error)
        }
    }

    private func makeTask(
        _ id: TaskId,
        _ partitions: [TopicPartition],
        _ committed: [TopicPartition: CommittedOffset],
        _ restorer: StoreRestorer
    ) throws -> StreamTask {
        let task = try StreamTask(
            id: id,
            partitions: partitions,
            plan: environment.routing,
            applicationId: environment.applicationId,
            configuration: configuration,
            outputs: collector,
            globals: globals?.task,
            logger: logger,
            host: TaskHost(
                pause: environment.pause,
                didSkip: { [progress] in progress.recordsSkipped.add(1, ordering: .relaxed) },
                wake: { [progress] in progress.wakeup.withLock { $0 }?.ring() }
            )
        )
        task.begin(at: committed)
        let restored = try restorer.restore(task, shouldStop: environment.shouldStop)
        progress.recordsRestored.add(restored, ordering: .relaxed)
        return task
    }

    private func close(isClean: Bool) {
        progress.wakeup.withLock { $0 = nil }
        isAssigned = false
        questions.release()
        let farewells = taskOrder.flatMap(\.context.failures.farewells)
        for task in taskOrder { task.stop() }
        tasks = [:]
        taskOrder = []
        queues = [:]
        progress.tasks.store(0, ordering: .relaxed)
        if !isClean {
            do {
                try collector.abort()
                try collector.write(apart: farewells)
            } catch {
                let level: Logger.Level = farewells.isEmpty ? .debug : .error
                logger.log(
                    level: level,
                    "could not abort; the next owner of the id will",
                    metadata: ["error": "\(error)", "lostDeadLetters": "\(farewells.count)"]
                )
            }
        }
        consumer.close()
        collector.producer.close()
    }
}
