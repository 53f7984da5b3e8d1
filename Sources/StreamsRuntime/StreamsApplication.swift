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
    private let routing: TopicRouting
    private let lifecycle = Mutex(ApplicationLifecycle())
    private let threads: [ThreadProgress]
    private let stopsWhenCaughtUp = Atomic<Bool>(false)
    private let shouldStop = Atomic<Bool>(false)

    /// Makes an application; nothing happens until `run()`.
    ///
    /// - Parameters:
    ///   - id: the application's id; letters, digits, `.`, `_` and `-`.
    ///   - topology: what to run.
    ///   - backend: where: an embedded broker or a Kafka cluster.
    ///   - configuration: how.
    ///   - logger: where it says what it does.
    ///   - onStateChange: called with the old and the new state, from any thread.
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
        threads = (0..<max(configuration.threads, 1)).map { _ in ThreadProgress() }
    }

    /// What the application is doing.
    public var state: ApplicationState { lifecycle.withLock { $0.state } }

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
        shouldStop.store(true, ordering: .releasing)
        perform(lifecycle.withLock { $0.requestStop() })
    }

    private func run(untilCaughtUp: Bool) async throws {
        stopsWhenCaughtUp.store(untilCaughtUp, ordering: .releasing)
        let (isFirst, actions) = lifecycle.withLock { $0.start(threads: configuration.threads) }
        guard isFirst else { throw StreamsError.alreadyStarted }
        perform(actions)
        let starter = BlockingPool(name: "streams-start", threadCount: 1)
        let application = self
        do {
            try configuration.validate()
            let instance = try await starter.run { () throws -> ApplicationInstance in try application.prepare() }
            await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    start(instance)
                    await ended()
                } onGracefulShutdown: {
                    self.stop()
                }
            } onCancel: {
                self.stop()
            }
        } catch {
            perform(lifecycle.withLock { $0.fail(error) + $0.end() })
        }
        starter.close()
        if let failure = lifecycle.withLock({ $0.failure }) { throw failure }
    }

    private func ended() async {
        await withCheckedContinuation { continuation in
            let mustWait = lifecycle.withLock { $0.wait(continuation) }
            if !mustWait { continuation.resume() }
        }
    }

    /// Checks the topology against the topics that there are and makes the internal ones.
    private func prepare() throws -> ApplicationInstance {
        if let problem = NameRule.problem(with: id) {
            throw StreamsError.invalidConfiguration("\"\(id)\" cannot be an application id: \(problem)")
        }
        do {
            let admin = try backend.connectAdmin()
            let topics = InternalTopics(applicationId: id, graph: topology.graph, configuration: configuration)
            try topics.ensure(with: admin)
            return try backend.claimInstance(of: id)
        } catch let error as ClientError {
            throw StreamsError.log(error)
        } catch let error as PartitionPlanError {
            throw StreamsError.partitions(error)
        }
    }

    private func start(_ instance: ApplicationInstance) {
        for (index, progress) in threads.enumerated() {
            let environment = StreamThreadEnvironment(
                applicationId: id,
                instanceName: instance.name,
                routing: routing,
                backend: backend,
                configuration: configuration,
                logger: logger,
                shouldStop: { [shouldStop = self] in shouldStop.isStopping },
                didIdle: { [self] in try stopIfCaughtUp() },
                didChangeAssignment: { [self] isReady in
                    perform(lifecycle.withLock { $0.threadIsReady(index, isReady) })
                }
            )
            _ = PlatformThread.start(name: "stream-\(index)") { [self] in
                work(index, environment, progress)
                withExtendedLifetime(instance) {}
                perform(lifecycle.withLock { $0.threadEnded(index) })
            }
        }
    }

    fileprivate var isStopping: Bool { shouldStop.load(ordering: .acquiring) }

    /// The life of one thread: works, and by policy works again after an error.
    private func work(_ index: Int, _ environment: StreamThreadEnvironment, _ progress: ThreadProgress) {
        var pause = Duration.milliseconds(10)
        let bell = Wakeup()
        while !isStopping {
            do {
                let commitsBefore = progress.commits.load(ordering: .relaxed)
                defer {
                    if progress.commits.load(ordering: .relaxed) > commitsBefore { pause = .milliseconds(10) }
                }
                try StreamThread(index: index, environment: environment, progress: progress).run()
                return
            } catch {
                perform(lifecycle.withLock { $0.threadIsReady(index, false) })
                let clientError = error as? ClientError
                let isMigration = clientError.map { $0.isFenced || $0.requiresAbort || $0.isRetriable } ?? false
                guard isMigration || configuration.onUncaughtError == .replaceThread else {
                    logger.error("a stream thread stops the application", metadata: ["error": "\(error)"])
                    fail(clientError.map { StreamsError.log($0) } ?? error)
                    return
                }
                logger.warning(
                    "a stream thread begins again from the last commit",
                    metadata: ["thread": "\(index)", "error": "\(error)"]
                )
                // An error that comes back at once must not keep a core busy.
                bell.wait(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    private func fail(_ error: any Error) {
        shouldStop.store(true, ordering: .releasing)
        perform(lifecycle.withLock { $0.fail(error) })
    }

    private func stopIfCaughtUp() throws {
        guard stopsWhenCaughtUp.load(ordering: .acquiring), try remainingRecords().isEmpty else { return }
        stop()
    }

    /// How many offsets lie between what is committed and what can be read, for each partition of the topology's
    /// sources that has any; empty when the application has caught up. Blocks for file calls.
    ///
    /// Upstream topics are looked at first: their positions become visible no earlier than the records that they led to.
    package func remainingRecords() throws(ClientError) -> [TopicPartition: Int64] {
        let admin = try backend.connectAdmin()
        var remaining: [TopicPartition: Int64] = [:]
        for topic in routing.sourceTopics {
            guard let count = try admin.describeTopic(topic)?.partitionCount else { continue }
            let committed = try admin.committedOffsets(of: id)
            for number in 0..<count {
                let partition = TopicPartition(topic, number)
                let range = try admin.offsetRange(of: partition, isolation: .readCommitted)
                let position = committed[partition]?.offset ?? range.lowerBound
                if position < range.upperBound { remaining[partition] = range.upperBound - position }
            }
        }
        return remaining
    }

    /// How many offsets lie between what is committed and what can be read, by partition; markers count too.
    public func lag() async throws(ClientError) -> [TopicPartition: Int64] {
        let pool = BlockingPool(name: "streams-lag", threadCount: 1)
        defer { pool.close() }
        let application = self
        return try await pool.run { () throws(ClientError) in try application.remainingRecords() }
    }

    private func perform(_ actions: [ApplicationLifecycle.Action]) {
        for action in actions {
            switch action {
            case .stateChanged(let old, let new):
                logger.debug("state changed", metadata: ["from": "\(old)", "to": "\(new)"])
                onStateChange(old, new)
            case .resume(let continuation):
                continuation.resume()
            }
        }
    }
}
