import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// When each record is due: at even intervals from a start, whatever becomes of those before it. A latency that is counted
/// from then on includes the wait of records that could not be sent in time, which one counted from the sending would
/// leave out (coordinated omission).
struct Schedule: Sendable {
    let startNanoseconds: Int64
    let recordsPerSecond: Int64
    let records: Int64

    /// When a record is due, by the monotonic clock.
    func due(_ record: Int64) -> Int64 { startNanoseconds + record * (1_000_000_000 / recordsPerSecond) }

    /// How many records are due at a time.
    func count(dueAt nanoseconds: Int64) -> Int64 {
        guard nanoseconds >= startNanoseconds else { return 0 }
        return min(records, (nanoseconds - startNanoseconds) / (1_000_000_000 / recordsPerSecond) + 1)
    }

    /// Sleeps until a record is due, as exactly as the system can: some 50 microseconds late on Linux.
    func sleep(until record: Int64) {
        let due = due(record)
        #if os(Linux)
        var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
        #else
        let left = due - SystemTime().monotonicNanoseconds
        if left > 0 { usleep(UInt32(left / 1_000)) }
        #endif
    }
}
