#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where the log, the broker and the runtime get the time from, so that a test can hold it still.
public protocol TimeSource: Sendable {
    /// Milliseconds since 1970-01-01 UTC: what records and files are stamped with.
    var milliseconds: Int64 { get }

    /// Nanoseconds from an arbitrary start that never go back: what time-outs and intervals are measured with.
    var monotonicNanoseconds: Int64 { get }
}

/// The operating system's clocks. The only place that asks for them.
public struct SystemTime: TimeSource {
    /// The clock that asynchronous code sleeps by.
    public static var clock: any Clock<Duration> { ContinuousClock() }

    /// Makes a time source.
    public init() {}

    /// The wall clock.
    public var milliseconds: Int64 {
        let now = Self.read(CLOCK_REALTIME)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }

    /// The monotonic clock.
    public var monotonicNanoseconds: Int64 {
        let now = Self.read(CLOCK_MONOTONIC)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        clock_gettime(clock, &now)
        return now
    }
}

extension Duration {
    /// The whole nanoseconds in this duration, saturated to what 64 bits hold.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// The whole milliseconds in this duration, saturated.
    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
