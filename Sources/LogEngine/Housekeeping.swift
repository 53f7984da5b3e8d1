import MillracePrimitives
import Synchronization

/// A thread that calls a function at intervals until it is stopped.
final class Housekeeping: Sendable {
    private let interval: Duration
    private let bell = Wakeup()
    private let isStopped = Atomic<Bool>(false)
    private let thread = Mutex<PlatformThread?>(nil)

    init(every interval: Duration) {
        self.interval = interval
    }

    func start(_ work: @escaping @Sendable () -> Void) {
        let started = PlatformThread.start(name: "broker-house") { [self] in
            while !isStopped.load(ordering: .acquiring) {
                bell.wait(for: interval)
                if !isStopped.load(ordering: .acquiring) { work() }
            }
        }
        thread.withLock { $0 = started }
    }

    /// Stops and waits for a call that is under way.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        bell.ring()
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        running?.join()
    }
}
