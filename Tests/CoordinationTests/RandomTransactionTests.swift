import MillraceCoordination
import MillracePrimitives
import Testing

/// Random requests of several clients, some of them zombies, against the coordinator; what must always hold is checked
/// after each.
@Suite("Random transactions")
struct RandomTransactionTests {
    private struct Client {
        var transactionalId: String
        var producer: ProducerIdentity
    }

    private struct Run {
        var harness = TransactionHarness()
        var random: SeededRandom
        var clients: [Client] = []
        var pending: [DecidedTransaction] = []
        /// What each transaction's data was decided to be.
        var outcomes: [ProducerIdentity: TransactionResult] = [:]

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func decide(_ decided: DecidedTransaction, before: TransactionMetadata?) {
            pending.append(decided)
            guard let before, before.state == .ongoing else { return }
            outcomes[before.producer] = decided.markers.result
        }

        mutating func step() throws(CoordinatorError) {
            harness.now += Int64(number(0...20_000))
            if harness.producerIds.remaining < 5 { harness.producerIds = ProducerIdBlock(5_000..<9_000) }
            if clients.count > 9 { clients.removeFirst(clients.count - 9) }
            switch number(0...11) {
            case 0: try initialise(expected: nil)
            case 1: try initialise(expected: clients.randomElement(using: &random))
            case 2...5: try addPartition()
            case 6...8: try end()
            case 9, 10: completeOne()
            default: expire()
            }
        }

        mutating func initialise(expected: Client?) throws(CoordinatorError) {
            let id = expected?.transactionalId ?? "id-\(number(0...2))"
            let before = harness.coordinator.metadata(of: id)
            let outcome = try harness.coordinator.initProducerId(
                id,
                timeoutMs: 60_000,
                expected: expected?.producer,
                producerIds: &harness.producerIds,
                now: harness.now
            )
            switch outcome {
            case .assigned(let producer, let record), .kept(let producer, _, let record):
                harness.append(record)
                clients.append(Client(transactionalId: id, producer: producer))
            case .abortFirst(let decided):
                harness.append(decided.record)
                decide(decided, before: before)
            }
        }

        mutating func addPartition() throws(CoordinatorError) {
            guard let client = clients.randomElement(using: &random) else { return }
            let partition = TopicPartition("t", Int32(number(0...3)))
            try harness.add([partition], by: client.producer, to: client.transactionalId)
        }

        mutating func end() throws(CoordinatorError) {
            guard let client = clients.randomElement(using: &random) else { return }
            let before = harness.coordinator.metadata(of: client.transactionalId)
            let result: TransactionResult = Bool.random(using: &random) ? .commit : .abort
            let outcome = try harness.end(result, by: client.producer, of: client.transactionalId)
            let next: ProducerIdentity
            switch outcome {
            case .alreadyEnded(let identity):
                next = identity
            case .decided(let decided):
                decide(decided, before: before)
                next = decided.nextProducer
            }
            clients.append(Client(transactionalId: client.transactionalId, producer: next))
        }

        mutating func completeOne() {
            guard !pending.isEmpty else { return }
            harness.complete(pending.remove(at: number(0...(pending.count - 1))))
        }

        mutating func expire() {
            let before = harness.coordinator
            for decided in harness.coordinator.expireTransactions(now: harness.now) {
                harness.append(decided.record)
                decide(decided, before: before.metadata(of: decided.record.transactionalId))
            }
        }
    }

    @Test("Records lead to the same state again, and identities only go up", arguments: 1...12 as ClosedRange<UInt64>)
    func replay(seed: UInt64) throws {
        var run = Run(seed: seed)
        var highest: [String: ProducerIdentity] = [:]
        var checked = 0
        for step in 0..<600 {
            // Some ids start near the end of their epochs.
            if step == 0 {
                run.harness.force(
                    TransactionMetadata(
                        producer: ProducerIdentity(id: 7, epoch: 32_758),
                        timeoutMs: 60_000,
                        state: .empty,
                        lastUpdateMs: 0
                    ),
                    of: "id-0"
                )
            }
            let before = run.harness.log.count
            do throws(CoordinatorError) {
                try run.step()
            } catch {
                #expect(run.harness.log.count == before, "seed \(seed): a refused request leaves no record")
                #expect(error.code != .coordinatorNotAvailable, "seed \(seed): \(error)")
            }
            for record in run.harness.log[checked...] {
                let producer = try #require(record.metadata?.producer)
                if let last = highest[record.transactionalId] {
                    let goesUp = (last.id, last.epoch) <= (producer.id, producer.epoch)
                    #expect(goesUp, "seed \(seed), step \(step): \(last) before \(producer)")
                }
                highest[record.transactionalId] = producer
            }
            checked = run.harness.log.count
            let pendingIds = Set(run.harness.coordinator.pendingMarkers().map(\.transactionalId))
            #expect(pendingIds == Set(run.pending.map(\.markers.transactionalId)), "seed \(seed), step \(step)")
            if step % 50 == 0 { try run.harness.replayAgain() }
        }
        try run.harness.replayAgain()
        #expect(run.harness.log.count > 100, "seed \(seed): the run did something")

        var decisions = TransactionDecisions()
        for record in run.harness.log { decisions.replay(try record.reread) }
        for (producer, result) in run.outcomes {
            #expect(decisions.result(for: producer) == result, "seed \(seed): \(producer)")
        }
    }
}
