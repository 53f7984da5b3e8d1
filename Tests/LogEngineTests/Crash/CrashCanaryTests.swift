import MillraceSimulationKit
import SystemPackage
import Testing

/// A checker that never fails proves nothing: here the world is broken, and it must say so.
@Suite struct CrashCanaryTests {
    /// What the file system forgets to make durable, though it says that it did.
    enum Lie: String, CaseIterable, Sendable {
        case decisions = "__transaction_state-0"
        case positions = "__consumer_offsets-0"
        case data = "output-1"
        case producerIds = "producer-ids"
        case topics = "topics"

        func concerns(_ path: FilePath) -> Bool {
            path.string.split(separator: "/").contains { $0.hasPrefix(rawValue) }
        }
    }

    @Test("the checker notices a disk that forgets", arguments: Lie.allCases) func forgetful(lie: Lie) {
        let seed = Seed(0)
        let start = CrashedRun.Start.start(of: .first, seed)
        let calls = CrashedRun(.first, from: start, seed: seed, stoppingAt: nil).fileSystem.callCount
        var number = calls - 1
        while number > 0 {
            let run = CrashedRun(.first, from: start, seed: seed, stoppingAt: number) { disk in
                ForgetfulFileSystem(disk) { lie.concerns($0) }
            }
            if !run.ranThrough, run.check(.loseAllUnsynced) != [] { return }
            number -= 13
        }
        Issue.record("a disk that forgets \(lie.rawValue) went unnoticed at every call tried")
    }

    @Test("the checker notices a commit that it was never told of") func forgedCommit() {
        var run = CrashedRun(.first, from: .empty(Seed(0)), seed: Seed(0), stoppingAt: nil)
        for number in run.history.transactions.indices where run.history.transactions[number].fate == .committed {
            run.history.transactions[number].fate = .neverCommitted
        }
        let invariants = (run.check(.loseAllUnsynced) ?? []).map { $0.prefix { $0 != ":" } }
        #expect(invariants.contains("invariant 2 isolated"))
    }

    @Test("the checker notices a record that was promised and is not there") func missingRecord() {
        var run = CrashedRun(.first, from: .empty(Seed(0)), seed: Seed(0), stoppingAt: nil)
        let value = run.history.send(to: CrashWorld.outputs[0], by: "plain")
        run.history.promise(.durable, for: [value], from: 2)
        let invariants = (run.check(.loseAllUnsynced) ?? []).map { $0.prefix { $0 != ":" } }
        #expect(invariants.contains("invariant 5 durable as asked"))
    }
}
