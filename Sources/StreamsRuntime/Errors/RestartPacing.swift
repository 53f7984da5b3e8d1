/// When a thread that failed begins again: after pauses that grow as long as it gets nowhere.
///
/// Pure: the time comes in, in nanoseconds of a monotonic clock.
struct RestartPacing {
    private static let shortestPause = Duration.milliseconds(10)
    private static let longestPause = Duration.seconds(5)

    private var nextPause = shortestPause
    private var failingSince: Int64?

    /// Notes a failure.
    ///
    /// - Parameter hasAdvanced: whether the thread has committed something since the failure before, or had nothing left
    ///   to commit.
    /// - Returns: how long to wait, and for how long the thread has failed without getting anywhere.
    mutating func didFail(hasAdvanced: Bool, now: Int64) -> (pause: Duration, failingFor: Duration) {
        if hasAdvanced {
            nextPause = Self.shortestPause
            failingSince = nil
        }
        let since = failingSince ?? now
        failingSince = since
        defer { nextPause = min(nextPause * 2, Self.longestPause) }
        return (nextPause, .nanoseconds(max(0, now - since)))
    }
}
