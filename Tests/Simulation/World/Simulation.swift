import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit

/// What a run has done, as a measure of what it has tried.
package struct Statistics: Hashable, Sendable {
    package var steps = 0
    package var commits = 0
    package var recoveries = 0
    package var faults = 0
    package var batches = 0
    /// Records of tables that the cleaner has removed, and passes that have made a log of the broker's own smaller.
    package var removedRecords = 0
    package var internalPasses = 0

    static func + (left: Statistics, right: Statistics) -> Statistics {
        Statistics(
            steps: left.steps + right.steps,
            commits: left.commits + right.commits,
            recoveries: left.recoveries + right.recoveries,
            faults: left.faults + right.faults,
            batches: left.batches + right.batches,
            removedRecords: left.removedRecords + right.removedRecords,
            internalPasses: left.internalPasses + right.internalPasses
        )
    }
}

/// What came of a run.
package struct Outcome: Sendable {
    package var violation: Violation?
    /// How many steps were taken; after a violation, none are.
    package var stepCount: Int
    package var statistics: Statistics
    /// How many calls the file system got from the first step to the first crash.
    package var callCount: Int
    /// What was done and answered, and what the disk held at the end: the same for each run of a history.
    package var historyDigest: UInt64
    package var diskDigest: UInt64
    /// What each step led to, line by line.
    package var transcript: [String]
}

/// A run of one history. Used by one thread.
final class Simulation {
    let machine: Machine
    var model = Model()
    var clients: [RemoteClient]
    var owners: [RemoteOwner]
    var workers: [Worker?]
    var readers: [Reader?]
    /// Requests on their way.
    var held: [Request] = []
    var statistics = Statistics()
    /// The crash that comes within a later call.
    private var pendingCrash: Crash?
    /// The calls of the file system from the first step to the first crash.
    private var callCount = 0
    private var transcript: [String] = []

    private init(seed: UInt64, sabotage: Sabotage) {
        machine = Machine(seed: seed, sabotage: sabotage)
        clients = (0..<Place.clientCount).map { RemoteClient(isIdempotent: $0 > 0) }
        owners = (0..<Place.ownerCount).map { RemoteOwner(transactionalId: Place.transactionalId(ofOwner: $0)) }
        workers = [Worker?](repeating: nil, count: Place.workerCount)
        readers = [Reader?](repeating: nil, count: Place.readerCount)
    }

    /// What a step takes: long enough that members look after their group.
    private static let stepDuration = Duration.milliseconds(100)

    /// Runs a history to its end, or to the first violation.
    static func run(_ history: History, sabotage: Sabotage = Sabotage()) -> Outcome {
        let simulation = Simulation(seed: history.seed, sabotage: sabotage)
        let count = simulation.run(history.steps)
        return simulation.outcome(stepCount: count)
    }

    private func run(_ steps: [Step]) -> Int {
        do {
            try machine.open()
            try machine.makeTopics()
        } catch {
            model.violate(.live, "an empty directory could not be opened: \(error)")
        }
        callCount = -machine.disk.callCount
        for (index, step) in steps.enumerated() {
            if model.violation != nil { return index }
            transcript.append("\(index + 1). \(step)")
            machine.time.advance(by: Self.stepDuration)
            take(step)
            if machine.disk.isCrashed, let crash = pendingCrash { recover(from: crash) }
        }
        if model.violation == nil { end() }
        return steps.count
    }

    private func take(_ step: Step) {
        switch step {
        case .send(let client, let partition, let count, let acknowledgement, let transport):
            sendBatch(client, to: Place.all[partition], count: count, acknowledgement, transport)
        case .resend(let client, let partition): resend(client, to: Place.all[partition])
        case .takeOver(let owner): takeOver(owner)
        case .write(let owner, let partition, let count, let transport):
            write(owner, to: Place.all[partition], count: count, transport)
        case .position(let owner, let transport): sendPosition(owner, transport)
        case .end(let owner, let commits, let transport): end(owner, commits: commits, transport)
        case .poll(let worker): poll(worker: worker)
        case .transform(let worker, let count): transform(worker: worker, count: count)
        case .sendPositions(let worker): sendPositions(worker: worker)
        case .finish(let worker, let commits): finish(worker: worker, commits: commits)
        case .stop(let worker, let inOrder): stop(worker: worker, inOrder: inOrder)
        case .read(let reader): read(reader: reader)
        case .commitRead(let reader, let transport): commitRead(reader: reader, transport)
        case .stopReading(let reader, let inOrder): stop(reader: reader, inOrder: inOrder)
        case .deliver(let number):
            guard !held.isEmpty else { return }
            note(carryOut(held.remove(at: number % held.count)).summary)
        case .wait(let milliseconds):
            machine.time.advance(by: .milliseconds(milliseconds))
            machine.broker?.keepHouse()
        case .setClock(let milliseconds):
            machine.time.setWallClock(milliseconds: machine.time.milliseconds + Int64(milliseconds))
        case .clean: clean()
        case .fault(let fault): machine.add(fault)
        case .calm: calm()
        case .observe: inspect(machine.hasMetFaults ? .troubled : .settled)
        case .restart: restart()
        case .crash(let crash):
            if crash.call == 0 {
                recover(from: crash)
            } else {
                pendingCrash = crash
                machine.disk.failAfter(calls: crash.call)
            }
        }
    }

