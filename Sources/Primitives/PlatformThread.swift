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
    /// The running thread's own name for itself; 0 before it runs.
    private let identity = Atomic<UInt>(0)

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

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { identity.load(ordering: .acquiring) == Self.currentIdentity }

    #if canImport(Glibc)
    private static var currentIdentity: UInt { UInt(pthread_self()) }
    #else
    private static var currentIdentity: UInt { UInt(bitPattern: pthread_self()) }
    #endif

    /// Blocks until the thread's function has returned. On the thread itself, which would wait for ever, it returns at
    /// once: whoever drops the last reference to an owner of threads may be one of them.
    package func join() {
        if isCurrent { return }
        finished.wait { isFinished.load(ordering: .acquiring) }
    }

    fileprivate func begin() {
        identity.store(Self.currentIdentity, ordering: .releasing)
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
    launch.thread.begin()
    launch.body()
    launch.thread.finish()
}
