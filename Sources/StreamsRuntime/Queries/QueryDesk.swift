import MillraceLogClient
import MillracePrimitives
import Synchronization

/// Where questions wait for the threads whose tasks can answer them.
///
/// A query runs on the thread that owns the store, between two slices of its work, when no record is under way: it can see
/// nothing half done, the stores need no locks, and where nobody asks a thread pays for one atomic load a slice.
final class QueryDesk: Sendable {
    /// How many queries may wait.
    static let waitingMaximum = 10_000

    fileprivate struct State {
        var isOpen = false
        var threadCount = 0
        var lastNumber = 0
        /// The tasks of each thread that has set them up.
        var tasks: [Int: [TaskMetadata]] = [:]
        var owners: [TaskId: Int] = [:]
        /// The questions that each thread has not looked at yet.
        var inboxes: [Int: [QueryRequest]] = [:]
        /// The questions to tasks that no thread has now.
        var homeless: [QueryRequest] = []
        /// All that are not settled, by number.
        var open: [Int: QueryRequest] = [:]
        /// How far the changelogs of tasks were read that each thread is restoring.
        var restored: [Int: [TopicPartition: Int64]] = [:]
    }

    private let state = Mutex(State())
    /// How many questions there are at all, for a look without the lock.
    private let count = Atomic<Int>(0)

    /// Begins to take questions.
    func open(threadCount: Int) {
        state.withLock {
            $0.isOpen = true
            $0.threadCount = threadCount
        }
    }

    /// Ends; whatever waits fails.
    func close() {
        let left = state.withLock { state in
            defer { state = State() }
            count.store(0, ordering: .releasing)
            return state.open.values.sorted { $0.number < $1.number }
        }
        for request in left { _ = request.settle(as: .notRunning) }
    }

    func nextNumber() -> Int {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }

    // The askers' side

    /// Takes a question, to be posted at once or later; false if it was refused.
    func admit(_ request: QueryRequest) -> Bool {
        let refusal = state.withLock { state -> QueryError? in
            guard state.isOpen else { return .notRunning }
            guard state.open.count < Self.waitingMaximum else { return .tooManyWaiting(state.open.count) }
            state.open[request.number] = request
            count.store(state.open.count, ordering: .releasing)
            return nil
        }
        if let refusal { _ = request.settle(as: refusal) }
        return refusal == nil
    }

    /// Hands a question that was admitted to the thread that has its task; returns the thread, to be woken.
    func post(_ request: QueryRequest) -> Int? {
        let (thread, refusal) = state.withLock { state -> (Int?, QueryError?) in
            guard state.isOpen else { return (nil, .notRunning) }
            guard let owner = state.owner(of: request.task) else {
                if state.isSettled { return (nil, Self.elsewhere(request)) }
                state.homeless.append(request)
                return (nil, nil)
            }
            request.obstacle = .timedOut(store: request.store, partition: request.task.partition)
            state.inboxes[owner, default: []].append(request)
            return (owner, nil)
        }
        if let refusal { fail(request, refusal) }
        return thread
    }

    /// Gives a question up whose asker was cancelled, unless it is being answered.
    func cancel(_ number: Int) {
        guard let request = state.withLock({ $0.open[number] }) else { return }
        fail(request, .cancelled)
    }

    /// Gives a question up.
    func fail(_ request: QueryRequest, _ error: QueryError) {
        if request.settle(as: error) { forget(request) }
    }

    /// Gives up the questions whose time was over by then, wherever they wait.
    func expire(deadline: Int64) {
        let late = state.withLock { state in
            let late = state.open.values.filter { $0.deadline <= deadline }
            if !late.isEmpty { state.homeless.removeAll { $0.deadline <= deadline } }
            return late
        }
        for request in late { fail(request, request.obstacle) }
    }

    private func forget(_ request: QueryRequest) {
        state.withLock { state in
            state.open[request.number] = nil
            count.store(state.open.count, ordering: .releasing)
        }
    }

    private static func elsewhere(_ request: QueryRequest) -> QueryError {
        .partitionNotHere(store: request.store, partition: request.task.partition)
    }

    // The threads' side

    /// Whether anybody asks anything.
    var isIdle: Bool { count.load(ordering: .acquiring) == 0 }

    /// A thread has set up these tasks, and those only.
    func assign(_ tasks: [TaskMetadata], to thread: Int) {
        let stranded = state.withLock { state -> [QueryRequest] in
            state.give(tasks, to: thread)
            let homeless = state.homeless
            state.homeless = []
            for request in homeless {
                if let owner = state.owner(of: request.task) {
                    request.obstacle = .timedOut(store: request.store, partition: request.task.partition)
                    state.inboxes[owner, default: []].append(request)
                } else {
                    state.homeless.append(request)
                }
            }
            guard state.isSettled else { return [] }
            defer { state.homeless = [] }
            return state.homeless
        }
        for request in stranded { fail(request, Self.elsewhere(request)) }
    }

    /// A thread has let go of its tasks; their questions wait for the next owner.
    ///
    /// - Parameter waiting: those that it had taken already.
    func release(_ thread: Int, _ waiting: [QueryRequest]) {
        state.withLock { state in
            state.give(nil, to: thread)
            for request in waiting + (state.inboxes.removeValue(forKey: thread) ?? []) where !request.isSettled {
                request.obstacle = .restoring(store: request.store, partition: request.task.partition)
                state.homeless.append(request)
            }
        }
    }

    /// The questions that have come for a thread since it asked last.
    func collect(for thread: Int) -> [QueryRequest] {
        state.withLock { $0.inboxes.removeValue(forKey: thread) ?? [] }
    }

    /// Answers a question.
    func answer(_ request: QueryRequest, with store: any TaskStore) {
        if request.settle(with: store) { forget(request) }
    }

    /// A thread is reading a changelog: this is where its store has got to.
    func restored(_ changelog: TopicPartition, upTo position: Int64, by thread: Int) {
        state.withLock { $0.restored[thread, default: [:]][changelog] = position }
    }

    // What there is

    /// The tasks of each thread that has any.
    var tasks: [Int: [TaskMetadata]] { state.withLock { $0.tasks } }

    /// How far the changelogs of tasks that are being restored were read.
    var restoredPositions: [TopicPartition: Int64] {
        state.withLock { $0.restored.values.reduce(into: [:]) { $0.merge($1) { max($0, $1) } } }
    }
}

extension QueryDesk.State {
    /// Whether all threads have set up what was assigned to them.
    fileprivate var isSettled: Bool { tasks.count == threadCount }

    /// The thread that can answer for a task. The copies of global stores are the same on every thread; one is asked as
    /// long as it is there, so that what is read goes on in time.
    fileprivate func owner(of task: TaskId) -> Int? { task == .global ? tasks.keys.min() : owners[task] }

    fileprivate mutating func give(_ newTasks: [TaskMetadata]?, to thread: Int) {
        owners = owners.filter { $0.value != thread }
        tasks[thread] = newTasks
        restored[thread] = nil
        for task in newTasks ?? [] { owners[task.id] = thread }
    }
}
