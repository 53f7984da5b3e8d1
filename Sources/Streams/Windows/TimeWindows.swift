import MillracePrimitives

/// The windows that records are gathered in by their timestamps: tumbling, hopping, sliding or unlimited ones.
///
///     .windowedBy(.tumbling(size: .seconds(60), grace: .seconds(5)))
///
/// The *grace* is how long after its end a window still takes records that come late, measured in the operator's stream
/// time: the greatest timestamp that it has seen. It must be stated, as it decides what is lost.
public struct TimeWindows: Hashable, Sendable {
    @usableFromInline
    enum Kind: Hashable, Sendable {
        /// Windows that begin at multiples of `advanceMs`; their ends do not belong to them.
        case aligned(sizeMs: Int64, advanceMs: Int64)
        /// A window for each combination of records that are at most `differenceMs` apart; ends included.
        case sliding(differenceMs: Int64)
        /// One window from `startMs` on.
        case unlimited(startMs: Int64)
    }

    @usableFromInline let kind: Kind
    @usableFromInline let graceMs: Int64

    /// Windows of one size, one after the other: each record is in exactly one.
    public static func tumbling(size: Duration, grace: Duration) -> TimeWindows {
        hopping(size: size, advance: size, grace: grace)
    }

    /// Windows of one size, one beginning every `advance`: a record may be in several.
    public static func hopping(size: Duration, advance: Duration, grace: Duration) -> TimeWindows {
        TimeWindows(
            kind: .aligned(sizeMs: size.wholeMilliseconds, advanceMs: advance.wholeMilliseconds),
            graceMs: grace.wholeMilliseconds
        )
    }

    /// Windows that follow the records: one for each set of records whose timestamps are at most `difference` apart. What
    /// Kafka Streams calls `SlidingWindows`.
    public static func sliding(difference: Duration, grace: Duration) -> TimeWindows {
        TimeWindows(
            kind: .sliding(differenceMs: difference.wholeMilliseconds),
            graceMs: grace.wholeMilliseconds
        )
    }

    /// One window, which begins at a time and never ends; earlier records are left out. What Kafka Streams calls
    /// `UnlimitedWindows`.
    ///
    /// - Parameter startMs: the first millisecond, since 1970.
    public static func unlimited(startMs: Int64 = 0) -> TimeWindows {
        TimeWindows(kind: .unlimited(startMs: startMs), graceMs: 0)
    }

    @usableFromInline var isSliding: Bool {
        switch kind {
        case .sliding: true
        case .aligned, .unlimited: false
        }
    }

    /// What a window's start is to be added to for its end.
    @usableFromInline var sizeMs: Int64 {
        switch kind {
        case .aligned(let sizeMs, _): sizeMs
        case .sliding(let differenceMs): differenceMs
        case .unlimited: Int64.max
        }
    }

    /// How long after its start a window is complete: it is once it began this long before the stream time.
    @usableFromInline var completeAfterMs: Int64 {
        switch kind {
        case .aligned(let sizeMs, _): sizeMs.addingSaturated(graceMs)
        case .sliding(let differenceMs): differenceMs.addingSaturated(graceMs).addingSaturated(1)
        case .unlimited: Int64.max
        }
    }

    /// The least retention of a store of these windows.
    @usableFromInline var retentionMinimumMs: Int64 { sizeMs.addingSaturated(graceMs) }

    /// The retention of a store of these windows, unless the application says otherwise.
    @usableFromInline var retentionDefaultMs: Int64 {
        switch kind {
        case .sliding(let differenceMs): max(1, retentionMinimumMs.addingSaturated(differenceMs))
        case .aligned, .unlimited: retentionMinimumMs
        }
    }

    /// What makes no sense about these windows.
    @usableFromInline var problem: String? {
        if graceMs < 0 { return "the grace must not be negative" }
        switch kind {
        case .aligned(let sizeMs, let advanceMs):
            if sizeMs < 1 { return "the size must be a millisecond or more" }
            if advanceMs < 1 { return "the advance must be a millisecond or more" }
            if advanceMs > sizeMs { return "the advance must not be longer than the size, or records are in no window" }
        case .sliding(let differenceMs):
            if differenceMs < 0 { return "the difference must not be negative" }
        case .unlimited(let startMs):
            if startMs < 0 { return "the start must not be before 1970" }
        }
        return nil
    }
}

/// Sessions: a session holds the records of a key that are at most the inactivity gap apart from the next.
///
///     .windowedBy(.sessions(inactivityGap: .seconds(1_800), grace: .zero))
///
/// A record that comes between two sessions merges them. A session begins with its first record and ends with its last.
public struct SessionWindows: Hashable, Sendable {
    @usableFromInline let gapMs: Int64
    @usableFromInline let graceMs: Int64

    /// Sessions that end when there is no record for longer than the gap.
    ///
    /// - Parameters:
    ///   - inactivityGap: the longest time between two records of a session.
    ///   - grace: how long after that a session still takes records that come late.
    public static func sessions(inactivityGap: Duration, grace: Duration) -> SessionWindows {
        SessionWindows(gapMs: inactivityGap.wholeMilliseconds, graceMs: grace.wholeMilliseconds)
    }

    /// How long after its end a session is complete: it is once it ended this long before the stream time.
    @usableFromInline var completeAfterMs: Int64 { retentionMinimumMs.addingSaturated(1) }

    /// The least retention of a store of these sessions, and what it is unless the application says otherwise.
    @usableFromInline var retentionMinimumMs: Int64 { gapMs.addingSaturated(graceMs) }

    /// What makes no sense about these sessions.
    @usableFromInline var problem: String? {
        if graceMs < 0 { return "the grace must not be negative" }
        if gapMs < 1 { return "the inactivity gap must be a millisecond or more" }
        return nil
    }
}

/// When a windowed aggregation passes its results on: KIP-825.
public enum EmitStrategy: Hashable, Sendable {
    /// Each time a window changes.
    case onWindowUpdate
    /// Once, when the window is complete: its end and its grace have passed. The store is not cached then.
    case onWindowClose
}

extension Int64 {
    /// The sum, or the greatest number.
    @inlinable
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? Int64.min : Int64.max) : sum
    }

    /// The difference, or the least number.
    @inlinable
    func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? Int64.max : Int64.min) : difference
    }
}
