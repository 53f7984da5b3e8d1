import DequeModule
import MillraceLogClient
import MillracePrimitives

/// The questions that a stream thread has taken, and its way to answer them without stopping its work for long: it spends
/// a bounded time on them between two slices of work, and goes on after the next slice.
///
/// Owned by the thread.
struct ThreadQueries {
    /// How long a thread may answer at a time, in nanoseconds: between two slices of its work.
    static let timeMaximum: Int64 = 500_000
    /// The same right after a commit, the only time for reads of committed rows while the thread is busy.
    static let timeMaximumAfterCommit: Int64 = 5_000_000

    private let thread: Int
    private let desk: QueryDesk
    private let time: any TimeSource
    private var waiting: Deque<QueryRequest> = []
    private var isCutShort = false

    init(thread: Int, desk: QueryDesk, time: any TimeSource) {
        self.thread = thread
        self.desk = desk
        self.time = time
    }

    /// Whether anybody asks anything.
    var isAsked: Bool { !desk.isIdle }

    /// Whether something is left that can be gone on with at once.
    var hasMore: Bool { isCutShort && isAsked }

    /// What a thread's tasks say about a question.
    enum Readiness {
        case ready(any TaskStore)
        /// The store is there, but has not what the question waits for.
        case notYet(any TaskStore, QueryError)
        case failed(QueryError)
    }

    /// Works on the questions that can be answered, for a time; to be called while anybody asks. No record is under way.
    ///
    /// - Parameter isAfterCommit: whether nothing is there that is not committed.
    mutating func answer(isAfterCommit: Bool, _ readiness: (QueryRequest) -> Readiness) {
        isCutShort = false
        waiting.append(contentsOf: desk.collect(for: thread))
        guard !waiting.isEmpty else { return }
        let start = time.monotonicNanoseconds
        let end = start + (isAfterCommit ? Self.timeMaximumAfterCommit : Self.timeMaximum)
        var now = start
        for _ in 0..<waiting.count {
            guard now < end, let request = waiting.popFirst() else {
                isCutShort = true
                return
            }
            if !request.isSettled { work(on: request, &now, until: end, readiness) }
            now = time.monotonicNanoseconds
        }
    }

    private mutating func work(
        on request: QueryRequest,
        _ now: inout Int64,
        until end: Int64,
        _ readiness: (QueryRequest) -> Readiness
    ) {
        let readiness = readiness(request)
        let (store, obstacle): (any TaskStore, QueryError?)
        switch readiness {
        case .failed(let error): return desk.fail(request, error)
        case .ready(let found): (store, obstacle) = (found, nil)
        case .notYet(let found, let reason): (store, obstacle) = (found, reason)
        }
        if let obstacle { request.obstacle = obstacle }
        var isPrepared = request.prepare(store)
        while !isPrepared, now < end {
            isPrepared = request.prepare(store)
            now = time.monotonicNanoseconds
        }
        if isPrepared, obstacle == nil { return desk.answer(request, with: store) }
        if request.deadline <= now {
            let timedOut = QueryError.timedOut(store: request.store, partition: request.task.partition)
            return desk.fail(request, obstacle ?? timedOut)
        }
        if !isPrepared { isCutShort = true }
        waiting.append(request)
    }

    /// Gives back what waits, as the thread lets go of its tasks.
    mutating func release() {
        desk.release(thread, Array(waiting))
        waiting.removeAll()
        isCutShort = false
    }
}
