import MillraceStreamsRuntime

/// The stream time of a windowed operator in one task, and, where windows are passed on when they close, what was passed
/// on already. Both survive restarts, in registers of the task: what is late, and what has closed, does not depend on
/// whether there was a crash.
///
/// Owned by the task's thread.
@usableFromInline
final class WindowClock: StreamTimeParticipant, LifecycleParticipant {
    /// Passes on what is complete: rows with times in a range.
    @usableFromInline
    struct Emission {
        /// Called with the first and the last time.
        @usableFromInline let run: (Int64, Int64) throws -> Void
        /// Called with the earliest time that is still to be passed on.
        @usableFromInline let hold: (Int64) -> Void

        @usableFromInline
        init(run: @escaping (Int64, Int64) throws -> Void, hold: @escaping (Int64) -> Void) {
            self.run = run
            self.hold = hold
        }
    }

    @usableFromInline let name: String
    private let registers: String
    /// The greatest timestamp that the operator has seen; -1 before the first.
    @usableFromInline let streamTime: TaskRegister
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let failures: FailureHandling
    private let intervalMs: Int64
    private let completeAfterMs: Int64
    private var emission: Emission?
    /// The greatest time of a row that has been passed on; -1 before the first.
    private var emittedThrough: TaskRegister?
    private var nextCheckMs: Int64 = 0

    /// - Parameters:
    ///   - name: the operator's name.
    ///   - registers: what its registers are named after: its store, as they belong to what is in there, whatever the
    ///     operator is called.
    ///   - completeAfterMs: a row is complete once its time is this long before the stream time.
    @usableFromInline
    init(_ name: String, registers: String, in context: TaskContext, completeAfterMs: Int64) {
        self.name = name
        self.registers = registers
        self.completeAfterMs = completeAfterMs
        streamTime = context.register(named: "\(registers).time", initial: -1)
        record = context.record
        failures = context.failures
        intervalMs = context.emitIntervalMs
    }

    /// Passes rows on as they become complete.
    @usableFromInline
    func emit(_ emission: Emission, in context: TaskContext) {
        self.emission = emission
        emittedThrough = context.register(named: "\(registers).closed", initial: -1)
        // Restored before the register is: nothing may go until it is known what was passed on.
        emission.hold(0)
    }

    @usableFromInline
    package func start() throws {
        guard let emission, let emittedThrough else { return }
        emission.hold(emittedThrough.value.addingSaturated(1))
    }

    @usableFromInline
    package func stop() {}

    @usableFromInline
    package func advance(streamTimeMs: Int64) throws {
        streamTime.raise(to: streamTimeMs)
        try passOn()
    }

    /// Called after each record: passes on what is complete, at most once an interval of the wall clock.
    @usableFromInline
    func check() throws {
        let nowMs = record.pointee.wallClockMs
        if nowMs < nextCheckMs { return }
        nextCheckMs = nowMs.addingSaturated(intervalMs)
        try passOn()
    }

    private func passOn() throws {
        guard let emission, let emittedThrough else { return }
        let throughMs = streamTime.value.subtractingSaturated(completeAfterMs)
        let fromMs = emittedThrough.value.addingSaturated(1)
        guard throughMs >= fromMs else { return }
        // The results are the work of many records, not of the one under way that lets time go on.
        try failures.passOn(heldBy: name) { try emission.run(fromMs, throughMs) }
        emittedThrough.value = throughMs
        emission.hold(throughMs.addingSaturated(1))
    }
}
