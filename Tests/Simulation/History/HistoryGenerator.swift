import MillracePrimitives

extension History {
    /// The history of a seed.
    ///
    /// What can happen at all, and how often, is drawn for each history (swarm testing), so that some consist of little
    /// else than what most have once. An actor that acts often goes on acting, so that what it does comes to an end.
    package init(seed: UInt64, stepCount: Int = 160) {
        var generator = HistoryGenerator(SeededRandom(seed: seed))
        self.seed = seed
        steps = (0..<stepCount).map { _ in generator.next() }
    }
}

private struct HistoryGenerator {
    private enum Kind: CaseIterable {
        case client
        case owner
        case worker
        case reader
        case time
        case network
        case cleaner
        case fault
        case crash
        case check

        /// How often it comes if nothing else is drawn.
        var weight: Int {
            switch self {
            case .client: 20
            case .owner: 30
            case .worker: 48
            case .reader: 8
            case .time: 8
            case .network: 8
            case .cleaner: 8
            case .fault: 6
            case .crash: 5
            case .check: 4
            }
        }
    }

    private var random: SeededRandom
    private var weights: [(kind: Kind, weight: Int)] = []
    private let heldInPercent: Int
    private let hasFailingSynchronization: Bool
    private let hasFaults: Bool
    /// The worker whose commit is about to meet a fault.
    private var failingCommit: Int?
    /// Who acts next, with a chance.
    private var focus: (owner: Int, worker: Int) = (0, 0)
    /// How far each has come on the way to a commit.
    private var ownerPhase = [Int](repeating: 0, count: Place.ownerCount)
    private var workerPhase = [Int](repeating: 0, count: Place.workerCount)

    init(_ random: SeededRandom) {
        var random = random
        for kind in Kind.allCases {
            // Inputs and checks are always there; everything else is missing from some histories.
            let isAbsent = kind != .client && kind != .check && Int.random(in: 0..<6, using: &random) == 0
            let factor = Int.random(in: 1...3, using: &random)
            if !isAbsent { weights.append((kind, kind.weight * factor)) }
        }
        heldInPercent = [0, 5, 15, 30][Int.random(in: 0..<4, using: &random)]
        hasFaults = weights.contains { $0.kind == .fault }
        hasFailingSynchronization = Int.random(in: 0..<2, using: &random) == 0
        self.random = random
    }

    mutating func next() -> Step {
        var draw = number(0..<weights.reduce(0) { $0 + $1.weight })
        for (kind, weight) in weights {
            if draw < weight { return step(kind) }
            draw -= weight
        }
        return .observe
    }

    private mutating func step(_ kind: Kind) -> Step {
        switch kind {
        case .client: client()
        case .owner: owner()
        case .worker: worker()
        case .reader: reader()
        case .time: time()
        case .network: .deliver(number(0..<8))
        case .cleaner: .clean
        case .fault: chance(3) ? .calm : .fault(fault())
        case .crash: chance(4) ? .restart : .crash(crash())
        case .check: chance(4) ? .calm : .observe
        }
    }

    private mutating func client() -> Step {
        let client = number(0..<Place.clientCount)
        if chance(5) { return .resend(client: client, partition: number(0..<Place.all.count)) }
        // Mostly inputs, so that the loops have something to do.
        let any = Place.all.count
        let tables = any - Place.tables.count..<any
        let partition = chance(2) ? number(chance(2) ? tables : 0..<any) : number(0..<Place.inputs.count)
        let acknowledgement: Acknowledgement = chance(2) ? .durable : .written
        return .send(client: client, partition: partition, count: number(1..<4), acknowledgement, transport())
    }

