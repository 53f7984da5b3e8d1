import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceStreams
import MillraceStreamsRuntime
import MillraceTopology

/// Runs a topology in a test: without a broker, without threads, the same way each time.
///
/// What processes the records is the code that runs in production; only the log is replaced, by one in memory. A record
/// that is piped in has gone through the whole topology, repartition topics included, when `pipe` returns.
///
///     let driver = try TopologyTestDriver(topology)
///     let lines = driver.input("lines", keys: .utf8, values: .utf8)
///     let counts = driver.output("counts", keys: .utf8, values: .int64)
///     try lines.pipe(nil, "to be or not to be", at: 1_000)
///     #expect(try counts.readAll().last?.value == 2)
///
/// A driver belongs to the thread or task that made it.
public final class TopologyTestDriver {
    /// When a driver commits: passes on what caches hold back, and makes what was written outlive a crash.
    public enum CommitMode: Hashable, Sendable {
        /// After every record that an operator processed, and after the wall clock moved.
        case afterEveryRecord
        /// When the wall clock has moved on by this since the last commit, as an application does (its default is 100 ms).
        case every(Duration)
        /// When the test calls `commit()`, or a processor asks for it.
        case explicit
    }

    /// Where a crash comes in the course of a commit; see `crash(at:)`.
    public enum CrashPoint: Hashable, Sendable, CaseIterable {
        /// Before the next commit has begun.
        case beforeCommit
        /// In the middle of a commit: caches have passed on what they held back, everything is written, and the transaction
        /// is not decided. Nothing of it stays.
        case duringCommit
        /// Just after a commit was decided, before the application has learnt of it.
        case afterCommit
    }

    private let topology: Topology
    private let applicationId: String
    private let configuration: StreamsConfiguration
    private let commitMode: CommitMode
    private var lastCommitMs: Int64
    private let routing: TopicRouting
    private var plan: PartitionPlan
    /// The topics of the topology that there are: named ones, and those that fit a pattern and were piped into.
    private var sourceTopics: [String]
    private let internalTopics: Set<String>
    let log: CapturedLog
    private let producer: CapturingProducer
    private let collector: RecordCollector
    private var tasks: [StreamTask] = []
    private var globals: GlobalTask?
    /// How many batches of a partition its task was given.
    private var fetchedBatches: [TopicPartition: Int] = [:]
    /// How far the test has read of a partition.
    private var readRecords: [TopicPartition: Int] = [:]
    private var readWrites = 0

    /// The wall clock, in milliseconds since 1970; only `advanceWallClock` moves it.
    public private(set) var wallClockMs: Int64

    /// Makes a driver with all of the topology's tasks, their stores empty.
    ///
    /// - Parameters:
    ///   - topology: what to run.
    ///   - applicationId: what internal topics begin with.
    ///   - configuration: as for an application; the size of the caches and what happens to records that cannot be
    ///     decoded matter here, threads and intervals do not.
    ///   - partitions: the topics of the topology that have more than one partition. A topic that fits a pattern is there
    ///     from the beginning if it is named here, and otherwise when it is first piped into, with one partition.
    ///   - commitMode: when to commit.
    ///   - startMs: what the wall clock says at first, in milliseconds since 1970.
    /// - Throws: `StreamsError` if the configuration makes no sense, or if topics that must have equally many partitions
    ///   have not.
    public init(
        _ topology: Topology,
        applicationId: String = "test",
        configuration: StreamsConfiguration = StreamsConfiguration(),
        partitions: [String: Int32] = [:],
        commitMode: CommitMode = .afterEveryRecord,
        startMs: Int64 = 0
    ) throws {
        try configuration.validate()
        for (topic, count) in partitions where count < 1 {
            throw StreamsError.invalidConfiguration("topic \(topic) must have a partition or more, not \(count)")
        }
        self.topology = topology
        self.applicationId = applicationId
        // There is nothing to wait for: what is piped in is there.
        var taskSettings = configuration
        taskSettings.maximumTaskIdle = .zero
        self.configuration = taskSettings
        self.commitMode = commitMode
        wallClockMs = startMs
        lastCommitMs = startMs
        routing = TopicRouting(topology: topology, applicationId: applicationId)
        do {
            let graph = try topology.graph.resolved(among: partitions.keys.sorted(), applicationId: applicationId)
            plan = try graph.partitionPlan(applicationId: applicationId) { partitions[$0] ?? 1 }
        } catch let error as PartitionPlanError {
            throw StreamsError.partitions(error)
        }
        sourceTopics = routing.sourceTopics { partitions.keys.sorted() }
        var counts = partitions
        var internalTopics: Set<String> = []
        counts.merge(plan.partitions) { $1 }
        for part in topology.graph.subtopologies() {
            for store in part.stores.compactMap({ topology.graph.stores[$0] }) where store.isLogged {
                let changelog = "\(applicationId)-\(store.changelogTopic)"
                counts[changelog] = plan.taskCounts[part.id]
                internalTopics.insert(changelog)
            }
            for topic in part.sinkTopics where topic.isInternal {
                internalTopics.insert(topic.resolved(applicationId: applicationId))
            }
        }
        self.internalTopics = internalTopics
        log = CapturedLog(partitionCounts: counts)
        producer = CapturingProducer(log)
        // Each record is a batch of its own, so small ones do.
        var outputSettings = configuration
        outputSettings.guarantee = .exactlyOnce
        outputSettings.batchSize = 1 << 10
        outputSettings.compression = .none
        collector = RecordCollector(
            producer: producer,
            configuration: outputSettings,
            sendsAtOnce: true
        )
        try makeTasks()
    }

