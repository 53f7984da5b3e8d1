import MillraceLogStorage

/// Makes a failing history smaller, as long as it breaks the same invariant (delta debugging, Zeller 2002): first steps
/// are left out, in pieces that get smaller; then what is left is made simpler. Bounded by a number of runs.
struct Shrinker {
    private let invariant: Violation.Invariant
    private let sabotage: Sabotage
    private var runsLeft: Int
    private var best: History
    private var violation: Violation

    /// The smallest history found, and what it violates.
    static func shrink(
        _ history: History,
        _ violation: Violation,
        sabotage: Sabotage,
        runCountMax: Int
    ) -> (history: History, violation: Violation) {
        var shrinker = Shrinker(
            invariant: violation.invariant,
            sabotage: sabotage,
            runsLeft: runCountMax,
            best: history,
            violation: violation
        )
        shrinker.leaveOut()
        shrinker.simplify()
        shrinker.leaveOut()
        return (shrinker.best, shrinker.violation)
    }

    /// Takes a smaller history over if it still fails.
    private mutating func accept(_ steps: [Step]) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        let candidate = History(seed: best.seed, steps: steps)
        let outcome = Simulation.run(candidate, sabotage: sabotage)
        guard let found = outcome.violation, found.invariant == invariant else { return false }
        best.steps = Array(steps.prefix(outcome.stepCount))
        violation = found
        return true
    }

    private mutating func leaveOut() {
        var size = max(best.steps.count / 2, 1)
        while runsLeft > 0 {
            var start = best.steps.count - size
            var hasShrunk = false
            while start > -size, runsLeft > 0 {
                let piece = max(start, 0)..<min(max(start, 0) + size, best.steps.count)
                var steps = best.steps
                if !piece.isEmpty, piece.upperBound <= steps.count {
                    steps.removeSubrange(piece)
                    if accept(steps) { hasShrunk = true }
                }
                start -= size
            }
            if size == 1, !hasShrunk { return }
            size = max(size / 2, 1)
        }
    }

    private mutating func simplify() {
        for index in best.steps.indices.reversed() where index < best.steps.count {
            for simpler in best.steps[index].simpler {
                var steps = best.steps
                steps[index] = simpler
                if accept(steps) { break }
            }
        }
    }
}

extension Step {
    /// The same with less of everything, the simplest first.
    fileprivate var simpler: [Step] {
        switch self {
        case .send(let client, let partition, _, let acknowledgement, let transport):
            return [
                .send(client: client, partition: partition, count: 1, .written, .prompt),
                .send(client: client, partition: partition, count: 1, acknowledgement, transport),
            ].filter { $0 != self }
        case .write(let owner, let partition, _, let transport):
            return [
                .write(owner: owner, partition: partition, count: 1, .prompt),
                .write(owner: owner, partition: partition, count: 1, transport),
            ].filter { $0 != self }
        case .position(let owner, let transport) where transport != .prompt: return [.position(owner: owner, .prompt)]
        case .end(let owner, let commits, let transport) where transport != .prompt:
            return [.end(owner: owner, commits: commits, .prompt)]
        case .commitRead(let reader, let transport) where transport != .prompt:
            return [.commitRead(reader: reader, .prompt)]
        case .transform(let worker, let count) where count > 1: return [.transform(worker: worker, count: 1)]
        case .fault(let fault):
            var once = fault
            once.times = 1
            return once == fault ? [] : [.fault(once)]
        case .crash(let crash):
            let now = [Crash.Loss.nothing, .unsynchronized, crash.loss].map { Crash(call: 0, loss: $0, trouble: .none) }
            let same = [Crash.Loss.nothing, .unsynchronized, crash.loss].map {
                Crash(call: crash.call, loss: $0, trouble: .none)
            }
            let until = (now + same).prefix { $0 != crash }
            return until.map { .crash($0) }
        case .resend, .takeOver, .position, .end, .poll, .transform, .sendPositions, .finish, .stop, .read, .commitRead,
            .stopReading, .deliver, .wait, .setClock, .clean, .calm, .observe, .restart:
            return []
        }
    }
}
