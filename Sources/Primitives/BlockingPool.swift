import Synchronization

/// A few threads that run blocking work for asynchronous callers.
///
/// `async` functions hand file calls over to it, so that the cooperative pool never blocks. Jobs start in the order
/// in which they came; with more than one thread they may overlap.
package final class BlockingPool: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var head = 0
        var isClosed = false
    }

    private let queue = Mutex(Queue())
    private let available = Condition()
    private let threads: Mutex<[PlatformThread]>

    /// Starts `threadCount` threads.
    package init(name: String, threadCount: Int = 2) {
        threads = Mutex([])
        let started = (0..<threadCount).map { number in
            PlatformThread.start(name: "\(name)-\(number)") { [self] in work() }
        }
        threads.withLock { $0 = started }
    }

    /// Queues a job; after `close` it runs on the caller's thread instead, so that nothing is lost.
    package func submit(_ job: @escaping @Sendable () -> Void) {
        let accepted = queue.withLock { queue in
            guard !queue.isClosed else { return false }
            queue.jobs.append(job)
            return true
        }
        if accepted { available.broadcast() } else { job() }
    }

    /// Runs `body` on one of the threads and returns its result.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = await withCheckedContinuation { continuation in
            submit {
                do throws(Failure) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    /// Finishes the queued jobs and ends the threads. A thread of the pool that calls it is not waited for.
    package func close() {
        finish()
        let running = threads.withLock { threads in
            let running = threads
            threads = []
            return running
        }
        for thread in running { thread.join() }
    }

    /// Lets the threads end once the queued jobs are done, and returns at once.
    package func finish() {
        queue.withLock { $0.isClosed = true }
        available.broadcast()
    }

    private func work() {
        while true {
            available.wait {
                queue.withLock { $0.head < $0.jobs.count || $0.isClosed }
            }
            let job: (@Sendable () -> Void)? = queue.withLock { queue in
                guard queue.head < queue.jobs.count else { return nil }
                let job = queue.jobs[queue.head]
                queue.head += 1
                // A queue that is never empty must not keep the jobs that are done: their half is cut off when it is long.
                if queue.head == queue.jobs.count || queue.head >= 64 && queue.head * 2 >= queue.jobs.count {
                    queue.jobs.removeFirst(queue.head)
                    queue.head = 0
                }
                return job
            }
            if let job {
                job()
            } else if queue.withLock({ $0.isClosed }) {
                return
            }
        }
    }
}
