import Synchronization

/// One asynchronous call, with its time limit and its further tries. It reports exactly once.
struct AsyncCall<Input: Sendable, Output: Sendable>: Sendable {
    let limit: Duration
    let retry: AsyncRetry
    let clock: any Clock<Duration>
    let body: @Sendable (Input) async throws -> Output

    /// Starts it.
    ///
    /// - Parameters:
    ///   - executor: where to run; nil for Swift's own threads.
    ///   - report: called once with the result of the last try, from any thread.
    func start(
        _ input: Input,
        on executor: (any TaskExecutor)?,
        report: @escaping @Sendable (Result<Output, any Error>) -> Void
    ) -> Task<Void, Never> {
        Task(executorPreference: executor) { report(await run(input, on: executor)) }
    }

    private func run(_ input: Input, on executor: (any TaskExecutor)?) async -> Result<Output, any Error> {
        var failed = 0
        while true {
            do {
                return .success(try await attempt(input, on: executor))
            } catch {
                failed += 1
                guard !Task.isCancelled, let pause = retry.pause(after: failed) else { return .failure(error) }
                do {
                    try await clock.sleep(for: pause)
                } catch {
                    return .failure(error)
                }
            }
        }
    }

    /// One try. A body that takes no notice of its cancellation is left behind when the time is over: its result then goes
    /// nowhere.
    private func attempt(_ input: Input, on executor: (any TaskExecutor)?) async throws -> Output {
        let race = Race<Output>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard race.begin(continuation) else { return }
                race.add(
                    Task(executorPreference: executor) {
                        do {
                            race.end(.success(try await body(input)))
                        } catch {
                            race.end(.failure(error))
                        }
                    }
                )
                race.add(
                    Task(executorPreference: executor) {
                        do {
                            try await clock.sleep(for: limit)
                        } catch {
                            return  // cancelled: the body was faster
                        }
                        race.end(.failure(AsyncTimeout(limit: limit)))
                    }
                )
            }
        } onCancel: {
            race.end(.failure(CancellationError()))
        }
    }
}

/// The first of several results, for one who waits; the tasks that are still under way are cancelled.
private final class Race<Output: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Output, any Error>?
        var isOver = false
        var tasks: [Task<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Keeps who waits; false if he was told already that there is nothing to wait for.
    func begin(_ continuation: CheckedContinuation<Output, any Error>) -> Bool {
        let isOver = state.withLock { state in
            if !state.isOver { state.continuation = continuation }
            return state.isOver
        }
        if isOver { continuation.resume(throwing: CancellationError()) }
        return !isOver
    }

    func add(_ task: Task<Void, Never>) {
        let isOver = state.withLock { state in
            if !state.isOver { state.tasks.append(task) }
            return state.isOver
        }
        if isOver { task.cancel() }
    }

    func end(_ result: Result<Output, any Error>) {
        let (continuation, tasks) = state.withLock { state in
            defer {
                state.continuation = nil
                state.tasks = []
                state.isOver = true
            }
            return (state.continuation, state.tasks)
        }
        for task in tasks { task.cancel() }
        continuation?.resume(with: result)
    }
}
