import MillraceLogClient
import MillracePrimitives
import Synchronization

/// A question to one partition of a store.
struct QueryRequest: Sendable {
    let number: Int
    let task: TaskId
    let store: String
    let isolation: QueryIsolation
    let bound: [TopicPartition: Int64]
    /// When it is given up, by the monotonic clock, in nanoseconds.
    let deadline: Int64
    /// Called once, on the task's thread.
    let answer: @Sendable (any TaskStore) -> Void
    /// Called once, instead.
    let fail: @Sendable (QueryError) -> Void
}

/// Where questions wait for the threads whose tasks can answer them.
///
/// A query runs on the thread that owns the store, between two slices of its work, when no record is under way: it can see
/// nothing half done, the stores need no locks, and where nobody asks a thread pays for one atomic load a slice.
final class QueryDesk: Sendable {
    /// How many queries may wait.
    static let waitingMaximum = 10_000

    private struct State {
        var isOpen = false
        var threadCount = 0
        var lastNumber = 0
        var owners: [TaskId: Int] = [:]
        var settledThreads: Set<Int> = []
        /// The questions to each thread.
        var waiting: [Int: [QueryRequest]] = [:]
        /// The questions to tasks that no thread has now.
        var homeless: [QueryRequest] = []
        var count = 0
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
            defer {
                state.isOpen = false
                state.waiting = [:]
                state.homeless = []
                state.count = 0
                count.store(0, ordering: .relaxed)
            }
            return state.waiting.values.flatMap { $0 } + state.homeless
        }
        for request in left { request.fail(.notRunning) }
    }

    func nextNumber() -> Int {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }

    /// Takes a question; returns the thread to be woken.
    func post(_ request: QueryRequest) -> Int? {
        let (thread, refusal) = state.withLock { state -> (Int?, QueryError?) in
            guard state.isOpen else { return (nil, .notRunning) }
            guard state.count < Self.waitingMaximum else { return (nil, .tooManyWaiting(state.count)) }
            let owner = state.owners[request.task]
            if owner == nil, state.settledThreads.count == state.threadCount {
                return (nil, .partitionNotHere(store: request.store, partition: request.task.partition))
            }
            if let owner { state.waiting[owner, default: []].append(request) } else { state.homeless.append(request) }
            recount(&state, 1)
            return (owner, nil)
        }
        if let refusal { request.fail(refusal) }
        return thread
    }

    /// Gives a question up whose asker was cancelled, unless it is being answered.
    func cancel(_ number: Int) {
        let found = state.withLock { state -> QueryRequest? in
            if let index = state.homeless.firstIndex(where: { $0.number == number }) {
                recount(&state, -1)
                return state.homeless.remove(at: index)
            }
            for thread in state.waiting.keys {
                if let index = state.waiting[thread]?.firstIndex(where: { $0.number == number }) {
                    recount(&state, -1)
                    return state.waiting[thread]?.remove(at: index)
                }
            }
            return nil
        }
        found?.fail(.cancelled)
    }

    // The threads' side

    /// Whether anybody asks anything.
    var isIdle: Bool { count.load(ordering: .acquiring) == 0 }

    /// A thread has set up these tasks, and those only.
    func assign(_ tasks: [TaskId], to thread: Int) {
        let stranded = state.withLock { state -> [QueryRequest] in
            state.owners = state.owners.filter { $0.value != thread }
            for task in tasks { state.owners[task] = thread }
            state.settledThreads.insert(thread)
            var left: [QueryRequest] = []
            for request in state.homeless {
                if let owner = state.owners[request.task] {
                    state.waiting[owner, default: []].append(request)
                } else {
                    left.append(request)
                }
            }
            guard state.settledThreads.count == state.threadCount else {
                state.homeless = left
                return []
            }
            state.homeless = []
            recount(&state, -left.count)
            return left
        }
        for request in stranded {
            request.fail(.partitionNotHere(store: request.store, partition: request.task.partition))
        }
    }

    /// A thread has let go of its tasks; their questions wait for the next owner.
    func release(_ thread: Int) {
        state.withLock { state in
            state.owners = state.owners.filter { $0.value != thread }
            state.settledThreads.remove(thread)
            state.homeless += state.waiting.removeValue(forKey: thread) ?? []
        }
    }

    /// What a thread finds out about a question.
    enum Readiness {
        case ready
        case notYet
        case failed(QueryError)
    }

    /// Takes some of a thread's questions that can be answered now, and gives up those that have waited too long, also
    /// for other threads.
    func take(
        for thread: Int,
        now: Int64,
        maximumCount: Int,
        _ readiness: (QueryRequest) -> Readiness
    ) -> (ready: [QueryRequest], hasMore: Bool) {
        var ready: [QueryRequest] = []
        var failed: [(QueryRequest, QueryError)] = []
        var hasMore = false
        state.withLock { state in
            var left: [QueryRequest] = []
            for request in state.waiting[thread] ?? [] {
                switch readiness(request) {
                case .ready where ready.count < maximumCount: ready.append(request)
                case .ready:
                    hasMore = true
                    left.append(request)
                case .failed(let error): failed.append((request, error))
                case .notYet where request.deadline <= now: failed.append((request, Self.timedOut(request)))
                case .notYet: left.append(request)
                }
            }
            state.waiting[thread] = left
            let late = state.homeless.filter { $0.deadline <= now }
            if !late.isEmpty {
                failed += late.map { ($0, Self.timedOut($0)) }
                state.homeless.removeAll { $0.deadline <= now }
            }
            recount(&state, -ready.count - failed.count)
        }
        for (request, error) in failed { request.fail(error) }
        return (ready, hasMore)
    }

    private static func timedOut(_ request: QueryRequest) -> QueryError {
        .timedOut(store: request.store, partition: request.task.partition)
    }

    private func recount(_ state: inout State, _ difference: Int) {
        state.count += difference
        count.store(state.count, ordering: .releasing)
    }
}
