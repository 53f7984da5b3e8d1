import MillraceStreamsRuntime

/// A user's processor at work in a task: begins and ends with it.
@usableFromInline
final class RunningProcessor<Worker>: LifecycleParticipant {
    @usableFromInline let name: String
    /// Behind a pointer, so that a processor that is a struct may change itself without exclusivity checks: it is never
    /// called while it is at work.
    @usableFromInline let worker: UnsafeMutablePointer<Worker>
    private let failures: FailureHandling
    private let startWorker: (inout Worker) throws -> Void
    private let closeWorker: (inout Worker) -> Void

    @usableFromInline
    init(
        _ worker: Worker,
        scope: ProcessorScope,
        start: @escaping (inout Worker) throws -> Void,
        close: @escaping (inout Worker) -> Void
    ) {
        name = scope.operatorName
        failures = scope.failures
        self.worker = .allocate(capacity: 1)
        self.worker.initialize(to: worker)
        startWorker = start
        closeWorker = close
    }

    deinit {
        worker.deinitialize(count: 1)
        worker.deallocate()
    }

    @usableFromInline
    func start() throws {
        try startWorker(&worker.pointee)
        try failures.throwIfEscaped()
    }

    @usableFromInline
    func stop() { closeWorker(&worker.pointee) }
}
