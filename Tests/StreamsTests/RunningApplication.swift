import Millrace
import Synchronization
import Testing

/// An application at work in a task of its own, with the states that it went through.
final class RunningApplication: Sendable {
    let application: StreamsApplication
    private let task: Task<Void, any Error>
    /// Goes with its broker when nobody holds it any more.
    private let world: World
    private let log: StateLog
    private let changed: AsyncStream<Void>

    init(
        _ topology: Topology,
        in world: World,
        _ configure: (inout StreamsConfiguration) -> Void = { _ in },
        run: @escaping @Sendable (StreamsApplication) async throws -> Void = { try await $0.run() }
    ) {
        self.world = world
        let (changed, continuation) = AsyncStream.makeStream(of: Void.self)
        self.changed = changed
        let log = StateLog()
        let application = world.application(topology, configure) { _, new in
            log.states.withLock { $0.append(new) }
            continuation.yield()
        }
        self.application = application
        self.log = log
        task = Task { try await run(application) }
    }

    private final class StateLog: Sendable {
        let states = Mutex<[ApplicationState]>([.created])
    }

    /// The states so far.
    var history: [ApplicationState] { log.states.withLock { $0 } }

    /// Waits until the application has been in a state or finds that it is in it.
    func reach(_ state: ApplicationState) async {
        if history.last == state { return }
        for await _ in changed where history.last == state { return }
    }

    /// Stops it and waits for its end.
    func stop() async throws {
        application.stop()
        try await task.value
    }

    /// Cancels the task that it runs in and waits for its end.
    func cancel() async throws {
        task.cancel()
        try await task.value
    }

    /// Waits for its end.
    func end() async throws {
        try await task.value
    }
}

/// Counts down to a failure: throws at the n-th call, once.
final class Mishap: Sendable {
    struct Failure: Error {}
    private let calls = Atomic<Int>(0)
    private let fatalCall: Int

    init(atCall fatalCall: Int) {
        self.fatalCall = fatalCall
    }

    func check() throws {
        if calls.add(1, ordering: .relaxed).newValue == fatalCall { throw Failure() }
    }

    var callCount: Int { calls.load(ordering: .relaxed) }
}
