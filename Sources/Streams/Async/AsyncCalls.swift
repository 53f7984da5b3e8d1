import DequeModule
import MillracePrimitives
import MillraceStreamsRuntime
import Synchronization

/// The asynchronous calls of one operator in one task: started as records come, at most so many side by side; results
/// are passed on by the task's own thread, in the order that was asked for.
///
/// Exactly once: a commit waits for the calls under way, so that the positions committed are those of records whose
/// results are in the same transaction. A crash repeats the calls since the last commit; their results are seen once.
final class AsyncCalls<Key: Sendable, Value: Sendable, NewKey: Sendable, NewValue: Sendable>:
    CommitParticipant, TickParticipant, LifecycleParticipant
{
    typealias Input = (key: Key, value: Value)
    typealias Output = (NewKey, NewValue)

    /// A record whose call is under way or waits for its turn.
    private struct Pending {
        let input: Input
        let record: RecordCopy
        let identity: AnyHashable?
        var call: Task<Void, Never>?
    }

    let name: String
    private let concurrency: Int
    private let order: AsyncOrder<Key>
    private let call: AsyncCall<Input, Output>
    /// Owns this part.
    private unowned let context: TaskContext
    private let guarded: OperatorGuard
    private let next: Out<NewKey, NewValue>
    private let arrivals = Arrivals<Output>()

    private var pending: [Int: Pending] = [:]
    private var nextNumber = 0
    /// What is passed on next, in the order of the partition; unused with an order per key.
    private var nextToPassOn = 0
    /// Results that wait for those before them.
    private var results: [Int: Result<Output, any Error>] = [:]
    /// With an order per key: the records of each key under way, the first of which is being called for.
    private var lines: [AnyHashable: Deque<Int>] = [:]

    init(
        name: String,
        concurrency: Int,
        order: AsyncOrder<Key>,
        call: AsyncCall<Input, Output>,
        in context: TaskContext,
        next: Out<NewKey, NewValue>
    ) {
        self.name = name
        self.concurrency = concurrency
        self.order = order
        self.call = call
        self.context = context
        guarded = context.guarded(name)
        self.next = next
    }

    deinit { cancel() }

    /// Takes a record; waits while as many as allowed are under way.
    func push(_ key: Key, _ value: Value, _ timestamp: Int64) throws {
        try passOnArrived()
        while pending.count >= concurrency {
            context.record.pointee.isSliceOver = true
            try waitForOne()
        }
        let number = nextNumber
        nextNumber += 1
        let identity = order.identity?(key)
        pending[number] = Pending(
            input: (key, value),
            record: context.copyRecord(timestamp: timestamp),
            identity: identity,
            call: nil
        )
        if let identity {
            lines[identity, default: []].append(number)
            if lines[identity]?.count == 1 { start(number) }
        } else {
            start(number)
        }
        // In a test every call ends before the next begins, so that each run is the same.
        if context.host.callExecutor != nil { try prepareCommit() }
    }

    // The task's thread calls these between records.

    func prepareCommit() throws {
        while !pending.isEmpty { try waitForOne() }
    }

    var nextTickMs: Int64 { arrivals.isEmpty ? Int64.max : 0 }

    func tick(wallClockMs: Int64) throws { try passOnArrived() }

    func start() throws {}

    func stop() { cancel() }

    private func cancel() {
        for pending in pending.values { pending.call?.cancel() }
        pending = [:]
    }

    private func start(_ number: Int) {
        guard let input = pending[number]?.input else { return }
        pending[number]?.call = call.start(input, on: context.host.callExecutor) {
            [arrivals, wake = context.host.wake] result in
            arrivals.add(number, result)
            wake()
        }
    }

    private func waitForOne() throws {
        arrivals.wait()
        try passOnArrived()
    }

    private func passOnArrived() throws {
        for (number, result) in arrivals.take() {
            guard let arrived = pending[number] else { continue }
            guard let identity = arrived.identity else {
                results[number] = result
                continue
            }
            try passOn(number, result)
            lines[identity]?.removeFirst()
            if let following = lines[identity]?.first { start(following) } else { lines[identity] = nil }
        }
        while let result = results.removeValue(forKey: nextToPassOn) {
            let number = nextToPassOn
            nextToPassOn += 1
            try passOn(number, result)
        }
    }

    /// Passes a result on as if its record were under way now.
    private func passOn(_ number: Int, _ first: Result<Output, any Error>) throws {
        guard let finished = pending.removeValue(forKey: number) else { return }
        try context.withRecord(finished.record) {
            var isFirst = true
            let output = try guarded.attempt {
                defer { isFirst = false }
                return isFirst ? try first.get() : try callAgain(finished.input)
            }
            guard let (key, value) = output else { return }
            try next.push(key, value, finished.record.timestamp)
        }
    }

    /// One more call because the application's policy says so, with everything else waiting.
    private func callAgain(_ input: Input) throws -> Output {
        let answer = Arrivals<Output>()
        let task = call.start(input, on: context.host.callExecutor) { answer.add(0, $0) }
        defer { task.cancel() }
        while true {
            answer.wait()
            if let (_, result) = answer.take().first { return try result.get() }
        }
    }
}

/// Results on their way from the threads of asynchronous calls to a task's own.
private final class Arrivals<Output: Sendable>: Sendable {
    private let condition = Condition()
    private let results = Mutex<[(number: Int, result: Result<Output, any Error>)]>([])
    private let count = Atomic<Int>(0)

    var isEmpty: Bool { count.load(ordering: .acquiring) == 0 }

    func add(_ number: Int, _ result: Result<Output, any Error>) {
        results.withLock { $0.append((number, result)) }
        count.add(1, ordering: .releasing)
        condition.broadcast()
    }

    /// Waits until there is a result.
    func wait() { condition.wait { !isEmpty } }

    func take() -> [(number: Int, result: Result<Output, any Error>)] {
        guard !isEmpty else { return [] }
        return results.withLock { results in
            defer { results = [] }
            count.subtract(results.count, ordering: .relaxed)
            return results
        }
    }
}