    private mutating func owner() -> Step {
        if chance(3) { focus.owner = number(0..<Place.ownerCount) }
        let owner = focus.owner
        // Most of the time it does what leads to a commit.
        ownerPhase[owner] = chance(5) ? number(0..<4) : min(ownerPhase[owner], 4)
        switch ownerPhase[owner] {
        case 0:
            ownerPhase[owner] = 1
            return .takeOver(owner: owner)
        case 1, 2:
            ownerPhase[owner] += number(0..<2)
            let partition =
                chance(3) ? Place.all.count - 1 - number(0..<Place.tables.count) : number(0..<Place.all.count)
            return .write(owner: owner, partition: partition, count: number(1..<4), transport())
        case 3:
            ownerPhase[owner] = 4
            return .position(owner: owner, transport())
        default:
            ownerPhase[owner] = chance(6) ? 0 : 1
            return .end(owner: owner, commits: !chance(4), transport())
        }
    }

    private mutating func worker() -> Step {
        if chance(4) { focus.worker = number(0..<Place.workerCount) }
        let worker = focus.worker
        workerPhase[worker] = chance(8) && failingCommit != worker ? number(0..<5) : workerPhase[worker]
        switch workerPhase[worker] {
        case 0, 1:
            workerPhase[worker] += 1
            return .poll(worker: worker)
        case 2:
            workerPhase[worker] = chance(4) ? 3 : 4
            return .transform(worker: worker, count: number(1..<5))
        case 3:
            workerPhase[worker] = 4
            return .sendPositions(worker: worker)
        case 5:
            workerPhase[worker] = 0
            return .observe
        default:
            if hasFaults, chance(8) {
                // All that a commit writes to its outputs are the markers.
                let targets: [Fault.Target] = [.outputs, .firstOutput, .positions, .transactions]
                let target = targets[number(0..<targets.count)]
                failingCommit = worker
                return .fault(Fault(call: .write, target: target, isNoSpace: false, skipping: number(0..<2), times: 1))
            }
            if failingCommit == worker {
                failingCommit = nil
                workerPhase[worker] = 5
                return .finish(worker: worker, commits: true)
            }
            workerPhase[worker] = chance(3) ? 0 : 2
            if chance(10) { return .stop(worker: worker, inOrder: chance(2)) }
            return .finish(worker: worker, commits: !chance(6))
        }
    }

    private mutating func reader() -> Step {
        let reader = number(0..<Place.readerCount)
        switch number(0..<6) {
        case 0..<3: return .read(reader: reader)
        case 3..<5: return .commitRead(reader: reader, transport())
        default: return .stopReading(reader: reader, inOrder: chance(2))
        }
    }

    /// Mostly moments; now and then so long that members and transactions are given up.
    private mutating func time() -> Step {
        switch number(0..<8) {
        case 0..<4: .wait(milliseconds: number(1..<2_000))
        case 4..<6: .wait(milliseconds: number(5_000..<12_000))
        case 6: .wait(milliseconds: number(12_000..<40_000))
        default: .setClock(byMilliseconds: number(-60_000..<60_000))
        }
    }

    private mutating func fault() -> Fault {
        let calls: [Fault.Call] =
            hasFailingSynchronization
            ? [.write, .write, .synchronize, .rename, .open, .truncate, .remove] : [.write, .write, .open]
        let call = calls[number(0..<calls.count)]
        return Fault(
            call: call,
            target: Fault.Target.allCases[number(0..<Fault.Target.allCases.count)],
            isNoSpace: call == .write && chance(2),
            skipping: number(0..<4),
            times: number(1..<4)
        )
    }

    private mutating func crash() -> Crash {
        let loss: Crash.Loss =
            switch number(0..<3) {
            case 0: .nothing
            case 1: .unsynchronized
            default: .torn(seed: random.next() % 1_000_000)
            }
        let trouble: Crash.RecoveryTrouble =
            switch number(0..<6) {
            case 0: .crash(call: number(1..<120))
            case 1: .fault(fault())
            default: .none
            }
        return Crash(call: chance(3) ? 0 : number(1..<60), loss: loss, trouble: trouble)
    }

    private mutating func transport() -> Transport {
        guard number(0..<100) < heldInPercent else { return .prompt }
        return chance(3) ? .answerLost : .held
    }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func chance(_ oneIn: Int) -> Bool { number(0..<oneIn) == 0 }
}
