import MillraceLogClient
import MillracePrimitives
import Synchronization

/// Watches over questions that no thread can answer yet: gives up those whose time is over, wherever they wait, and follows
/// what the group commits for those whose bound lies before a repartition topic.
///
/// It has a thread of its own, from the first question on.
final class QueryWatch: Sendable {
    /// How often it looks for questions whose time is over.
    private static let interval = Duration.milliseconds(50)
    /// How long after its time a question is left to the thread that has it, which knows best why there is no answer.
    private static let graceNanoseconds: Int64 = 100_000_000
    /// How often it looks for commits of other instances; those of this one ring.
    private static let commitInterval = Duration.milliseconds(5)

    private struct Upstream {
        var request: QueryRequest
        var bound: UpstreamBound
    }

    private struct State {
        var thread: PlatformThread?
        var isClosed = false
        var upstream: [Upstream] = []
    }

    private let groupId: String
    private let backend: any LogBackend
    private let desk: QueryDesk
    /// Wakes a stream thread.
    private let wake: @Sendable (Int) -> Void
    private let state = Mutex(State())
    private let bell = Condition()
    private let isRung = Atomic<Bool>(false)
    /// Whether somebody waits for commits, for a look without the lock.
    private let followsCommits = Atomic<Bool>(false)

    init(groupId: String, backend: any LogBackend, desk: QueryDesk, wake: @escaping @Sendable (Int) -> Void) {
        self.groupId = groupId
        self.backend = backend
        self.desk = desk
        self.wake = wake
    }

    /// Begins to watch, unless it does already.
    func start() {
        state.withLock { state in
            guard state.thread == nil, !state.isClosed else { return }
            state.thread = PlatformThread.start(name: "streams-queries") { [self] in work() }
        }
    }

    /// Ends; the thread goes soon.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.upstream = []
        }
        ring()
    }

    /// Posts a question that was admitted as soon as its bound is reached upstream.
    func follow(_ request: QueryRequest, _ bound: UpstreamBound) {
        state.withLock { state in
            state.upstream.append(Upstream(request: request, bound: bound))
            followsCommits.store(true, ordering: .releasing)
        }
        ring()
    }

    /// A thread of this instance has committed.
    func didCommit() {
        if followsCommits.load(ordering: .acquiring) { ring() }
    }

    private func ring() {
        isRung.store(true, ordering: .releasing)
        bell.broadcast()
    }

    private func work() {
        var admin: (any AdminConnection)?
        while true {
            let interval = followsCommits.load(ordering: .acquiring) ? Self.commitInterval : Self.interval
            bell.wait(for: interval) { isRung.load(ordering: .acquiring) }
            isRung.store(false, ordering: .releasing)
            if state.withLock({ $0.isClosed }) { return }
            if !desk.isIdle { desk.expire(deadline: backend.time.monotonicNanoseconds - Self.graceNanoseconds) }
            followCommits(&admin)
        }
    }

    private func followCommits(_ admin: inout (any AdminConnection)?) {
        let waiting = state.withLock { state in
            defer { state.upstream = [] }
            return state.upstream.filter { !$0.request.isSettled }
        }
        var left: [Upstream] = []
        if !waiting.isEmpty {
            do throws(ClientError) {
                let connection: any AdminConnection
                if let admin { connection = admin } else { connection = try backend.connectAdmin() }
                admin = connection
                // The ends are asked for after the commits, so that what was committed lies before them.
                let committed = try connection.committedOffsets(of: groupId)
                for var upstream in waiting {
                    if try !isReached(&upstream, committed, connection) { left.append(upstream) }
                }
            } catch {
                for upstream in waiting { desk.fail(upstream.request, .log(error)) }
            }
        }
        state.withLock { state in
            if !state.isClosed { state.upstream += left }
            followsCommits.store(!state.upstream.isEmpty, ordering: .releasing)
        }
    }

    /// Whether nothing more is to be waited for upstream; then the question goes to its thread.
    private func isReached(
        _ upstream: inout Upstream,
        _ committed: [TopicPartition: CommittedOffset],
        _ admin: any AdminConnection
    ) throws(ClientError) -> Bool {
        let request = upstream.request
        let missing = try upstream.bound.advance(committed) { (topic) throws(ClientError) in
            var ends: [TopicPartition: Int64] = [:]
            for number in 0..<(try admin.describeTopic(topic)?.partitionCount ?? 0) {
                let partition = TopicPartition(topic, number)
                ends[partition] = try admin.offsetRange(of: partition, isolation: .readUncommitted).upperBound
            }
            return ends
        }
        if let missing {
            request.obstacle = .notUpToBound(
                store: request.store,
                partition: request.task.partition,
                of: missing.input,
                before: missing.position
            )
            return false
        }
        request.positions = upstream.bound.ownPositions
        request.obstacle = .restoring(store: request.store, partition: request.task.partition)
        if let thread = desk.post(request) { wake(thread) }
        return true
    }
}
