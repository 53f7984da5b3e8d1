import MillracePrimitives
import Synchronization

/// A clock that stands still until a test moves it. Any thread may read and move it.
public final class ManualTime: TimeSource {
    private struct Now {
        var milliseconds: Int64
        var monotonicNanoseconds: Int64
    }

    private let now: Mutex<Now>

    /// Starts at a wall-clock time in milliseconds since 1970 (by default a day in 2023), and at 0 on the monotonic
    /// clock.
    public init(milliseconds: Int64 = 1_700_000_000_000) {
        now = Mutex(Now(milliseconds: milliseconds, monotonicNanoseconds: 0))
    }

    /// The wall clock.
    public var milliseconds: Int64 { now.withLock { $0.milliseconds } }

    /// The monotonic clock.
    public var monotonicNanoseconds: Int64 { now.withLock { $0.monotonicNanoseconds } }

    /// Lets time pass on both clocks; `duration` must not be negative, because the monotonic clock never goes back.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "time does not run backwards; set the wall clock to step it back")
        now.withLock { now in
            // The wall clock keeps what is less than a millisecond by going with the monotonic one.
            let before = now.monotonicNanoseconds
            now.monotonicNanoseconds += duration.wholeNanoseconds
            now.milliseconds += now.monotonicNanoseconds / 1_000_000 - before / 1_000_000
        }
    }

    /// Steps the wall clock, forwards or back, as an administrator or NTP does; the monotonic clock does not notice.
    public func setWallClock(milliseconds: Int64) {
        now.withLock { $0.milliseconds = milliseconds }
    }
}
