import MillracePrimitives

/// How far apart in time two records may be to be joined, and how long the join waits for late ones: what Kafka Streams
/// calls `JoinWindows`.
///
///     JoinWindows(difference: .seconds(300), grace: .seconds(60))
///     JoinWindows(before: .zero, after: .seconds(30), grace: .zero)
///
/// A record of the left stream joins those of the right stream between `before` earlier and `after` later than itself,
/// both bounds included. Grace has no default: it decides how long unmatched records of a left or outer join are held
/// back, and how long records are kept.
public struct JoinWindows: Hashable, Sendable {
    /// How much earlier than the left record the right one may be. Negative: how much later it must be at least.
    public var before: Duration
    /// How much later than the left record the right one may be. Negative: how much earlier it must be at least.
    public var after: Duration
    /// How long after its end a window is kept open for records that come out of order.
    public var grace: Duration

    /// Windows with bounds of their own.
    public init(before: Duration, after: Duration, grace: Duration) {
        self.before = before
        self.after = after
        self.grace = grace
    }

    /// Windows in which the two records may be so far apart, whichever is earlier.
    public init(difference: Duration, grace: Duration) {
        self.init(before: difference, after: difference, grace: grace)
    }

    /// The width in milliseconds, and what is wrong with it.
    var problem: String? {
        let span = JoinSpan(self)
        if span.beforeMs + span.afterMs < 0 {
            return "the window ends before it begins: before is \(before) and after is \(after)"
        }
        if span.graceMs < 0 { return "grace must not be negative: it is \(grace)" }
        return nil
    }
}

/// The bounds of a join's windows in milliseconds.
@usableFromInline
struct JoinSpan: Hashable, Sendable {
    @usableFromInline var beforeMs: Int64
    @usableFromInline var afterMs: Int64
    @usableFromInline var graceMs: Int64

    /// No bound is wider than this, some three million years, so that sums of bounds and timestamps stay in range.
    static let maximumMs: Int64 = 100_000_000_000_000_000

    @usableFromInline
    init(_ windows: JoinWindows) {
        func bounded(_ duration: Duration) -> Int64 {
            min(max(duration.wholeMilliseconds, -Self.maximumMs), Self.maximumMs)
        }
        beforeMs = bounded(windows.before)
        afterMs = bounded(windows.after)
        graceMs = bounded(windows.grace)
    }

    /// How long a record stays of use to the other side.
    var retentionMs: Int64 { beforeMs + afterMs + graceMs }

    /// How much earlier than a record of a side its partners may be.
    @inlinable
    func beforeMs(_ side: JoinSide) -> Int64 { side == .left ? beforeMs : afterMs }

    /// How much later than a record of a side its partners may be.
    @inlinable
    func afterMs(_ side: JoinSide) -> Int64 { side == .left ? afterMs : beforeMs }
}

/// Which of the two streams of a join.
@usableFromInline
enum JoinSide: UInt8, Hashable, Sendable {
    // The order in which unmatched rows of one time leave.
    case right = 0
    case left = 1

    @inlinable var other: JoinSide { self == .left ? .right : .left }
}
