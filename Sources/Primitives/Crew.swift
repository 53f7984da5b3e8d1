import Synchronization

/// A few threads that help whoever has several waits for the disk before it, so that these go on side by side.
///
/// Its owner makes it and closes it, or its threads stay; any thread may ask for help. The threads start when help is first
/// asked for, and sleep between two pieces of work. Without threads everything runs on the caller, in order: so a
/// simulation is the same each time.
package final class Crew: Sendable {
    /// Parts that one caller has and waits for.
    private final class Work: Sendable {
        let count: Int
        let body: @Sendable (Int) -> Void
        private let next = Atomic<Int>(0)
        private let remaining: Atomic<Int>
        private let done = Condition()

        init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.count = count
            self.body = body
            remaining = Atomic(count)
        }

        var isHandedOut: Bool { next.load(ordering: .relaxed) >= count }

        /// Takes parts until there is none left.
        func join() {
            while true {
                let part = next.add(1, ordering: .relaxed).oldValue
                guard part < count else { return }
                body(part)
                if remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done.broadcast() }
            }
        }

        func wait() {
            done.wait { remaining.load(ordering: .acquiring) == 0 }
        }
    }

    private struct State {
        var open: [Work] = []
        var threads: [PlatformThread] = []
        var isClosed = false
    }

    private let name: String
    private let threadCount: Int
    private let state = Mutex(State())
    private let called = Condition()

    /// Makes a crew.
    ///
    /// - Parameter threadCount: how many threads help the caller; none for work in order.
    package init(name: String, threadCount: Int) {
        precondition(threadCount >= 0, "a crew cannot have \(threadCount) threads")
        self.name = name
        self.threadCount = threadCount
    }

    /// Calls `body` with every number from 0 up to `count`, several at a time, and returns when all calls have.
    package func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        guard count > 1, threadCount > 0 else {
            for part in 0..<max(count, 0) { body(part) }
            return
        }
        let work = Work(count, body)
        let isHelped = state.withLock { state in
            guard !state.isClosed else { return false }
            state.open.append(work)
            // As many as can be busy; those of earlier work may be still.
            while state.threads.count < min(threadCount, count - 1) {
                state.threads.append(PlatformThread.start(name: name) { [self] in help() })
            }
            return true
        }
        if isHelped { called.wake(count - 1) }
        work.join()
        if isHelped { state.withLock { state in state.open.removeAll { $0 === work } } }
        work.wait()
    }

    /// Calls `body` with every number from 0 up to `count`, several at a time, and returns what the calls have.
    package func collect<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) -> [Result] {
        let results = Results<Result>(count)
        run(count) { part in
            let result = body(part)
            results.found.withLock { $0[part] = result }
        }
        return results.found.withLock { found in found.compactMap(\.self) }
    }

    private final class Results<Result: Sendable>: Sendable {
        let found: Mutex<[Result?]>

        init(_ count: Int) { found = Mutex(Array(repeating: nil, count: count)) }
    }

    /// Ends the threads after the work under way. Later work runs on its caller.
    package func close() {
        let threads = state.withLock { state in
            state.isClosed = true
            defer { state.threads = [] }
            return state.threads
        }
        called.broadcast()
        for thread in threads { thread.join() }
    }

    private func help() {
        while true {
            var found: Work?
            var isClosed = false
            called.wait {
                (found, isClosed) = state.withLock { state in (state.open.first { !$0.isHandedOut }, state.isClosed) }
                return found != nil || isClosed
            }
            guard let found else { return }
            found.join()
        }
    }
}
