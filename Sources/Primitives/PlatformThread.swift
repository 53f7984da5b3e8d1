private import CMillracePlatform
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A thread of the operating system that runs one function to its end.
///
/// Work that blocks (file calls, waiting for a lock for long, librdkafka) runs on such threads and never on Swift's
/// cooperative pool.
package final class PlatformThread: Sendable {
    private let finished = Condition()
    private let isFinished = Atomic<Bool>(false)

    private init() {}

    /// Starts a thread. `name` is cut to 15 bytes by the system.
    package static func start(name: String, _ body: sending @escaping () -> Void) -> PlatformThread {
        let thread = PlatformThread()
        let launch = Launch(name: name, body: body, thread: thread)
        let context = Unmanaged.passRetained(launch).toOpaque()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        #if canImport(Darwin)
        var identifier: pthread_t?
        #else
        var identifier = pthread_t()
        #endif
        let status = pthread_create(&identifier, &attributes, runLaunch, context)
        pthread_attr_destroy(&attributes)
        precondition(status == 0, "the operating system gave no thread: errno \(status)")
        return thread
    }

    /// Blocks until the thread's function has returned.
    package func join() {
        finished.wait { isFinished.load(ordering: .acquiring) }
    }

    fileprivate func finish() {
        isFinished.store(true, ordering: .releasing)
        finished.broadcast()
    }
}

private final class Launch {
    let name: String
    let body: () -> Void
    let thread: PlatformThread

    init(name: String, body: @escaping () -> Void, thread: PlatformThread) {
        self.name = name
        self.body = body
        self.thread = thread
    }
}

#if canImport(Darwin)
private func runLaunch(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    run(Unmanaged<Launch>.fromOpaque(context).takeRetainedValue())
    return nil
}
#else
private func runLaunch(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    run(Unmanaged<Launch>.fromOpaque(context).takeRetainedValue())
    return nil
}
#endif

private func run(_ launch: Launch) {
    millrace_set_thread_name(launch.name)
    launch.body()
    launch.thread.finish()
}
