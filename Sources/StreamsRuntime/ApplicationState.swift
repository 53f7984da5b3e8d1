/// What an application is doing (Kafka Streams' `KafkaStreams.State`).
public enum ApplicationState: String, Hashable, Sendable {
    /// Made, not started.
    case created
    /// Tasks are being assigned or restored.
    case rebalancing
    /// Processing.
    case running
    /// Committing and letting go of its tasks.
    case pendingShutdown
    /// Stopped as it was asked to.
    case notRunning
    /// Stopped by an error.
    case error
}

/// What has become of an application's threads; pure, so that the application can keep it behind a lock.
struct ApplicationLifecycle {
    private(set) var state = ApplicationState.created
    private(set) var isStopRequested = false
    private(set) var failure: (any Error)?
    private var readyThreads: Set<Int> = []
    private var liveThreads: Set<Int> = []
    private var finished: CheckedContinuation<Void, Never>?
    private var hasFinished = false

    enum Action {
        case stateChanged(from: ApplicationState, to: ApplicationState)
        case resume(CheckedContinuation<Void, Never>)
    }

    /// Begins; false if it was begun before.
    mutating func start(threads: Int) -> (isFirst: Bool, actions: [Action]) {
        guard state == .created else { return (false, []) }
        liveThreads = Set(0..<threads)
        return (true, change(to: .rebalancing))
    }

    mutating func threadIsReady(_ index: Int, _ isReady: Bool) -> [Action] {
        if isReady { readyThreads.insert(index) } else { readyThreads.remove(index) }
        switch state {
        case .rebalancing: return readyThreads == liveThreads ? change(to: .running) : []
        case .running: return readyThreads == liveThreads ? [] : change(to: .rebalancing)
        case .created, .pendingShutdown, .notRunning, .error: return []
        }
    }

    mutating func requestStop() -> [Action] {
        guard !isStopRequested else { return [] }
        isStopRequested = true
        switch state {
        case .rebalancing, .running: return change(to: .pendingShutdown)
        case .created, .pendingShutdown, .notRunning, .error: return []
        }
    }

    mutating func fail(_ error: any Error) -> [Action] {
        failure = failure ?? error
        return requestStop()
    }

    mutating func threadEnded(_ index: Int) -> [Action] {
        liveThreads.remove(index)
        readyThreads.remove(index)
        guard liveThreads.isEmpty else { return [] }
        return end()
    }

    /// Ends without threads, when the start itself failed.
    mutating func end() -> [Action] {
        var actions = change(to: failure == nil ? .notRunning : .error)
        hasFinished = true
        if let finished {
            self.finished = nil
            actions.append(.resume(finished))
        }
        return actions
    }

    /// Keeps who waits for the end; false if it has come already.
    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        guard !hasFinished else { return false }
        finished = continuation
        return true
    }

    private mutating func change(to next: ApplicationState) -> [Action] {
        guard state != next else { return [] }
        defer { state = next }
        return [.stateChanged(from: state, to: next)]
    }
}
