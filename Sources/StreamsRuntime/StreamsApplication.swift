import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceTopology
import ServiceLifecycle
import Synchronization

/// Runs a topology on a log: what Kafka Streams calls `KafkaStreams`.
///
/// Several applications of one id, in one process or many, share the work; each partition of a sub-topology's sources is
/// one task, and each task is with one thread of one of them. `run()` works until the surrounding task is cancelled or
/// ServiceLifecycle asks for a graceful shutdown, then commits and returns.
///
///     let application = StreamsApplication(id: "word-count", topology: topology, on: broker)
///     try await application.run()
public final class StreamsApplication: Service, Sendable {
    /// The id: the name of the consumer group, and the prefix of internal topics and transactional ids.
    public let id: String
    /// The topology.
    public let topology: Topology
    /// The configuration.
    public let configuration: StreamsConfiguration

    private let backend: any LogBackend
    private let logger: Logger
    private let onStateChange: @Sendable (ApplicationState, ApplicationState) -> Void
    let routing: TopicRouting
    /// Where questions to the stores wait.
    let queries = QueryDesk()
    /// What watches over them meanwhile.
    let queryWatch: QueryWatch
    /// The part of the topology that each store belongs to.
    private let partsOfStores: [String: Int]
    /// How many partitions everything has; nil until the application has prepared its topics.
    private let plan = Mutex<PartitionPlan?>(nil)
    private let lifecycle = Mutex(Supervision())
    private let threads: [ThreadProgress]
    private let shouldStop = Atomic<Bool>(false)
    private let isHeld = Atomic<Bool>(false)
    /// Woken when the application is to stop, for threads that pause.
    private let stopping = Condition()

    /// The lifecycle, with what follows from its changes and is not carried out yet: one at a time and in order, by
    /// whichever thread comes first.
    private struct Supervision {
        var lifecycle = ApplicationLifecycle()
        var undelivered: [ApplicationLifecycle.Action] = []
        var isDelivering = false
    }

    /// Makes an application; nothing happens until `run()`.
    ///
    /// - Parameters:
    ///   - id: the application's id; letters, digits, `.`, `_` and `-`.
    ///   - topology: what to run.
    ///   - backend: where: an embedded broker or a Kafka cluster.
    ///   - configuration: how.
    ///   - logger: where it says what it does.
    ///   - onStateChange: called with the old and the new state, from any thread, one call at a time and in order.
    public init(
        id: String,
        topology: Topology,
        on backend: any LogBackend,
        configuration: StreamsConfiguration = StreamsConfiguration(),
        logger: Logger = Logger(label: "millrace.streams"),
        onStateChange: @escaping @Sendable (_ old: ApplicationState, _ new: ApplicationState) -> Void = { _, _ in }
    ) {
        self.id = id
        self.topology = topology
        self.configuration = configuration
        self.backend = backend
        var logger = logger
        logger[metadataKey: "application"] = "\(id)"
        self.logger = logger
        self.onStateChange = onStateChange
        routing = TopicRouting(topology: topology, applicationId: id)
        var partsOfStores: [String: Int] = [:]
        for part in topology.graph.subtopologies() { for store in part.stores { partsOfStores[store] = part.id } }
        self.partsOfStores = partsOfStores
        let threads = (0..<max(configuration.threads, 1)).map { _ in ThreadProgress() }
        self.threads = threads
        queryWatch = QueryWatch(groupId: id, backend: backend, desk: queries) { thread in
            threads[thread].wakeup.withLock { $0 }?.ring()
        }
    }

    /// What the application is doing.
    public var state: ApplicationState { lifecycle.withLock { $0.lifecycle.state } }

    /// How far it has come.
    public var progress: StreamsProgress {
        var sum = StreamsProgress()
        for thread in threads { thread.add(to: &sum) }
        return sum
    }

    /// Processes until the task is cancelled or a graceful shutdown is asked for; commits before it returns.
    ///
    /// Throws `StreamsError` if it cannot start, or stops because of an error.
    public func run() async throws {
        try await run(untilCaughtUp: false)
    }

    /// Processes what its topics hold, and what that brings about in internal topics, then commits and returns.
    public func runUntilCaughtUp() async throws {
        try await run(untilCaughtUp: true)
    }

    /// Asks the application to commit and stop; `run()` returns soon after.
    public func stop() {
        // The state changes first: a thread that sees the flag may end at once.
        record { $0.requestStop() }
        raiseStop()
        deliver()
    }

    /// Lets records and timers be until `resume()`: the application stays in its group, restores stores, answers questions
    /// and commits what is done (KIP-834). May be called before it runs, which then begins with the pause. A record under
    /// way is finished, and so are some after it that were taken up together.
    public func pause() {
        isHeld.store(true, ordering: .releasing)
    }

