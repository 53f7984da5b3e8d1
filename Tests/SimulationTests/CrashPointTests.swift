import MillraceSimulation
import Testing

/// "An in-memory file system that loses un-synced bytes and tears last writes; a run of several transactions crashes at
/// each file-system call in turn, recovers, and keeps the invariants."
@Suite struct CrashPointTests {
    @Test("the scenario runs through") func scenario() {
        let outcome = Campaign.replay(.scenario())
        #expect(outcome.violation == nil, "\(outcome.transcript.joined(separator: "\n"))")
        // Each loop has committed, and nothing was left out because somebody could not act.
        #expect(outcome.statistics.commits >= 3)
    }

    @Test("a crash at every third call of the file system is recovered from") func everyCall() {
        let callCount = Campaign.replay(.scenario()).callCount
        check(
            stride(from: 1, through: callCount, by: 3).map { call in
                let losses = [Crash.Loss.unsynchronized, .torn(seed: UInt64(call)), .nothing]
                return .scenario(Crash(call: call, loss: losses[[0, 1, 0, 1, 2][call % 5]]))
            }
        )
    }

    @Test("a crash at any call of two passes of the cleaner is recovered from") func cleaning() {
        let outcome = Campaign.replay(.cleaning())
        #expect(outcome.violation == nil, "\(outcome.transcript.joined(separator: "\n"))")
        #expect(outcome.statistics.removedRecords >= 6)
        check(
            (1...outcome.callCount).map { call in
                .cleaning(Crash(call: call, loss: [.unsynchronized, .torn(seed: UInt64(call)), .nothing][call % 3]))
            }
        )
    }

    @Test("a crash during recovery is just another crash") func duringRecovery() {
        let callCount = Campaign.replay(.scenario()).callCount
        let points = stride(from: 40, through: callCount, by: callCount / 12).enumerated()
        check(
            points.flatMap { index, point in
                let loss = [Crash.Loss.unsynchronized, .torn(seed: UInt64(index)), .nothing][index % 3]
                // Every so many calls of the recovery, shifted from one point to the next.
                return stride(from: 1 + index % 14, to: 160, by: 14).map { call in
                    History.scenario(Crash(call: point, loss: loss, trouble: .crash(call: call)))
                }
            }
        )
    }

    private func check(_ histories: [History]) {
        var limits = Campaign.Limits()
        // A failure shows itself at many crash points; so many are enough to find it.
        limits.failureCountMax = 3
        let result = Campaign.run(histories, limits: limits)
        print("crash points: \(result.runCount)")
        for failure in result.failures { Issue.record(Comment(rawValue: "\(failure)")) }
    }
}
