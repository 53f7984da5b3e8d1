/// What a task needs of whoever runs it: a stream thread, or a test driver.
package struct TaskHost {
    /// Waits before something that failed is tried again; returns false, at once, if the thread is to stop.
    package var pause: (Duration) -> Bool
    /// Told of each record, or work on one, that is left out because it failed.
    package var didSkip: () -> Void
    /// Lets the thread that runs the task call `tick` soon; may be called from any thread.
    package var wake: @Sendable () -> Void
    /// Where asynchronous calls run, each to its end before the next record; nil for Swift's own threads, side by side.
    package var callExecutor: (any TaskExecutor)?

    package init(
        pause: @escaping (Duration) -> Bool,
        didSkip: @escaping () -> Void = {},
        wake: @escaping @Sendable () -> Void = {},
        callExecutor: (any TaskExecutor)? = nil
    ) {
        self.pause = pause
        self.didSkip = didSkip
        self.wake = wake
        self.callExecutor = callExecutor
    }
}