    /// Writes a line of the transcript.
    func note(_ text: String) { transcript.append("   " + text) }

    private func outcome(stepCount: Int) -> Outcome {
        var digest = Digest()
        for line in transcript { digest.add(line) }
        statistics.steps = stepCount
        statistics.batches = model.batches.count
        return Outcome(
            violation: model.violation,
            stepCount: stepCount,
            statistics: statistics,
            callCount: callCount,
            historyDigest: digest.value,
            diskDigest: machine.disk.digest,
            transcript: transcript
        )
    }

    // Checks

    private func inspect(_ moment: Inspection.Moment) {
        guard let broker = machine.broker, !machine.disk.isCrashed else { return }
        var inspection = Inspection(machine, broker, moment)
        do {
            try inspection.run(&model)
        } catch {
            guard !machine.disk.isCrashed, !machine.hasMetFaults else { return note("cannot be read: \(error)") }
            model.violate(.recovery, "what is there cannot be read: \(error)")
        }
    }

    /// Without faults, housekeeping finishes what was left undone; unless the disk has failed to synchronise, after which
    /// logs take no writes until they are opened anew.
    private func calm() {
        statistics.faults += machine.hasMetFaults ? 1 : 0
        let isWhole = !machine.hasFailedSynchronization || !machine.hasMetFaults
        guard isWhole, pendingCrash == nil else { return }
        machine.endFaults()
        machine.broker?.keepHouse()
        inspect(.settled)
    }

    // Ends and beginnings

    /// Everybody in the broker's process goes with it.
    private func forgetProcess() {
        if machine.disk.faultCount > 0 { model.lostProcess() }
        for index in workers.indices { workers[index] = nil }
        for index in readers.indices { readers[index] = nil }
    }

    private func restart() {
        guard pendingCrash == nil else { return }
        if machine.hasMetFaults {
            return recover(from: Crash(call: 0, loss: .unsynchronized, trouble: .none))
        }
        machine.endFaults()
        forgetProcess()
        machine.close()
        let before = machine.disk.openFileCount
        if before > 0 { model.violate(.recovery, "\(before) files are still open after closing") }
        open()
        inspect(.recovered)
    }

    private func recover(from crash: Crash) {
        pendingCrash = nil
        statistics.recoveries += 1
        statistics.faults += machine.hasMetFaults ? 1 : 0
        forgetProcess()
        lose(crash.loss)
        switch crash.trouble {
        case .none: break
        case .crash(let call):
            machine.disk.failAfter(calls: call)
            _ = machine.ask { try machine.open() }
            // A recovery that needs fewer calls was not interrupted: its process is killed.
            lose(machine.disk.isCrashed ? crash.loss : .nothing)
        case .fault(let fault):
            machine.add(fault)
            _ = machine.ask { try machine.open() }
            lose(machine.hasFailedSynchronization ? .unsynchronized : .nothing)
        }
        open()
        inspect(.recovered)
    }

    private func lose(_ loss: Crash.Loss) {
        let actual = machine.hasFailedSynchronization && loss == .nothing ? .unsynchronized : loss
        note("\(actual)")
        if callCount <= 0 { callCount += machine.disk.callCount }
        if actual != .nothing { model.lostPower() }
        machine.crash(actual)
    }

    private func open() {
        do {
            try machine.open()
        } catch {
            model.violate(.recovery, "the directory cannot be opened: \(error)")
        }
    }

    /// At the end of a run the machine is started once more, all owners are replaced, and nothing may hang.
    private func end() {
        transcript.append("the end")
        recover(from: pendingCrash ?? Crash(call: 0, loss: .nothing, trouble: .none))
        guard model.violation == nil, let broker = machine.broker else { return }
        for number in stride(from: 0, to: owners.count, by: 2) { takeOver(number) }
        for id in Place.transactionalIds.suffix(2) {
            let answer = machine.ask { try broker.transactions.initProducerId(id, timeout: Self.transactionTimeout) }
            if let producer = answer.value { model.gave(producer, to: id) }
        }
        inspect(.settled)
        for partition in Place.all {
            guard let log = try? broker.partition(partition).log, log.lastStableOffset < log.logEndOffset else {
                continue
            }
            model.violate(
                .live,
                "with all owners replaced, \(partition) is still read to \(log.lastStableOffset) of \(log.logEndOffset) only"
            )
        }
        if model.violation == nil { restart() }
        machine.close()
    }
}
