import HeapModule

/// Which clock a punctuation or a timer goes by. Kafka Streams: `PunctuationType`.
public enum TimeKind: Hashable, Sendable, CaseIterable {
    /// The greatest timestamp of the records processed so far: stands still while no record comes.
    case streamTime
    /// The time of day where the application runs.
    case wallClock
}

/// Something of an operator's that runs at certain times; see `PunctuationSchedule`.
package final class ScheduledPunctuation {
    let name: String
    /// Nil: runs once each time it is set.
    let intervalMs: Int64?
    /// Where the next due time is kept, so that it survives a restart.
    let register: TaskRegister?
    fileprivate var run: (Int64) throws -> Void
    package private(set) var isCancelled = false
    /// When it is due next; nil if it is not.
    package fileprivate(set) var dueMs: Int64? {
        didSet { register?.value = dueMs ?? Int64.max }
    }
    fileprivate var number = -1

    package init(
        _ name: String,
        intervalMs: Int64? = nil,
        register: TaskRegister? = nil,
        run: @escaping (Int64) throws -> Void
    ) {
        precondition(intervalMs ?? 1 > 0, "the interval of a punctuation is positive")
        self.name = name
        self.intervalMs = intervalMs
        self.register = register
        self.run = run
    }

    /// Ends it; it does not run again.
    package func cancel() {
        isCancelled = true
        run = { _ in }
    }
}

/// What is to run in a task by one clock.
///
/// What is due runs in the order of the due times, and of its making where these are equal. What has an interval is then
/// due at its next multiple, whatever number of them has passed meanwhile.
@usableFromInline
package final class PunctuationSchedule {
    /// One place in the order; void if its entry was set to another time since.
    private struct Turn: Comparable {
        var dueMs: Int64
        var entry: ScheduledPunctuation

        var isVoid: Bool { entry.isCancelled || entry.dueMs != dueMs }

        static func < (left: Turn, right: Turn) -> Bool {
            (left.dueMs, left.entry.number) < (right.dueMs, right.entry.number)
        }
        static func == (left: Turn, right: Turn) -> Bool {
            left.dueMs == right.dueMs && left.entry.number == right.entry.number
        }
    }

    private var turns = Heap<Turn>()
    private var nextNumber = 0
    /// The earliest due time, `Int64.max` without any; behind a pointer for the record loop.
    @usableFromInline package let dueMs: UnsafeMutablePointer<Int64>

    init() {
        dueMs = .allocate(capacity: 1)
        dueMs.initialize(to: Int64.max)
    }

    deinit {
        dueMs.deinitialize(count: 1)
        dueMs.deallocate()
    }

    /// Makes an entry due at a time, and at no other; `Int64.max` is never.
    package func set(_ entry: ScheduledPunctuation, dueMs newMs: Int64) {
        if entry.number < 0 {
            entry.number = nextNumber
            nextNumber += 1
        }
        guard entry.dueMs != newMs else { return }
        entry.dueMs = newMs
        guard newMs < Int64.max else { return }
        turns.insert(Turn(dueMs: newMs, entry: entry))
        dueMs.pointee = min(dueMs.pointee, newMs)
    }

    /// Runs what is due; returns whether anything was.
    func run(at nowMs: Int64, _ failed: (_ name: String, any Error) -> any Error) throws -> Bool {
        var hasRun = false
        // What runs may set entries; those that are due at once have their turn in this call as well.
        while let turn = turns.min, turn.dueMs <= nowMs || turn.isVoid {
            turns.removeMin()
            guard !turn.isVoid else { continue }
            let entry = turn.entry
            entry.dueMs = nil
            if let intervalMs = entry.intervalMs {
                set(entry, dueMs: Self.next(after: turn.dueMs, every: intervalMs, nowMs: nowMs))
            }
            hasRun = true
            do {
                try entry.run(nowMs)
            } catch {
                dueMs.pointee = turns.min?.dueMs ?? Int64.max
                throw failed(entry.name, error)
            }
        }
        dueMs.pointee = turns.min?.dueMs ?? Int64.max
        return hasRun
    }

    /// Ends all of them, and lets go of what they would have run.
    func cancelAll() {
        for turn in turns.unordered { turn.entry.cancel() }
        turns = Heap()
        dueMs.pointee = Int64.max
    }

    /// The first multiple of an interval, counted from a time, that is later than now.
    private static func next(after dueMs: Int64, every intervalMs: Int64, nowMs: Int64) -> Int64 {
        let missed = max(0, nowMs - dueMs) / intervalMs
        return sum(dueMs + missed * intervalMs, intervalMs)
    }

    /// A time and an interval; the end of time if 64 bits do not hold it.
    package static func sum(_ timeMs: Int64, _ intervalMs: Int64) -> Int64 {
        let (sum, overflow) = timeMs.addingReportingOverflow(intervalMs)
        return overflow ? Int64.max : sum
    }

    /// The first multiple of an interval, counted from a time, that is now or later.
    static func first(from startMs: Int64, every intervalMs: Int64, notBefore nowMs: Int64) -> Int64 {
        guard startMs < nowMs else { return startMs }
        return next(after: startMs, every: intervalMs, nowMs: nowMs - 1)
    }
}