    // Time and commits

    /// Moves the wall clock on, then does what is due.
    public func advanceWallClock(by duration: Duration) throws {
        let (seconds, attoseconds) = duration.components
        wallClockMs += seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        try tick()
        if isCommitDue { try commitOnce() }
        try processAll()
    }

    /// Commits, and processes what the caches passed on to repartition topics. In the mode `explicit`, what that leaves in
    /// caches waits for the next commit.
    public func commit() throws {
        try commitOnce()
        try processAll()
    }

    /// Kills the application and starts it again: what tasks wrote since the last commit is gone, stores are restored
    /// from their changelogs, and input that was not committed is processed again.
    ///
    /// Outputs that a test has read before it was committed, and that are written again, are read again.
    ///
    /// - Parameter point: where in a commit; the commit begins by itself for it.
    public func crash(at point: CrashPoint = .beforeCommit) throws {
        switch point {
        case .beforeCommit: break
        case .duringCommit: for task in tasks { try task.prepareCommit() }
        case .afterCommit: try commitOnce()
        }
        lastCommitMs = wallClockMs
        try collector.abort()
        log.abort()
        fetchedBatches = [:]
        for (partition, count) in readRecords {
            readRecords[partition] = min(count, log.recordCount(of: partition))
        }
        readWrites = min(readWrites, log.writes.count)
        try makeTasks()
        try processAll()
    }

    // Records in bytes

    /// Appends a record to an input topic and processes everything that follows from it.
    ///
    /// - Parameters:
    ///   - key: the key's bytes; nil is null.
    ///   - value: the value's bytes; nil is null.
    ///   - topic: a topic that the topology reads.
    ///   - timestampMs: milliseconds since 1970; nil for the wall clock's.
    ///   - headers: the record's headers.
    ///   - partition: where to append; nil for the partition of the key, 0 without a key.
    /// - Throws: `ClientError` if the topology does not read the topic or it has no such partition; otherwise what an
    ///   application stops with, such as `StreamsError.processing`.
    public func pipe(
        key: [UInt8]?,
        value: [UInt8]?,
        to topic: String,
        at timestampMs: Int64? = nil,
        headers: RecordHeaders = [],
        partition: Int32? = nil
    ) throws {
        let known = sourceTopics + routing.globalTopics
        if !known.contains(topic) {
            guard routing.reads(topic) else {
                let all = known + topology.graph.patternsByName.values.sorted()
                throw ClientError(
                    .unknownTopicOrPartition,
                    "the topology does not read \(topic); it reads \(all.joined(separator: ", "))"
                )
            }
            try addTopic(topic)
        }
        let count = log.partitionCount(of: topic)
        let chosen =
            partition ?? key.map { key in key.withUnsafeBytes { Hashes.partition(forKey: $0, of: count) } } ?? 0
        guard (0..<count).contains(chosen) else {
            throw ClientError(
                .unknownTopicOrPartition,
                "topic \(topic) has \(count) partitions; there is no \(chosen). Name the topic in `partitions` of the driver"
            )
        }
        try append(key, value, timestampMs ?? wallClockMs, headers, to: TopicPartition(topic, chosen))
        try processAll()
    }

    /// Takes the next record of an output topic that was not read yet; nil if there is none. Of several partitions the
    /// first is read first.
    public func readRaw(from topic: String) -> RawTestRecord? {
        for partition in log.partitions(of: topic) {
            let position = readRecords[partition] ?? 0
            guard position < log.recordCount(of: partition) else { continue }
            readRecords[partition] = position + 1
            return log.records(of: partition)[position]
        }
        return nil
    }

