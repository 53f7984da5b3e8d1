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
    private var committed: [TopicPartition: CommittedOffset] = [:]
    private let commitParticipants: [any CommitParticipant]
    private let tickParticipants: [any TickParticipant]
    private let streamTimeParticipants: [any StreamTimeParticipant]
    /// The stream time where a source may be idle: it is then more than the greatest timestamp of the partitions.
    private let idleTime: TaskRegister?
    /// When to look next whether time has gone on without records.
    private var nextIdleCheckMs = Int64.max
    /// How long to wait for a record of a partition that is at its end, in milliseconds; nil for not even for what is known
    /// to be in the log.
    private let maximumIdleMs: Int64?
    /// When what waits for a record of another partition goes on without it, by the wall clock.
    private var goesOnMs = Int64.max
    private let lifecycleParticipants: [any LifecycleParticipant]
    /// The changelogs that are deleted up to where their rows have expired.
    package let expiringChangelogs: [ExpiringChangelog]
    /// Records left out because something failed at them.
    package var skippedRecords: Int { context.failures.skippedRecords }
    /// Records that came too late for every window that they belong to.
    package var lateRecords: Int { context.record.pointee.lateRecords }

    package init(
        id: TaskId,
        partitions: [TopicPartition],
        plan: TopicRouting,
        applicationId: String,
        configuration: StreamsConfiguration,
        outputs: any OutputProvider,
        globals: GlobalTask? = nil,
        logger: Logger,
        host: TaskHost
    ) throws {
        self.id = id
        maximumIdleMs = configuration.maximumTaskIdle?.wholeMilliseconds
        var logger = logger
        logger[metadataKey: "task"] = "\(id)"
        let context = TaskContext(
            taskId: id,
            applicationId: applicationId,
            configuration: configuration,
            outputs: outputs,
            globals: globals?.context,
            logger: logger,
            host: host
        )
        self.context = context
        context.registers.formerStoreNames = plan.topology.graph.stores.compactMapValues(\.formerName)
        var drivers: [TopologyGraph.NodeId: SourceDriver] = [:]
        queues = partitions.sorted().compactMap { partition in
            guard let node = plan.sourceNode(of: partition.topic), let code = plan.topology.sources[node] else {
                return nil
            }
            let driver = drivers[node] ?? code.makeDriver(context)
            drivers[node] = driver
            return PartitionQueue(
                partition: partition,
                idleAfterMs: plan.topology.graph.idlePauseMs(of: node),
                driver: driver,
                record: context.record
            )
        }
        let parts = Self.upstreamFirst(context.parts, in: plan.topology.graph)
        commitParticipants = parts.compactMap { $0 as? any CommitParticipant }
        tickParticipants = parts.compactMap { $0 as? any TickParticipant }
        streamTimeParticipants = parts.compactMap { $0 as? any StreamTimeParticipant }
        lifecycleParticipants = parts.compactMap { $0 as? any LifecycleParticipant }
        expiringChangelogs = Self.expiringChangelogs(of: context, in: plan.topology.graph)
        let mayBeIdle = queues.contains { $0.idleAfterMs != nil }
        idleTime = mayBeIdle ? context.register(named: "stream-time", initial: PartitionMetadata.noTime) : nil
        try context.registers.settle(in: queues.map(\.partition), of: id)
        for topic in configuration.deadLetterTopics { _ = try outputs.output(to: topic) }
        if let failure = context.compositionFailure { throw failure }
    }

    /// Parts in the order of their operators: what an upstream part passes on may still change a downstream one.
    ///
    /// They enlist while the code is composed, from its end to its beginning, but a store that others look up rows in may
    /// be made by one of those.
    private static func upstreamFirst(_ parts: [any TaskPart], in graph: TopologyGraph) -> [any TaskPart] {
        let operators = graph.firstOperators
        return parts.reversed().enumerated()
            .map { (rank: (operators[$1.name] ?? Int.max, $0), part: $1) }
            .sorted { $0.rank < $1.rank }
            .map(\.part)
    }

    /// Unless the user's settings of a topic say that nothing is deleted from it.
    private static func expiringChangelogs(of context: TaskContext, in graph: TopologyGraph) -> [ExpiringChangelog] {
        context.stores.values.compactMap { store -> ExpiringChangelog? in
            guard store.isLogged, let store = store as? any ExpiringStore, let definition = graph.stores[store.name],
                definition.changelogConfiguration["cleanup.policy"]?.contains("delete") == true
            else { return nil }
            let topic = "\(context.applicationId)-\(definition.changelogTopic)"
            return ExpiringChangelog(of: store, TopicPartition(topic, context.taskId.partition))
        }.sorted { $0.partition < $1.partition }
    }

    deinit {
        // What the user's code holds of the task may be held by it as well.
        for part in lifecycleParticipants { part.release() }
        context.streamTimeSchedule.cancelAll()
        context.wallClockSchedule.cancelAll()
    }

    /// Processes up to about `maximumCount` records, the earliest of all queues first; returns how many.
    package func process(maximumCount: Int) throws -> Int {
        context.record.pointee.processed = 0
        defer { leaveRecord() }
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
            } catch let error where error.concernsThread {
                throw error
            } catch {
                throw StreamsError.processing(
                    id,
                    choice.queue.partition,
                    offset: context.record.pointee.offset,
                    underlying: error
                )
            }
            if isStreamTimeDue {
                leaveRecord()
                try punctuateStreamTime()
            }
            if context.record.pointee.isCommitRequested { break }
            guard let next = try chooseQueue() else { break }
            choice = next
        }
        return context.record.pointee.processed
    }

    /// What is passed on after this belongs to no record, and the memory of the last one's headers goes.
    private func leaveRecord() {
        context.record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
        context.failures.partition = nil
    }

    private var isStreamTimeDue: Bool {
        context.record.pointee.streamTimeMs >= context.streamTimeSchedule.dueMs.pointee
    }

    private func punctuateStreamTime() throws {
        let nowMs = context.record.pointee.streamTimeMs
        // What is written to a store has a timestamp as well.
        context.record.pointee.timestamp = nowMs
        _ = try context.streamTimeSchedule.run(at: nowMs) { timed($1, in: $0) }
    }

    /// Begins, with stores and registers restored.
    package func start(wallClockMs: Int64) throws {
        try context.start(wallClockMs: wallClockMs) {
            for part in lifecycleParticipants {
                do { try part.start() } catch { throw timed(error, in: part.name) }
            }
        }
        for queue in queues {
            queue.beginWaiting(wallClockMs: wallClockMs, streamTimeMs: context.record.pointee.streamTimeMs)
        }
        if idleTime != nil { nextIdleCheckMs = wallClockMs }
        // Operators may have made further ones as they began.
        try context.registers.settle(in: queues.map(\.partition), of: id)
    }

    /// Ends after the last commit.
    package func stop() {
        for part in lifecycleParticipants { part.stop() }
    }

    /// When something is to be done although no record comes, in milliseconds since 1970; `Int64.max` if nothing is.
    package var nextTickMs: Int64 {
        tickParticipants.reduce(min(context.wallClockSchedule.dueMs.pointee, nextIdleCheckMs, goesOnMs)) {
            min($0, $1.nextTickMs)
        }
    }

    /// Tells the task the time: from now on this is the wall clock of the records. Costs next to nothing.
    package func setWallClock(_ nowMs: Int64) {
        context.record.pointee.wallClockMs = nowMs
    }

    /// Does what the wall clock says is due; returns whether anything was.
    package func tick() throws -> Bool {
        let nowMs = context.record.pointee.wallClockMs
        guard nextTickMs <= nowMs else { return false }
        context.record.pointee.timestamp = nowMs
        var hasRun = try context.wallClockSchedule.run(at: nowMs) { timed($1, in: $0) }
        for part in tickParticipants where part.nextTickMs <= nowMs {
            do { try part.tick(wallClockMs: nowMs) } catch { throw timed(error, in: part.name) }
            hasRun = true
        }
        if nextIdleCheckMs <= nowMs, try passTime() { hasRun = true }
        return hasRun
    }

    /// Lets time go on where no record comes; returns whether it has.
    private func passTime() throws -> Bool {
        guard let idleTime else { return false }
        let nowMs = context.record.pointee.wallClockMs
        let sources = queues.map(\.idleSource)
        let stepMs = IdleTime.stepMs(of: sources, wallClockMs: nowMs)
        nextIdleCheckMs = PunctuationSchedule.sum(nowMs, stepMs)
        guard let timeMs = IdleTime.streamTimeMs(of: sources, wallClockMs: nowMs),
            timeMs >= PunctuationSchedule.sum(context.record.pointee.streamTimeMs, stepMs)
        else { return false }
        idleTime.value = timeMs
        context.record.pointee.streamTimeMs = timeMs
        context.record.pointee.timestamp = timeMs
        for part in streamTimeParticipants {
            do { try part.advance(streamTimeMs: timeMs) } catch { throw timed(error, in: part.name) }
        }
        if isStreamTimeDue { try punctuateStreamTime() }
        return true
    }

    private func timed(_ error: any Error, in part: String) -> any Error {
        if error is StreamsError || error.concernsThread { return error }
        return StreamsError.timed(id, part: part, underlying: error)
    }

    private func position(_ choice: QueueChoice) -> Int64 { choice.queue.position ?? -1 }

    private struct QueueChoice {
        var queue: PartitionQueue
        /// Up to which timestamp the queue may run on before another one has an earlier record.
        var maximumTimestamp: Int64
    }

    /// The queue with the smallest timestamp at its head; nil if none has a record, or one that is empty now is known to
    /// have more in the log, which must be fetched before the order can be told, or is waited for.
    private func chooseQueue() throws -> QueueChoice? {
        if queues.count == 1 {
            return queues[0].prepare() ? QueueChoice(queue: queues[0], maximumTimestamp: Int64.max) : nil
        }
        var best: (queue: PartitionQueue, timestamp: Int64)?
        var second = Int64.max
        goesOnMs = Int64.max
        for queue in queues {
            guard queue.prepare() else {
                if let maximumIdleMs, isAwaited(queue, maximumIdleMs) { return nil }
                continue
            }
            queue.waitsUntilMs = nil
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

    /// Whether an empty queue's next record must come before those of the others.
    private func isAwaited(_ queue: PartitionQueue, _ maximumIdleMs: Int64) -> Bool {
        if let position = queue.position, position < queue.knownEnd { return true }
        guard maximumIdleMs > 0, queues.contains(where: { $0.prepare() }) else { return false }
        let nowMs = context.record.pointee.wallClockMs
        let untilMs = queue.waitsUntilMs ?? PunctuationSchedule.sum(nowMs, maximumIdleMs)
        queue.waitsUntilMs = untilMs
        guard nowMs < untilMs else { return false }
        goesOnMs = untilMs
        return true
    }

    /// Passes on what parts held back, from the first operator to the last.
    package func prepareCommit() throws {
        context.record.pointee.isCommitRequested = false
        for part in commitParticipants {
            do {
                try part.prepareCommit()
            } catch let error where error is StreamsError || error.concernsThread {
                throw error
            } catch {
                throw StreamsError.flushing(id, part: part.name, underlying: error)
            }
        }
    }

    /// The positions that changed since the last commit, with the time and the registers of the operators; these alone
    /// may have changed as well.
    package var uncommittedPositions: [TopicPartition: CommittedOffset] {
        var changed: [TopicPartition: CommittedOffset] = [:]
        for queue in queues {
            guard let position = queue.position else { continue }
            let offset = committable(position, of: queue)
            if !isCommitted(offset, of: queue.partition) { changed[queue.partition] = offset }
        }
        return changed
    }

    /// An offset of one of the task's partitions as it is to be committed.
    func committable(_ offset: Int64, of queue: PartitionQueue) -> CommittedOffset {
        let metadata = PartitionMetadata(
            timeMs: queue.timeMs,
            registers: context.registers.values(keptWith: queue.partition)
        )
        return CommittedOffset(offset: offset, leaderEpoch: queue.leaderEpoch, metadata: metadata.text)
    }

    private func isCommitted(_ offset: CommittedOffset?, of partition: TopicPartition) -> Bool {
        committed[partition]?.offset == offset?.offset && committed[partition]?.metadata == offset?.metadata
    }

    /// Remembers that positions are committed.
    package func didCommit(_ offsets: [TopicPartition: CommittedOffset]) {
        for queue in queues {
            if let offset = offsets[queue.partition] { committed[queue.partition] = offset }
        }
    }

    /// Goes on where the group has committed; where it has not, `PartitionQueue.begin` says where. Time and registers are
    /// as they were at the commit.
    package func begin(at offsets: [TopicPartition: CommittedOffset]) {
        didCommit(offsets)
        var registers: [TopicPartition: [String: Int64]] = [:]
        for queue in queues {
            guard let offset = offsets[queue.partition] else { continue }
            queue.begin(at: offset.offset)
            guard let metadata = PartitionMetadata(text: offset.metadata) else { continue }
            queue.restore(timeMs: metadata.timeMs)
            registers[queue.partition] = metadata.registers
        }
        context.registers.restore(registers)
        let timeMs = queues.map(\.timeMs).max() ?? PartitionMetadata.noTime
        context.record.pointee.streamTimeMs = max(timeMs, idleTime?.value ?? timeMs)
    }

    /// The partition that a store is restored from instead of a changelog, and up to where; nil if there is none, or nothing
    /// of it was processed.
    package func sourceBound(of store: any TaskStore) -> (partition: TopicPartition, offset: Int64)? {
        guard let topic = store.sourceTopic else { return nil }
        let partition = TopicPartition(topic, id.partition)
        guard let position = queues.first(where: { $0.partition == partition })?.position else { return nil }
        return (partition, position)
    }

    /// Whether these are the positions that this task committed last: nobody else had its partitions since.
    func isAt(_ offsets: [TopicPartition: CommittedOffset]) -> Bool {
        queues.allSatisfy { isCommitted(offsets[$0.partition], of: $0.partition) }
    }
}
