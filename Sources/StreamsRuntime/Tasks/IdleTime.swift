/// The course of time without records: how far a task's stream time has come when its sources have fallen silent.
///
/// A source that may be idle is so once no record came for its pause; from then on its time, that of its greatest
/// timestamp, goes on with the wall clock. Other sources are not overtaken: while one has records to process, or more to
/// fetch, or has had one within its pause, time does not go on beyond its own. A source for which no pause was given is
/// taken for silent after the longest pause of the task's others, and then neither drives the time nor holds it back.
struct IdleTime {
    /// One input partition.
    struct Source {
        /// After how long without records it is idle; nil if it never is by itself.
        var idleAfterMs: Int64?
        /// The time it has reached, in milliseconds since 1970; -1 before its first record.
        var timeMs: Int64
        /// The wall clock at its last record, or when the task began.
        var silentSinceMs: Int64
        /// Whether there are records of it that are not processed.
        var hasMore: Bool
    }

    /// The stream time that follows; nil if the sources do not say.
    static func streamTimeMs(of sources: [Source], wallClockMs: Int64) -> Int64? {
        guard let longestPauseMs = sources.compactMap(\.idleAfterMs).max() else { return nil }
        var reached: Int64?
        var bound = Int64.max
        for source in sources {
            if source.hasMore { return nil }
            guard source.timeMs >= 0 else { continue }
            let overtimeMs = wallClockMs - source.silentSinceMs - (source.idleAfterMs ?? longestPauseMs)
            if overtimeMs < 0 {
                bound = min(bound, source.timeMs)
            } else if source.idleAfterMs != nil {
                reached = max(reached ?? -1, PunctuationSchedule.sum(source.timeMs, overtimeMs))
            }
        }
        return reached.map { min($0, bound) }
    }

    /// How far time goes on at once, at least: each step is a commit, and a stream may be idle for days. The steps are a
    /// second, or less for short pauses, and grow to a twentieth of the time without records.
    static func stepMs(of sources: [Source], wallClockMs: Int64) -> Int64 {
        let shortestPauseMs = sources.compactMap(\.idleAfterMs).min() ?? 0
        let silentMs = sources.map { wallClockMs - $0.silentSinceMs - ($0.idleAfterMs ?? 0) }.min() ?? 0
        return max(1, min(1_000, shortestPauseMs / 10), silentMs / 20)
    }
}