    /// Takes everything that was written to any output topic since the last call, in the order in which it was written.
    /// It does not change what the outputs of single topics read next.
    public func readAllRaw() -> [RawTestRecord] {
        defer { readWrites = log.writes.count }
        return log.writes[readWrites...].compactMap { write in
            internalTopics.contains(write.partition.topic) ? nil : log.records(of: write.partition)[write.index]
        }
    }

    // Inside

    var lateRecordCount: Int { tasks.reduce(0) { $0 + $1.lateRecords } }

    /// The stores of this name, one for each task that has it.
    func stores(named name: String) throws -> [any InspectableStore] {
        try taskStores(named: name).map { store in
            guard let store = store as? any InspectableStore else {
                throw StreamsError.invalidConfiguration("the store \(name) is not a key-value store")
            }
            return store
        }
    }

    /// The window or session stores of this name, one for each task that has it.
    func windowStores(named name: String) throws -> [any InspectableWindowStore] {
        try taskStores(named: name).map { store in
            guard let store = store as? any InspectableWindowStore else {
                throw StreamsError.invalidConfiguration("the store \(name) has no windows")
            }
            return store
        }
    }

    /// The versioned stores of this name, one for each task that has it.
    func versionedStores(named name: String) throws -> [any InspectableVersionedStore] {
        try taskStores(named: name).map { store in
            guard let store = store as? any InspectableVersionedStore else {
                throw StreamsError.invalidConfiguration("the store \(name) is not versioned")
            }
            return store
        }
    }

    private func taskStores(named name: String) throws -> [any TaskStore] {
        let contexts = tasks.map(\.context) + (globals.map { [$0.context] } ?? [])
        let stores = contexts.compactMap { $0.stores[name] }
        guard !stores.isEmpty else {
            let known = Set(contexts.flatMap(\.stores.keys)).sorted()
            throw StreamsError.invalidConfiguration(
                "the topology has no store \(name)"
                    + (known.isEmpty ? "" : "; it has \(known.joined(separator: ", "))")
            )
        }
        return stores
    }

    /// Takes in a topic that fits a pattern, as an application does that finds it: its tasks commit and begin anew.
    private func addTopic(_ topic: String) throws {
        let existing = (sourceTopics + [topic]).sorted()
        do {
            let graph = try topology.graph.resolved(among: existing, applicationId: applicationId)
            let current = try graph.partitionPlan(applicationId: applicationId) { log.partitionCount(of: $0) }
            if !sourceTopics.isEmpty { try graph.checkGrowth(from: plan, to: current, applicationId: applicationId) }
            plan = current
        } catch let error as PartitionPlanError {
            throw StreamsError.partitions(error)
        }
        // A commit may bring about more through repartition topics.
        repeat { try commit() } while tasks.contains { !$0.uncommittedPositions.isEmpty }
        for task in tasks { task.stop() }
        sourceTopics = existing
        try makeTasks()
    }

    private func makeTasks() throws {
        let partitions = sourceTopics.flatMap { log.partitions(of: $0) }
        let quiet = Logger(label: "millrace-test") { _ in SwiftLogNoOpLogHandler() }
        try makeGlobals(quiet)
        tasks = try routing.tasks(of: partitions).sorted { $0.key < $1.key }.map { id, partitions in
            let task = try StreamTask(
                id: id,
                partitions: partitions,
                plan: routing,
                applicationId: applicationId,
                configuration: configuration,
                outputs: collector,
                globals: globals,
                logger: quiet,
                host: TaskHost(
                    pause: { [weak self] in self?.pass($0) ?? false },
                    callExecutor: CallExecutor.shared
                )
            )
            task.begin(at: producer.committedOffsets.filter { partitions.contains($0.key) })
            for queue in task.queues where queue.position == nil { queue.begin(at: 0) }
            try restore(task)
            try task.start(wallClockMs: wallClockMs)
            return task
        }
        for task in tasks {
            for queue in task.queues {
                // Batches hold one record each, so that offsets are their numbers.
                fetchedBatches[queue.partition] = Int(queue.position ?? 0)
            }
        }
    }

    /// Makes the global stores of what their topics hold.
    private func makeGlobals(_ logger: Logger) throws {
        let partitions = globalPartitions
        guard !partitions.isEmpty else { return }
        globals = try GlobalTask(
            partitions: partitions,
            routing: routing,
            applicationId: applicationId,
            configuration: configuration,
            logger: logger,
            host: TaskHost(pause: { [weak self] in self?.pass($0) ?? false })
        )
        for partition in partitions { fetchedBatches[partition] = 0 }
        try feedGlobals()
    }

    private var globalPartitions: [TopicPartition] { routing.globalTopics.flatMap { log.partitions(of: $0) } }