    /// Ends a pause.
    public func resume() {
        isHeld.store(false, ordering: .releasing)
        for thread in threads { thread.wakeup.withLock { $0 }?.ring() }
    }

    /// Whether it was told to pause.
    public var isPaused: Bool { isHeld.load(ordering: .acquiring) }

    /// Where a store is: its part of the topology, nil for a global one, and how many partitions that has.
    func location(of store: String) throws(QueryError) -> (subtopology: Int?, partitionCount: Int32) {
        guard let definition = topology.graph.stores[store] else {
            throw .unknownStore(store, known: topology.graph.stores.keys.sorted())
        }
        guard let plan = plannedPartitions else { throw .notRunning }
        guard !definition.isGlobal, let part = partsOfStores[store] else { return (nil, 1) }
        return (part, plan.taskCounts[part])
    }

    /// How many partitions everything has; nil until the application has prepared its topics.
    var plannedPartitions: PartitionPlan? { plan.withLock { $0 } }

    func connectAdmin() throws(ClientError) -> any AdminConnection { try backend.connectAdmin() }

    /// The time by the clock that intervals are measured with, in nanoseconds.
    var now: Int64 { backend.time.monotonicNanoseconds }

    /// Wakes a thread that may be waiting for records.
    func wake(_ thread: Int) {
        threads[thread].wakeup.withLock { $0 }?.ring()
    }

    private func raiseStop() {
        shouldStop.store(true, ordering: .releasing)
        stopping.broadcast()
        for thread in threads { thread.wakeup.withLock { $0 }?.ring() }
    }

