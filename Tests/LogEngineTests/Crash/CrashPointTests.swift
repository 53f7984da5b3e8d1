import MillraceSimulationKit
import Testing

/// "An in-memory file system that loses un-synced bytes and tears last writes; a run of several transactions over three
/// partitions crashes at each file-system call in turn, recovers, and keeps the invariants of DESIGN.md."
@Suite struct CrashPointTests {
    /// The crash points are dealt out to so many tests, which run side by side.
    private static let shardCount = 2
    /// A failure shows itself at many crash points; so many are enough to find it.
    private static let failureMaximum = 5

    @Test("the scenario runs through, and its end keeps the invariants", arguments: CrashScenario.Part.allCases)
    func scenario(part: CrashScenario.Part) {
        let seed = Seed(0)
        let run = CrashedRun(part, from: .start(of: part, seed), seed: seed, stoppingAt: nil)
        #expect(run.broken == nil)
        #expect(run.check(.keepEverything) == [])
        #expect(run.check(.loseAllUnsynced) == [])
    }

    @Test(
        "a crash at any call of the file system is recovered from",
        arguments: CrashScenario.Part.allCases,
        0..<Self.shardCount
    ) func everyCall(part: CrashScenario.Part, shard: Int) {
        let seed = Seed.sequence(1)[0]
        let start = CrashedRun.Start.start(of: part, seed)
        var number = shard + 1
        var points = 0
        var survivors = 0
        var last: CrashedRun?
        var failures: [String] = []
        while failures.count < Self.failureMaximum {
            let run = CrashedRun(part, from: start, seed: seed, stoppingAt: number)
            if run.ranThrough { break }
            if let broken = run.broken { failures.append("\(broken)\n  \(run.description(.keepEverything))") }
            points += 1
            number += Self.shardCount
            // A call that only reads leaves what the one before left.
            if let last, run.isIndistinguishable(from: last) { continue }
            last = run
            for mode in modes(at: run.number) {
                failures += run.check(mode, goesOn: mode == .loseAllUnsynced || run.number % 4 == 0) ?? []
                survivors += 1
            }
        }
        print("crash points: \(points) in the \(part) part, shard \(shard); \(survivors) survivors checked")
        for failure in failures.prefix(Self.failureMaximum) { Issue.record(Comment(rawValue: failure)) }
    }

    /// Every point meets a loss of power, whole and with torn writes; some meet the rest.
    private func modes(at number: Int) -> [CrashMode] {
        var modes = [CrashMode.loseAllUnsynced, .tear(UInt64(number))]
        if number % 5 == 0 { modes.append(.keepEverything) }
        if number % 7 == 0 { modes += [.tear(UInt64(number) << 20), .tear(UInt64(number) << 40)] }
        return modes
    }

    @Test("a crash during recovery is just another crash", arguments: CrashScenario.Part.allCases)
    func duringRecovery(part: CrashScenario.Part) {
        let seed = Seed.sequence(1)[0]
        let start = CrashedRun.Start.start(of: part, seed)
        let calls = CrashedRun(part, from: start, seed: seed, stoppingAt: nil).fileSystem.callCount
        var points = 0
        var failures: [String] = []
        // Early, late and in between, each with every so many calls of the recovery, shifted from one to the next.
        for index in 1...Self.recoveredPoints where failures.count < Self.failureMaximum {
            let run = CrashedRun(part, from: start, seed: seed, stoppingAt: calls * index / (Self.recoveredPoints + 1))
            let mode = [CrashMode.loseAllUnsynced, .tear(UInt64(index)), .keepEverything][index % 3]
            var call = 1 + index % Self.recoveryStride
            while let found = run.check(mode, recoveryCall: call, goesOn: false) {
                failures += found
                points += 1
                call += Self.recoveryStride
            }
        }
        print("crash points: \(points) within recoveries of the \(part) part")
        for failure in failures.prefix(Self.failureMaximum) { Issue.record(Comment(rawValue: failure)) }
    }

    private static let recoveredPoints = 12
    private static let recoveryStride = 17
}
