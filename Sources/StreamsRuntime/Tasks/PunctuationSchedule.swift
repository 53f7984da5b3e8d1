import HeapModule

/// Which clock a punctuation or a timer goes by. Kafka Streams: `PunctuationType`.
public enum TimeKind: Hashable, Sendable, CaseIterable {
    /// The greatest timestamp of the records processed so far: stands still while no record comes.
    case streamTime
    /// The time of day where the application runs.
    case wallClock
}

/// The punctuations of a task that go by one clock.
///
/// Those that are due run in the order of their due times, and of their making where these are equal. Each runs once and
/// is then due at the next multiple of its interval, whatever number of them has passed meanwhile.
@usableFromInline
package final class PunctuationSchedule {
    /// One entry of the schedule.
    package final class Entry {
        let name: String
        let intervalMs: Int64
        let run: (Int64) throws -> Void
        package private(set) var isCancelled = false

        fileprivate init(name: String, intervalMs: Int64, run: @escaping (Int64) throws -> Void) {
            self.name = name
            self.intervalMs = intervalMs
            self.run = run
        }

        /// Ends it; it does not run again.
        package func cancel() { isCancelled = true }
    }

    private struct Turn: Comparable {
        var dueMs: Int64
        var number: Int
        var entry: Entry

        /// The first turn after a time; nil if it is beyond what 64 bits hold.
        func following(_ nowMs: Int64) -> Turn? {
            let missed = max(0, nowMs - dueMs) / entry.intervalMs
            let (later, overflow) = (dueMs + missed * entry.intervalMs).addingReportingOverflow(entry.intervalMs)
            return overflow ? nil : Turn(dueMs: later, number: number, entry: entry)
        }

        static func < (left: Turn, right: Turn) -> Bool { (left.dueMs, left.number) < (right.dueMs, right.number) }
        static func == (left: Turn, right: Turn) -> Bool { left.number == right.number }
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

    /// Adds a punctuation.
    package func add(
        _ name: String,
        firstMs: Int64,
        intervalMs: Int64,
        run: @escaping (Int64) throws -> Void
    ) -> Entry {
        precondition(intervalMs > 0 && firstMs >= 0, "a punctuation has an interval and a beginning after 1970")
        let entry = Entry(name: name, intervalMs: intervalMs, run: run)
        turns.insert(Turn(dueMs: firstMs, number: nextNumber, entry: entry))
        nextNumber += 1
        dueMs.pointee = min(dueMs.pointee, firstMs)
        return entry
    }

    /// Runs what is due; returns whether anything was.
    func run(at nowMs: Int64, _ failed: (_ name: String, any Error) -> any Error) throws -> Bool {
        var hasRun = false
        // What runs may add entries; those that are due at once have their turn in this call as well.
        while let turn = turns.min, turn.dueMs <= nowMs || turn.entry.isCancelled {
            turns.removeMin()
            guard !turn.entry.isCancelled else { continue }
            if let next = turn.following(nowMs) { turns.insert(next) }
            dueMs.pointee = turns.min?.dueMs ?? Int64.max
            hasRun = true
            do {
                try turn.entry.run(nowMs)
            } catch {
                throw failed(turn.entry.name, error)
            }
        }
        dueMs.pointee = turns.min?.dueMs ?? Int64.max
        return hasRun
    }
}