    private func run(untilCaughtUp: Bool) async throws {
        var isFirst = false
        update { lifecycle in
            let (isStarted, actions) = lifecycle.start(threads: threads.count)
            isFirst = isStarted
            return actions
        }
        guard isFirst else { throw StreamsError.alreadyStarted }
        do {
            try configuration.validate()
            let starter = BlockingPool(name: "streams-start", threadCount: 1)
            defer { starter.close() }
            let application = self
            let (instance, plan) = try await starter.run { () throws in try application.prepare() }
            await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    start(as: instance.name, plan, endsWhenCaughtUp: untilCaughtUp)
                    await ended()
                } onGracefulShutdown: {
                    self.stop()
                }
            } onCancel: {
                self.stop()
            }
            queries.close()
            queryWatch.close()
            // Given back when the last thread has ended, so that the next run gets the same transactional ids.
            withExtendedLifetime(instance) {}
        } catch {
            update { $0.fail(error) + $0.end() }
        }
        if let failure = lifecycle.withLock({ $0.lifecycle.failure }) { throw failure }
    }

    private func ended() async {
        await withCheckedContinuation { continuation in
            let mustWait = lifecycle.withLock { $0.lifecycle.wait(continuation) }
            if !mustWait { continuation.resume() }
        }
    }

    /// Checks the topology against the topics that there are and makes the internal ones.
    private func prepare() throws -> (ApplicationInstance, PartitionPlan) {
        if let problem = NameRule.problem(with: id) {
            throw StreamsError.invalidConfiguration("\"\(id)\" cannot be an application id: \(problem)")
        }
        do {
            let instance = try backend.claimInstance(of: id)
            let found = try ApplicationPreparation(
                applicationId: id,
                graph: topology.graph.resolved(applicationId: id, with: backend.connectAdmin()),
                configuration: configuration,
                backend: backend,
                logger: logger,
                rank: instance.name.utf8.reduce(0) { $0 &+ Int($1) },
                pause: { [self] duration in
                    stopping.wait(for: duration) { isStopping }
                    return isStopping
                }
            ).run()
            plan.withLock { $0 = found }
            return (instance, found)
        } catch let error as ClientError {
            throw StreamsError.log(error)
        } catch let error as PartitionPlanError {
            throw StreamsError.partitions(error)
        }
    }

    private func start(as instanceName: String, _ plan: PartitionPlan, endsWhenCaughtUp: Bool) {
        queries.open(threadCount: threads.count)
        for (index, progress) in threads.enumerated() {
            let environment = StreamThreadEnvironment(
                applicationId: id,
                instanceName: instanceName,
                routing: routing,
                plan: plan,
                backend: backend,
                configuration: configuration,
                logger: logger,
                queries: queries,
                queryWatch: queryWatch,
                shouldStop: { [self] in isStopping },
                isPaused: { [self] in isPaused },
                pause: { [self] duration in
                    stopping.wait(for: duration) { isStopping }
                    return !isStopping
                },
                endsWhenCaughtUp: endsWhenCaughtUp,
                didIdle: { [self] in if try hasCaughtUp() { stop() } },
                didChangeAssignment: { [self] isReady in update { $0.threadIsReady(index, isReady) } }
            )
            _ = PlatformThread.start(name: "stream-\(index)") { [self] in
                work(index, environment, progress)
                update { $0.threadEnded(index) }
            }
        }
    }

    private var isStopping: Bool { shouldStop.load(ordering: .acquiring) }

    /// The life of one thread: works, and by policy works again after an error.
    private func work(_ index: Int, _ environment: StreamThreadEnvironment, _ progress: ThreadProgress) {
        var pacing = RestartPacing()
        var globals: GlobalTopicReader?
        defer { globals?.close() }
        while !isStopping {
            let advancesBefore = progress.advances
            do {
                if globals == nil { globals = try GlobalTopicReader(index: index, environment: environment) }
                try StreamThread(index: index, environment: environment, globals: globals, progress: progress).run()
                return
            } catch is StoppedWhileRetrying {
                return
            } catch {
                update { $0.threadIsReady(index, false) }
                if let reader = globals, !reader.isUsable {
                    reader.close()
                    globals = nil
                }
                let (pause, failingFor) = pacing.didFail(
                    hasAdvanced: progress.advances > advancesBefore,
                    now: now
                )
                guard isWorthRestarting(after: error, failingFor: failingFor) else {
                    logger.error("a stream thread stops the application", metadata: ["error": "\(error)"])
                    fail((error as? ClientError).map { StreamsError.log($0) } ?? error)
                    return
                }
                logger.warning(
                    "a stream thread begins again from the last commit",
                    metadata: ["thread": "\(index)", "error": "\(error)"]
                )
                // An error that comes back at once must not keep a core busy.
                stopping.wait(for: pause) { isStopping }
            }
        }
    }

    /// - Parameter failingFor: for how long the thread has failed without getting anywhere.
    private func isWorthRestarting(after error: any Error, failingFor: Duration) -> Bool {
        let replacesThread = configuration.onUncaughtError == .replaceThread
        // What a restart should cure and has not for so long is like any other error.
        let mayBeCured = replacesThread || failingFor < configuration.taskTimeout
        return switch error {
        case let error as ClientError:
            error.isCuredByRestart ? mayBeCured : !error.isFinal && replacesThread
        case StreamsError.undecodableRecord, StreamsError.partitions: false
        case is LostGlobalRecords: mayBeCured
        default: replacesThread
        }
    }

    private func fail(_ error: any Error) {
        record { $0.fail(error) }
        raiseStop()
        deliver()
    }

    /// Whether nothing is left to read for any thread of any instance.
    ///
    /// The topics are looked at one after the other, while others write: only if two looks see the same was there a
    /// moment, between the two, at which everything was read.
    private func hasCaughtUp() throws(ClientError) -> Bool {
        // Under at-most-once a position says that a record was fetched, not that it was processed.
        guard threads.allSatisfy({ $0.isIdle.load(ordering: .sequentiallyConsistent) }) else { return false }
        let admin = try backend.connectAdmin()
        let first = try InputPlaces(routing: routing, applicationId: id, admin: admin)
        guard first.areAllRead, try first == InputPlaces(routing: routing, applicationId: id, admin: admin) else {
            return false
        }
        return threads.allSatisfy { $0.isIdle.load(ordering: .sequentiallyConsistent) }
    }

    /// How many offsets lie between what is committed and what can be read, by partition; markers count too.
    public func lag() async throws(ClientError) -> [TopicPartition: Int64] {
        let pool = BlockingPool(name: "streams-lag", threadCount: 1)
        defer { pool.close() }
        let application = self
        return try await pool.run { () throws(ClientError) in
            let admin = try application.backend.connectAdmin()
            return try InputPlaces(routing: application.routing, applicationId: application.id, admin: admin).remaining
        }
    }

    /// Changes the lifecycle and carries out what follows.
    private func update(_ change: (inout ApplicationLifecycle) -> [ApplicationLifecycle.Action]) {
        record(change)
        deliver()
    }

    /// Changes the lifecycle and keeps what follows for `deliver`.
    private func record(_ change: (inout ApplicationLifecycle) -> [ApplicationLifecycle.Action]) {
        lifecycle.withLock { $0.undelivered += change(&$0.lifecycle) }
    }

    /// Carries out what follows from the changes so far, unless another thread is at it already.
    private func deliver() {
        let isFirst = lifecycle.withLock { supervision in
            defer { supervision.isDelivering = true }
            return !supervision.isDelivering
        }
        while isFirst, let action = nextAction() {
            switch action {
            case .stateChanged(let old, let new):
                logger.debug("state changed", metadata: ["from": "\(old)", "to": "\(new)"])
                onStateChange(old, new)
            case .resume(let continuation):
                continuation.resume()
            }
        }
    }

    private func nextAction() -> ApplicationLifecycle.Action? {
        lifecycle.withLock { supervision in
            guard !supervision.undelivered.isEmpty else {
                supervision.isDelivering = false
                return nil
            }
            return supervision.undelivered.removeFirst()
        }
    }
}
