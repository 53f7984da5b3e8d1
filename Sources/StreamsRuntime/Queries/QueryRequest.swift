import MillraceLogClient
import MillracePrimitives
import Synchronization

/// A question to one partition of a store.
///
/// Whoever settles it first (the thread that answers, the end of its time, a cancellation, the end of the application) is
/// the only one to call back.
final class QueryRequest: Sendable {
    let number: Int
    let task: TaskId
    let store: String
    let isolation: QueryIsolation
    /// When it is given up, by the monotonic clock, in nanoseconds.
    let deadline: Int64
    /// Does a little of what must be done before it can be answered; whether nothing is left to do.
    let prepare: @Sendable (any TaskStore) -> Bool
    private let answer: @Sendable (any TaskStore) -> Void
    private let refuse: @Sendable (QueryError) -> Void
    private let isClosed = Atomic<Bool>(false)
    private let waiting: Mutex<Waiting>

    /// What it waits for.
    private struct Waiting {
        /// The task's inputs, and the position that each must have reached.
        var positions: [TopicPartition: Int64]
        /// Why there is no answer yet.
        var obstacle: QueryError
    }

    /// - Parameters:
    ///   - answer: called on the task's thread.
    ///   - refuse: called instead, on any thread.
    init(
        number: Int,
        task: TaskId,
        store: String,
        isolation: QueryIsolation,
        positions: [TopicPartition: Int64],
        deadline: Int64,
        prepare: @escaping @Sendable (any TaskStore) -> Bool,
        answer: @escaping @Sendable (any TaskStore) -> Void,
        refuse: @escaping @Sendable (QueryError) -> Void
    ) {
        self.number = number
        self.task = task
        self.store = store
        self.isolation = isolation
        self.deadline = deadline
        self.prepare = prepare
        self.answer = answer
        self.refuse = refuse
        waiting = Mutex(
            Waiting(positions: positions, obstacle: .restoring(store: store, partition: task.partition))
        )
    }

    /// The positions that the task's inputs must have reached.
    var positions: [TopicPartition: Int64] {
        get { waiting.withLock { $0.positions } }
        set { waiting.withLock { $0.positions = newValue } }
    }

    /// Why there is no answer yet: what it fails with when its time is over.
    var obstacle: QueryError {
        get { waiting.withLock { $0.obstacle } }
        set { waiting.withLock { $0.obstacle = newValue } }
    }

    /// Whether it has had its answer, or will have none.
    var isSettled: Bool { isClosed.load(ordering: .acquiring) }

    /// Answers it, unless it is settled; whether it was not.
    func settle(with store: any TaskStore) -> Bool {
        guard close() else { return false }
        answer(store)
        return true
    }

    /// Gives it up, unless it is settled; whether it was not.
    func settle(as error: QueryError) -> Bool {
        guard close() else { return false }
        refuse(error)
        return true
    }

    private func close() -> Bool { !isClosed.exchange(true, ordering: .acquiringAndReleasing) }
}