    /// Brings the global stores up to date, which is done before anything else.
    private func feedGlobals() throws {
        guard let globals else { return }
        for partition in globalPartitions {
            let count = log.batchCount(of: partition)
            for index in (fetchedBatches[partition] ?? 0)..<count {
                guard let records = try log.fetched(partition, batch: index) else { continue }
                fetchedBatches[partition] = index + 1
                _ = try globals.process(records, wallClockMs: wallClockMs)
            }
        }
    }

    private func restore(_ task: StreamTask) throws {
        for store in task.context.stores.values {
            let changelog = TopicPartition("\(applicationId)-\(store.name)-changelog", task.id.partition)
            let source = task.sourceBound(of: store)
            guard store.isLogged || source != nil else { continue }
            for record in log.records(of: source?.partition ?? changelog) {
                if let source, record.offset >= source.offset { break }
                try record.key?.withUnsafeBytes { key in
                    guard let value = record.value else {
                        try store.restore(key: key, value: nil, timestamp: record.timestampMs)
                        return
                    }
                    try value.withUnsafeBytes { try store.restore(key: key, value: $0, timestamp: record.timestampMs) }
                }
            }
        }
    }

    private func append(
        _ key: [UInt8]?,
        _ value: [UInt8]?,
        _ timestampMs: Int64,
        _ headers: RecordHeaders,
        to partition: TopicPartition
    ) throws {
        let batch = RecordBatchBuilder(capacity: 256)
        var encoded = ByteWriter()
        if !headers.isEmpty { headers.encode(into: &encoded) }
        withBytes(key) { key in
            withBytes(value) { value in
                _ = batch.append(key: key, value: value, timestamp: timestampMs, headers: encoded.bytes)
            }
        }
        try withExtendedLifetime(batch) { try log.append(try batch.seal(), to: partition, isWrite: false) }
    }

    private func withBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
    }

    /// Gives the tasks what is new in the topics that they read.
    private func fetch() throws {
        try feedGlobals()
        for task in tasks {
            for queue in task.queues {
                let count = log.batchCount(of: queue.partition)
                for index in (fetchedBatches[queue.partition] ?? 0)..<count {
                    guard let records = try log.fetched(queue.partition, batch: index) else { continue }
                    records.lastStableOffset = records.nextOffset
                    queue.enqueue(records)
                }
                fetchedBatches[queue.partition] = count
            }
        }
    }

    /// Processes record after record, the earliest of all tasks first, until there is nothing left to do.
    private func processAll() throws {
        try fetch()
        while let task = try nextTask() {
            try collector.begin()
            do {
                task.setWallClock(wallClockMs)
                _ = try task.process(maximumCount: 1)
                try tick()
            } catch {
                try stop(task)
                throw error
            }
            if isCommitDue { try commitOnce() }
            try fetch()
        }
    }

    /// Lets the time of a pause go by at once.
    private func pass(_ pause: Duration) -> Bool {
        wallClockMs += pause.wholeMilliseconds
        return true
    }

    /// Does what the wall clock says is due.
    private func tick() throws {
        for task in tasks {
            try collector.begin()
            task.setWallClock(wallClockMs)
            _ = try task.tick()
            // What it wrote for the tasks after it comes before their own time goes on.
            try fetch()
        }
    }

    /// What an application does that stops at an error: nothing of the transaction stays, except dead letters.
    private func stop(_ task: StreamTask) throws {
        try collector.abort()
        log.abort()
        try collector.write(apart: task.context.failures.farewells)
    }

    private func nextTask() throws -> StreamTask? {
        var best: (task: StreamTask, timestampMs: Int64)?
        for task in tasks {
            for queue in task.queues where queue.prepare() {
                let timestampMs = try queue.headTimestamp()
                if let earlier = best, earlier.timestampMs <= timestampMs { continue }
                best = (task, timestampMs)
            }
        }
        return best?.task
    }

    private func commitOnce() throws {
        lastCommitMs = wallClockMs
        for task in tasks {
            for queue in task.queues { _ = queue.prepare() }
            try task.prepareCommit()
        }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for task in tasks { offsets.merge(task.uncommittedPositions) { current, _ in current } }
        try collector.commit(offsets, as: GroupMembership(groupId: applicationId))
        for task in tasks { task.didCommit(offsets) }
        try fetch()
    }

    /// Whether it is time for a commit; asked after each record and after the wall clock moved.
    private var isCommitDue: Bool {
        if tasks.contains(where: { $0.context.record.pointee.isCommitRequested }) { return true }
        switch commitMode {
        case .afterEveryRecord: return true
        case .every(let interval): return wallClockMs - lastCommitMs >= interval.wholeMilliseconds
        case .explicit: return false
        }
    }
}
