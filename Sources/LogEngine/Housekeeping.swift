import MillracePrimitives
import Synchronization

/// Something that is done now and then.
final class Interval: Sendable {
    private let nanoseconds: Int64
    private let last: Mutex<Int64>

    init(_ duration: Duration, from now: Int64) {
        nanoseconds = duration.wholeNanoseconds
        last = Mutex(now)
    }

    /// Whether it is to be done now; the next time is an interval later.
    func isDue(_ now: Int64) -> Bool {
        last.withLock { last in
            guard now - last >= nanoseconds else { return false }
            last = now
            return true
        }
    }
}

/// A thread that calls a function at intervals until it is stopped.
final class Housekeeping: Sendable {
    private let interval: Duration
    private let bell = Wakeup()
    private let isStopped = Atomic<Bool>(false)
    private let thread = Mutex<PlatformThread?>(nil)

    private let name: String

    init(named name: String = "broker-house", every interval: Duration) {
        self.name = name
        self.interval = interval
    }

    func start(_ work: @escaping @Sendable () -> Void) {
        let started = PlatformThread.start(name: name) { [self] in
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
