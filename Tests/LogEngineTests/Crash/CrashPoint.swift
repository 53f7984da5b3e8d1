import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit

/// What a crash does to the disk.
enum CrashMode: Hashable, Sendable, CustomStringConvertible {
    case loseAllUnsynced
    case keepEverything
    /// What was not synchronized survives in part, as the seed decides.
    case tear(UInt64)

    func survivor(of fileSystem: SimulatedFileSystem) -> SimulatedFileSystem {
        switch self {
        case .loseAllUnsynced: return fileSystem.crash(.loseAllUnsynced)
        case .keepEverything: return fileSystem.crash(.keepEverything)
        case .tear(let seed):
            var random = SeededRandom(seed: seed)
            return fileSystem.crash(using: &random)
        }
    }

    /// What can be relied on afterwards.
    var survives: CrashHistory.Promise { self == .keepEverything ? .written : .durable }

    var description: String {
        switch self {
        case .loseAllUnsynced: "everything unsynchronized lost"
        case .keepEverything: "process killed"
        case .tear(let seed): "torn with seed \(seed)"
        }
    }
}

/// A scenario's part, run until the machine stops at the n-th call.
struct CrashedRun {
    let seed: Seed
    let part: CrashScenario.Part
    let number: Int
    let fileSystem: SimulatedFileSystem
    var history: CrashHistory
    let time: ManualTime
    /// The call that it stopped in; nil if the part ran through.
    let lastCall: SimulatedCall?
    /// What the broker did wrong before the crash.
    let broken: String?

    /// What a part begins with.
    struct Start {
        var fileSystem: SimulatedFileSystem
        var history: CrashHistory
        var timeMs: Int64
    }

    /// Runs `part` from `start`, and stops the machine within the `number`-th call.
    init(
        _ part: CrashScenario.Part,
        from start: Start,
        seed: Seed,
        stoppingAt number: Int?,
        through wrap: (SimulatedFileSystem) -> any FileSystem = { $0 }
    ) {
        self.seed = seed
        self.part = part
        self.number = number ?? 0
        // Everything is durable when a part begins: a copy.
        fileSystem = start.fileSystem.crash(.keepEverything)
        time = ManualTime(milliseconds: start.timeMs)
        if let number { fileSystem.failAfter(calls: number) }
        let random = SeededRandom(seed: seed.value &* 31 &+ UInt64(part.rawValue))
        let world = CrashWorld(on: fileSystem, random: random, time: time, through: wrap)
        world.history = start.history
        var broken: String?
        do {
            try CrashScenario.run(part, in: world)
        } catch let error as CrashWorld.Broken {
            if !fileSystem.isCrashed { broken = error.what }
        } catch {
            if !fileSystem.isCrashed { broken = "\(error)" }
        }
        if let broken { self.broken = "in \"\(world.history.step)\": \(broken)" } else { self.broken = nil }
        history = world.history
        lastCall = number == nil ? nil : fileSystem.trace.first { $0.refusal == .crashed }
    }

    /// Whether a crash here leaves the same as there, with the same promises to keep.
    func isIndistinguishable(from other: CrashedRun) -> Bool {
        var mine = history
        mine.step = other.history.step
        return fileSystem.changeCount == other.fileSystem.changeCount && mine == other.history
            && time.milliseconds == other.time.milliseconds
    }

    var ranThrough: Bool { !fileSystem.isCrashed }

    /// Everything needed to see the failure again.
    func description(_ mode: CrashMode) -> String {
        "\(seed), part \(part), crash point \(number) during \"\(history.step)\": "
            + "\(lastCall.map { "\($0)" } ?? "the end"); then \(mode)"
    }

    /// Recovers what `mode` leaves and returns what is wrong. With `recoveryCall`, the machine stops once more at that
    /// call of the recovery; nil is returned if the recovery needs fewer calls.
    func check(_ mode: CrashMode, recoveryCall: Int? = nil, goesOn: Bool = true) -> [String]? {
        var survivor = mode.survivor(of: fileSystem)
        if let recoveryCall {
            survivor.failAfter(calls: recoveryCall)
            let interrupted = world(on: survivor)
            try? interrupted.open()
            guard survivor.isCrashed else { return nil }
            survivor = mode.survivor(of: survivor)
        }
        var checker = InvariantChecker(world(on: survivor), survives: mode.survives, goesOn: goesOn)
        checker.run()
        let again = recoveryCall.map { ", stopped again at call \($0) of the recovery" } ?? ""
        return checker.violations.map { "\($0)\n  \(description(mode))\(again)" }
    }

    private func world(on survivor: SimulatedFileSystem) -> CrashWorld {
        let world = CrashWorld(
            on: survivor,
            random: SeededRandom(seed: seed.value &+ UInt64(number)),
            time: ManualTime(milliseconds: time.milliseconds + 1_000)
        )
        world.history = history
        return world
    }
}

extension CrashedRun.Start {
    /// An empty disk.
    static func empty(_ seed: Seed) -> CrashedRun.Start {
        CrashedRun.Start(
            fileSystem: SimulatedFileSystem(seed: seed.value),
            history: CrashHistory(),
            timeMs: 1_700_000_000_000
        )
    }

    /// What the parts before `part` leave.
    static func start(of part: CrashScenario.Part, _ seed: Seed) -> CrashedRun.Start {
        var start = empty(seed)
        for earlier in CrashScenario.Part.allCases where earlier.rawValue < part.rawValue {
            let run = CrashedRun(earlier, from: start, seed: seed, stoppingAt: nil)
            start = CrashedRun.Start(
                fileSystem: run.fileSystem,
                history: run.history,
                timeMs: run.time.milliseconds
            )
        }
        return start
    }
}
