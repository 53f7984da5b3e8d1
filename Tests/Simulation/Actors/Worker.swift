import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import Synchronization

/// A consume-transform-produce loop on the client's connections, in the broker's process: it dies with it.
///
/// What a correct application does: it gives a transaction up when its partitions are taken, and starts anew after an
/// error. It may be slow, though, and not poll for so long that others take its work over.
final class Worker: RebalanceListener {
    struct Input {
        var place: RecordPlace
        var value: String
    }

    let transactionalId: String
    let consumer: any ConsumerConnection
    let producer: any ProducerConnection
    /// What was read and not transformed yet.
    var inbox: [Input] = []
    /// The model's number of the open transaction, with the positions after what it has transformed, and before.
    var transaction: Int?
    var positions: [TopicPartition: Int64] = [:]
    var starts: [TopicPartition: Int64] = [:]
    /// Partitions were taken away; the simulation aborts what was based on them.
    var mustAbort = false

    init(transactionalId: String, consumer: any ConsumerConnection, producer: any ProducerConnection) {
        self.transactionalId = transactionalId
        self.consumer = consumer
        self.producer = producer
    }

    func partitionsRevoked(_ partitions: [TopicPartition]) { giveUp() }
    func partitionsLost(_ partitions: [TopicPartition]) { giveUp() }
    func partitionsAssigned(_ partitions: [TopicPartition]) {}

    private func giveUp() {
        inbox = []
        mustAbort = transaction != nil
    }
}

extension Simulation {
    func poll(worker number: Int) {
        guard let worker = workers[number] ?? start(worker: number) else { return }
        // Joining, getting an assignment and fetching are a step each.
        for _ in 0..<3 {
            let answer = machine.ask { try worker.consumer.poll(timeout: .zero) }
            guard let fetched = answer.value else { return fail(worker: number, answer.void) }
            for part in fetched {
                let records = machine.ask { try SeenRecord.all(in: part) }
                guard let records = records.value else { return fail(worker: number, records.void) }
                for record in records {
                    model.saw(record, in: part.partition)
                    let place = RecordPlace(partition: part.partition, offset: record.offset)
                    worker.inbox.append(Worker.Input(place: place, value: record.value))
                }
                note("\(part.partition): \(records.map(\.value))")
            }
            if worker.mustAbort { return finish(worker: number, commits: false) }
        }
        if let member = worker.consumer.membership { model.joined(member) }
        note("\(worker.consumer.assignment)")
    }

    private func start(worker number: Int) -> Worker? {
        guard let broker = machine.broker else { return nil }
        let id = Place.transactionalId(ofWorker: number)
        var consuming = ConsumerSettings()
        consuming.groupId = Place.workers
        consuming.autoCommitInterval = nil
        consuming.sessionTimeout = Self.sessionTimeout
        consuming.maximumPollInterval = Self.sessionTimeout
        var producing = ProducerSettings()
        producing.transactionalId = id
        producing.transactionTimeout = Self.transactionTimeout
        let answer = machine.ask {
            let producer = try broker.connectProducer(producing)
            try producer.initTransactions()
            let consumer = try broker.connectConsumer(consuming)
            let worker = Worker(transactionalId: id, consumer: consumer, producer: producer)
            try consumer.subscribe(to: ["input"], listener: worker)
            return worker
        }
        guard let worker = answer.value else {
            note(answer.void.summary)
            return nil
        }
        model.replacedOwner(of: id)
        workers[number] = worker
        return worker
    }

    func transform(worker number: Int, count: Int) {
        guard let worker = workers[number], !worker.mustAbort, !worker.inbox.isEmpty else { return }
        if worker.transaction == nil {
            let answer = machine.ask { try worker.producer.beginTransaction() }
            guard case .done = answer else { return fail(worker: number, answer) }
            worker.transaction = model.begin(worker.transactionalId)
        }
        for _ in 0..<min(count, worker.inbox.count) {
            let input = worker.inbox.removeFirst()
            if worker.starts[input.place.partition] == nil { worker.starts[input.place.partition] = input.place.offset }
            worker.positions[input.place.partition] = input.place.offset + 1
            let answer = write(outputOf: input, worker)
            guard case .done = answer else { return fail(worker: number, answer) }
        }
        note("wrote up to \(worker.positions.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" })")
    }

    private func write(outputOf input: Worker.Input, _ worker: Worker) -> Answer<Void> {
        // One partition's records spread over all outputs, those of one output in order.
        let output = Place.outputs[
            (Int(input.place.offset) + Int(input.place.partition.partition)) % Place.outputs.count
        ]
        let origin = Batch.Origin(place: input.place, value: input.value)
        let batch = model.add(to: output, count: 1, transaction: worker.transaction, origin: origin)
        let receipt = Mutex<Int64?>(nil)
        let records = builder(of: model.batches[batch], timeMs: machine.time.milliseconds)
        let answer = machine.ask {
            try worker.producer.send(records, to: output) { result in
                receipt.withLock { $0 = try? result.get().baseOffset }
            }
        }
        switch answer {
        case .done: model.appended(batch, .done(receipt.withLock { $0 } ?? -1))
        case .refused(let why): model.appended(batch, .refused(why))
        case .unknown(let why): model.appended(batch, .unknown(why))
        }
        return answer
    }

    func sendPositions(worker number: Int) {
        guard let worker = workers[number], let transaction = worker.transaction, !worker.mustAbort else { return }
        guard let member = worker.consumer.membership else { return }
        let positions = worker.positions.mapValues { CommittedOffset(offset: $0) }
        let answer = machine.ask { try worker.producer.sendOffsets(positions, for: member) }
        model.positioned(transaction, answer, by: member)
        if case .done = answer { note("done") } else { fail(worker: number, answer) }
    }

    func finish(worker number: Int, commits: Bool) {
        guard let worker = workers[number], let transaction = worker.transaction else { return }
        if commits, !worker.mustAbort {
            sendPositions(worker: number)
            guard workers[number] === worker else { return }
            let answer = machine.ask { try worker.producer.commitTransaction() }
            model.committed(transaction, answer)
            guard case .done = answer else { return fail(worker: number, answer) }
            statistics.commits += 1
        } else {
            let answer = machine.ask { try worker.producer.abortTransaction() }
            model.aborted(transaction, answer)
            guard case .done = answer else { return fail(worker: number, answer) }
            // What was given up is read again, if it is still this worker's, and so is what was read ahead.
            for input in worker.inbox.reversed() where worker.starts[input.place.partition] ?? .max > input.place.offset
            {
                worker.starts[input.place.partition] = input.place.offset
            }
            worker.inbox = []
            for (partition, offset) in worker.starts.sorted(by: { $0.key < $1.key })
            where worker.consumer.assignment.contains(partition) {
                _ = machine.ask { try worker.consumer.seek(partition, to: offset) }
            }
        }
        worker.transaction = nil
        worker.positions = [:]
        worker.starts = [:]
        worker.mustAbort = false
        note("done")
    }

    /// After an error, a loop starts anew.
    func fail(worker number: Int, _ answer: Answer<Void>) {
        note(answer.summary)
        stop(worker: number, inOrder: true)
    }

    func stop(worker number: Int, inOrder: Bool) {
        guard let worker = workers[number] else { return }
        workers[number] = nil
        guard inOrder else { return }
        worker.producer.close()
        worker.consumer.close()
    }

    /// Short enough that members are missed within a run.
    static let sessionTimeout = Duration.seconds(10)
}
