import MillracePrimitives
import Synchronization
import Testing

/// Waits here have a limit only so that a bug fails a test instead of hanging it.
private let forever = Duration.seconds(60)

@Suite("Threads and doorbells")
struct ThreadTests {
    @Test("join returns when the thread's function has, with all it did visible")
    func join() {
        let count = Shared(0)
        let threads = (0..<4).map { number in
            PlatformThread.start(name: "adder-\(number)") {
                for _ in 0..<1_000 { count.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(count.withLock { $0 } == 4_000)
        for thread in threads { thread.join() }
    }

    @Test("a ring before the wait is remembered, once")
    func ringBeforeWait() {
        let wakeup = Wakeup()
        wakeup.ring()
        wakeup.ring()
        #expect(wakeup.wait(for: forever))
        #expect(!wakeup.wait(for: .zero))
    }

    @Test("no ring is lost between looking and sleeping")
    func noLostRing() {
        // Each side sleeps until the other has counted up; a lost ring would let both sleep for ever.
        let (ping, pong) = (Wakeup(), Wakeup())
        let count = Shared(0)
        let rounds = 5_000
        let other = PlatformThread.start(name: "pong") {
            for _ in 0..<rounds {
                guard ping.wait(for: forever) else { return }
                count.withLock { $0 += 1 }
                pong.ring()
            }
        }
        for round in 1...rounds {
            ping.ring()
            guard pong.wait(for: forever) else {
                Issue.record("a ring was lost in round \(round)")
                break
            }
        }
        other.join()
        #expect(count.withLock { $0 } == rounds)
    }

    @Test("no ring is lost between looking and suspending")
    func noLostAsynchronousRing() async {
        let (ping, pong) = (Wakeup(), Wakeup())
        let rounds = 2_000
        let other = PlatformThread.start(name: "pong") {
            for _ in 0..<rounds {
                guard ping.wait(for: forever) else { return }
                pong.ring()
            }
        }
        for _ in 0..<rounds {
            ping.ring()
            await pong.waitAsynchronously()
        }
        // Every wait needed a ring of its own, so that the other side is through, too.
        await Task.detached { other.join() }.value
    }

    @Test("a cancelled task does not wait")
    func cancelledWait() async {
        let wakeup = Wakeup()
        let task = Task { await wakeup.waitAsynchronously() }
        task.cancel()
        await task.value
    }
}

@Suite("The pool for blocking work")
struct BlockingPoolTests {
    @Test("a job's result and its error come back to the task")
    func results() async {
        struct Failure: Error, Equatable {}
        let pool = BlockingPool(name: "pool")
        let value = await pool.run { 41 + 1 }
        #expect(value == 42)
        await #expect(throws: Failure()) {
            try await pool.run { () throws(Failure) -> Int in throw Failure() }
        }
        pool.close()
    }

    @Test("with one thread, jobs run in the order in which they came")
    func order() {
        let pool = BlockingPool(name: "pool", threadCount: 1)
        let seen = Shared<[Int]>([])
        for number in 0..<1_000 { pool.submit { seen.withLock { $0.append(number) } } }
        pool.close()
        #expect(seen.withLock { $0 } == Array(0..<1_000))
    }

    @Test("close finishes what was queued before, and a job that comes later runs at once", arguments: 1...4)
    func close(threadCount: Int) {
        let pool = BlockingPool(name: "pool", threadCount: threadCount)
        let count = Shared(0)
        for _ in 0..<500 { pool.submit { count.withLock { $0 += 1 } } }
        pool.close()
        #expect(count.withLock { $0 } == 500)
        pool.submit { count.withLock { $0 += 1 } }
        #expect(count.withLock { $0 } == 501)
        pool.close()
    }

    @Test("a queue that is never empty lets go of the jobs that are done")
    func doneJobsAreReleased() {
        final class Load: Sendable {}
        struct WeakLoad: Sendable {
            weak let load: Load?
        }
        let pool = BlockingPool(name: "pool", threadCount: 1)
        let allAreQueued = Wakeup()
        let loads = Shared<[WeakLoad]>([])
        let alive = Shared(Int.max)
        pool.submit { allAreQueued.wait(for: forever) }
        for number in 0..<1_000 {
            let load = Load()
            loads.withLock { $0.append(WeakLoad(load: load)) }
            pool.submit {
                withExtendedLifetime(load) {
                    if number != 900 { return }
                    let count = loads.withLock { $0.count { $0.load != nil } }
                    alive.withLock { $0 = count }
                }
            }
        }
        allAreQueued.ring()
        pool.close()
        #expect(alive.withLock { $0 } < 600, "of 1000 jobs, 900 were done")
    }

    @Test("jobs that come while others run are all done")
    func manySubmitters() {
        let pool = BlockingPool(name: "pool", threadCount: 2)
        let count = Shared(0)
        let submitters = (0..<4).map { number in
            PlatformThread.start(name: "submitter-\(number)") {
                for _ in 0..<1_000 { pool.submit { count.withLock { $0 += 1 } } }
            }
        }
        for submitter in submitters { submitter.join() }
        pool.close()
        #expect(count.withLock { $0 } == 4_000)
    }
}

/// A value that threads share.
private final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        value.withLock { body(&$0) }
    }
}
