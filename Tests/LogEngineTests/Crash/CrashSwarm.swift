import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit

/// Random steps of several producers and readers on one broker, with faults of the disk among them.
///
/// What can happen at all is drawn for each run (swarm testing), so that some runs consist of little else than what most
/// have once. Used by one thread.
final class CrashSwarm {
    enum Step: CaseIterable {
        case plain
        case idempotent
        case transaction
        case takeOver
        case zombie
        case wait
        case observe
        case commitPosition
        case reopen
        case clean
        case diskFull
        case failedSync
    }

    private static let ids = ["copier", "other", "third"]
    private static let timeout = Duration.seconds(15)

    private let world: CrashWorld
    private var random: SeededRandom
    private let steps: [Step]
    private var owners: [String: CrashWorld.Owner] = [:]
    private var zombies: [CrashWorld.Owner] = []
    /// The disk has refused a call, or will: errors are no surprise any more.
    private(set) var hasFaults = false
    /// What the kernel could not write may be lost though it still shows it, until the machine starts anew.
    private(set) var hasFailedSync = false

    init(_ world: CrashWorld, random: SeededRandom) {
        self.world = world
        self.random = random
        var random = random
        steps = Step.allCases.filter { $0 == .transaction || Int.random(in: 0..<3, using: &random) > 0 }
        self.random = random
    }

    /// Takes `count` steps, or fewer if the machine stops. Throws `CrashWorld.Broken` for an error without a cause.
    func run(_ count: Int) throws {
        for _ in 0..<count {
            let step = steps[Int.random(in: 0..<steps.count, using: &random)]
            do {
                try take(step)
            } catch {
                if world.fileSystem.isCrashed { return }
                owners = [:]
                if !hasFaults { throw CrashWorld.Broken(what: "\"\(world.history.step)\" failed: \(error)") }
            }
            if world.fileSystem.isCrashed { return }
        }
    }

    private func take(_ step: Step) throws {
        switch step {
        case .plain: try world.sendPlain(number(1...3), to: chance(3) ? CrashWorld.input : output)
        case .idempotent: try world.sendIdempotent(number(1...3), to: CrashWorld.outputs[1], repeats: chance(3))
        case .transaction: try continueTransaction(Self.ids[number(0...2)])
        case .takeOver: try replaceOwner(Self.ids[number(0...2)])
        case .zombie: try wakeZombie()
        case .wait: try wait()
        case .observe: try world.observe()
        case .commitPosition: try world.commitPosition(try world.broker.partition(CrashWorld.input).log.logEndOffset)
        case .reopen: try reopen()
        case .clean: try world.clean()
        case .diskFull:
            hasFaults = true
            world.fileSystem.fail(with: .noSpace, on: .write, skipping: number(0...10))
        case .failedSync:
            hasFaults = true
            hasFailedSync = true
            world.fileSystem.fail(with: .inputOutput(5), on: .synchronize, skipping: number(0...10))
        }
    }

    /// Begins, continues or ends the transaction of an id's owner.
    private func continueTransaction(_ id: String) throws {
        guard let owner = owners[id] else { return try replaceOwner(id) }
        // Forgotten first: whoever meets an error is replaced.
        owners[id] = nil
        if owner.isInTransaction {
            switch number(0...3) {
            case 0: try world.abort(owner)
            case 1: try world.send(1, to: output, by: owner)
            default: try world.commit(owner)
            }
        } else if id == "copier" {
            try world.copy(number(1...2), by: owner, to: Array(CrashWorld.outputs.prefix(number(1...3))))
        } else {
            try world.begin(owner)
            for _ in 0..<number(1...2) { try world.send(1, to: output, by: owner) }
        }
        owners[id] = owner
    }

    private func replaceOwner(_ id: String) throws {
        if let before = owners.removeValue(forKey: id), before.isInTransaction { zombies.append(before) }
        owners[id] = try world.takeOver(id, timeout: Self.timeout)
    }

    /// An owner that does not know that it was replaced goes on.
    private func wakeZombie() throws {
        guard let zombie = zombies.popLast() else { return }
        do {
            if chance(2) { try world.send(1, to: output, by: zombie) }
            try world.commit(zombie)
        } catch is ClientError {
            return
        }
        throw CrashWorld.Broken(what: "a fenced owner of \(zombie.id) committed")
    }

    /// Lets so much time pass that transactions may run out; their owners are replaced by others that do not know yet.
    private func wait() throws {
        try world.keepHouse(after: .seconds(number(1...10)))
        for (id, owner) in owners where owner.isInTransaction && world.time.milliseconds - owner.beganMs > 15_000 {
            owners[id] = nil
            zombies.append(owner)
        }
    }

    private func reopen() throws {
        // The page cache shows what the disk does not have: only a new start of the machine shows the truth.
        if hasFailedSync { return }
        owners = [:]
        zombies = []
        try world.close()
        try world.open()
    }

    private var output: TopicPartition { CrashWorld.outputs[number(0...2)] }
    private func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private func chance(_ oneIn: Int) -> Bool { number(1...oneIn) == 1 }
}
