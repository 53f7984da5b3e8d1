import MillracePrimitives
import MillraceSimulationKit

/// A run that does at least once whatever recovery has to cope with: committed, aborted, fenced, timed-out and open
/// transactions of two owners that overlap, plain and idempotent records between them, segments that roll, and an end in
/// order with a new beginning. The same seed gives the same calls of the file system.
struct CrashScenario {
    /// Where the scenario can begin: at its start, or at the second opening.
    enum Part: Int, CaseIterable, Sendable {
        case first
        case second
    }

    /// Runs one part on what the parts before it left.
    static func run(_ part: Part, in world: CrashWorld) throws {
        switch part {
        case .first: try first(world)
        case .second: try second(world)
        }
    }

    private static func first(_ world: CrashWorld) throws {
        let (first, second, third) = (CrashWorld.outputs[0], CrashWorld.outputs[1], CrashWorld.outputs[2])
        try world.open()
        try world.createTopic("input", partitions: 1)
        try world.createTopic("output", partitions: 3)
        try world.shrinkSegments(of: "__transaction_state")
        try world.sendPlain(6, to: CrashWorld.input)

        let copier = try world.takeOver("copier")
        try world.copy(2, by: copier)
        try world.commit(copier)
        try world.sendIdempotent(2, to: second, repeats: true)
        try world.observe()

        // A commit between the records of another transaction, which then aborts.
        let other = try world.takeOver("other")
        try world.begin(other)
        try world.send(1, to: first, by: other)
        try world.copy(1, by: copier, to: [first, second])
        try world.send(2, to: third, by: other)
        try world.commit(other)
        try world.abort(copier)
        // The next transaction of the one that aborted, with its records made durable by somebody else.
        try world.copy(1, by: copier, to: [first, third])
        try world.sendPlain(1, to: first)
        try world.commit(copier)
        try world.sendIdempotent(1, to: second)
        try world.commitPosition(2)

        // Aborts again right after a commit whose markers nobody has made durable.
        try world.begin(copier)
        try world.send(1, to: first, by: copier)
        try world.abort(copier)
        try world.begin(other)
        try world.send(1, to: third, by: other)
        try world.commit(other)
        try world.observe()
        try world.close()
    }

    private static func second(_ world: CrashWorld) throws {
        let (first, second, third) = (CrashWorld.outputs[0], CrashWorld.outputs[1], CrashWorld.outputs[2])
        try world.open()
        let zombie = try world.takeOver("copier")
        try world.copy(1, by: zombie)
        try world.commit(zombie)
        try world.copy(1, by: zombie, to: [first, second])
        let copier = try world.takeOver("copier")
        try expectRefusal("a fenced owner's records") { try world.send(1, to: first, by: zombie) }
        try expectRefusal("a fenced owner's commit") { try world.commit(zombie) }
        try world.stopIfCrashed()
        try world.copy(1, by: copier, to: [second, third])
        try world.commit(copier)
        try world.begin(copier)
        try world.send(1, to: third, by: copier)
        try world.abort(copier)

        let slow = try world.takeOver("other", timeout: .seconds(10))
        try world.begin(slow)
        try world.send(1, to: first, by: slow)
        try world.send(1, to: second, by: slow)
        try world.keepHouse(after: .seconds(11))
        try expectRefusal("a timed-out transaction's commit") { try world.commit(slow) }
        try world.stopIfCrashed()
        let other = try world.takeOver("other")
        try world.sendIdempotent(2, to: second, repeats: true)
        try world.commitPosition(4)
        try world.clean()

        // Left open to the end, with a commit of the other owner and a plain record behind it.
        try world.copy(1, by: copier, to: [first, third])
        try world.begin(other)
        try world.send(1, to: first, by: other)
        try world.send(1, to: second, by: other)
        try world.commit(other)
        try world.sendPlain(1, to: third)
        try world.observe()
    }

    /// The broker must refuse this; a machine that has stopped refuses everything.
    private static func expectRefusal(_ what: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch is CrashWorld.Stopped {
            throw CrashWorld.Stopped()
        } catch {
            return
        }
        throw CrashWorld.Broken(what: "\(what) got through")
    }
}
