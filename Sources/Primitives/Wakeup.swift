import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A doorbell: one side rings when something changed, the other sleeps until it does.
///
/// A ring that comes while nobody sleeps is remembered once, so that no change is missed between looking and sleeping.
/// Ringing costs one atomic exchange while the sleeper is awake. A thread sleeps with `wait`, a task with
/// `waitAsynchronously`; one sleeper at a time.
public final class Wakeup: Sendable {
    private let isRung = Atomic<Bool>(false)
    private let condition = Condition()
    private let sleepingTask = Mutex<CheckedContinuation<Void, Never>?>(nil)

    /// Makes a doorbell that has not been rung.
    public init() {}

    /// Wakes the sleeper, or lets the next wait return at once.
    public func ring() {
        guard !isRung.exchange(true, ordering: .acquiringAndReleasing) else { return }
        condition.broadcast()
        let task = sleepingTask.withLock { sleeping in
            let task = sleeping
            sleeping = nil
            return task
        }
        task?.resume()
    }

    /// Sleeps until rung or until `timeout` has passed; returns whether it was rung. Blocks the calling thread.
    @discardableResult
    public func wait(for timeout: Duration) -> Bool {
        if isRung.exchange(false, ordering: .acquiringAndReleasing) { return true }
        condition.wait(for: timeout) { isRung.load(ordering: .acquiring) }
        return isRung.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// Suspends the calling task until rung or cancelled. For a time limit, ring from a timer or cancel the task.
    public func waitAsynchronously() async {
        if isRung.exchange(false, ordering: .acquiringAndReleasing) { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let mustWait = sleepingTask.withLock { sleeping in
                    if Task.isCancelled || isRung.load(ordering: .acquiring) { return false }
                    sleeping = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let task = sleepingTask.withLock { sleeping in
                let task = sleeping
                sleeping = nil
                return task
            }
            task?.resume()
        }
        _ = isRung.exchange(false, ordering: .acquiringAndReleasing)
    }
}

/// A mutex and a condition variable of the operating system, for threads that must sleep.
package final class Condition: @unchecked Sendable {
    // The two pthread objects are made once, never moved, and thread-safe by their nature.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let variable = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
        pthread_cond_init(variable, nil)
        #else
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(variable, &attributes)
        pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(variable)
        pthread_mutex_destroy(mutex)
        variable.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` under the mutex.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Wakes everyone who waits.
    package func broadcast() {
        withLock { _ = pthread_cond_broadcast(variable) }
    }

    /// Wakes up to `count` of those who wait.
    package func wake(_ count: Int) {
        withLock { for _ in 0..<count { pthread_cond_signal(variable) } }
    }

    /// Sleeps until `isFulfilled`, which is asked under the mutex, or until `timeout` has passed.
    package func wait(for timeout: Duration, until isFulfilled: () -> Bool) {
        var deadline = timespec()
        #if canImport(Darwin)
        clock_gettime(CLOCK_REALTIME, &deadline)
        #else
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        #endif
        let nanoseconds = max(0, min(timeout.wholeNanoseconds, 1_000_000_000_000_000)) + Int64(deadline.tv_nsec)
        deadline.tv_sec += Int(nanoseconds / 1_000_000_000)
        deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        withLock {
            while !isFulfilled() {
                if pthread_cond_timedwait(variable, mutex, &deadline) == ETIMEDOUT { return }
            }
        }
    }

    /// Sleeps until `isFulfilled`, which is asked under the mutex.
    package func wait(until isFulfilled: () -> Bool) {
        withLock {
            while !isFulfilled() { pthread_cond_wait(variable, mutex) }
        }
    }
}
