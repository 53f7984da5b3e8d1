import MillracePrimitives
import Synchronization

/// Where the asynchronous calls of drivers' topologies run: on a thread of its own, because a driver waits for each of
/// them on a thread of Swift's pool, which tests that run side by side could otherwise use up.
final class CallExecutor: TaskExecutor {
    /// One for the whole process; tasks refer to their executor without owning it.
    static let shared = CallExecutor()

    private let jobs = Mutex<[UnownedJob]>([])
    private let condition = Condition()

    private init() {
        _ = PlatformThread.start(name: "test-calls") { [self] in work() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        condition.broadcast()
    }

    private func work() -> Never {
        while true {
            condition.wait { jobs.withLock { !$0.isEmpty } }
            let batch = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in batch { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }
}
