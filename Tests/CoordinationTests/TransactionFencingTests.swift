import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Fencing of producers")
struct TransactionFencingTests {
    @Test("A new owner aborts the transaction under way, and nothing of the old one is accepted")
    func zombie() throws {
        var harness = TransactionHarness()
        let zombie = try harness.initialise()
        try harness.add([first], by: zombie)
        let outcome = try harness.coordinator.initProducerId(
            "app",
            timeoutMs: 60_000,
            producerIds: &harness.producerIds,
            now: harness.now
        )
        guard case .abortFirst(let decided) = outcome else {
            Issue.record("a transaction was under way")
            return
        }
        harness.append(decided.record)
        #expect(decided.markers.result == .abort)
        #expect(decided.markers.producer == ProducerIdentity(id: 1_000, epoch: 2))
        expectFenced(zombie, &harness, "while the abort is pending")
        harness.complete(decided)
        expectFenced(zombie, &harness, "when the abort is complete")
        let owner = try harness.initialise()
        #expect(owner == ProducerIdentity(id: 1_000, epoch: 3))
        expectFenced(zombie, &harness, "when the new owner has its identity")
        try harness.add([first], by: owner)
        expectFenced(zombie, &harness, "when the new owner's transaction is under way")
        try harness.replayAgain()
    }

    private func expectFenced(_ zombie: ProducerIdentity, _ harness: inout TransactionHarness, _ when: String) {
        let before = harness.coordinator
        let answers = [
            code { () throws(CoordinatorError) in try harness.add([second], by: zombie) },
            code { () throws(CoordinatorError) in _ = try harness.end(.commit, by: zombie) },
            code { () throws(CoordinatorError) in _ = try harness.end(.abort, by: zombie) },
            code { () throws(CoordinatorError) in _ = try harness.initialise(expected: zombie) },
            code { () throws(CoordinatorError) in
                try harness.coordinator.verify(first, in: "app", producer: zombie)
            },
        ]
        #expect(answers == Array(repeating: .producerFenced, count: 5), "\(when)")
        #expect(harness.coordinator == before, "\(when)")
    }

    @Test("A fenced owner at the last epoch is not taken for a retry")
    func zombieAtLastEpoch() throws {
        var harness = TransactionHarness()
        let zombie = ProducerIdentity(id: 3, epoch: 32_766)
        harness.force(ongoing(zombie))
        let owner = try harness.initialise()
        #expect(owner == ProducerIdentity(id: 1_000, epoch: 0))
        #expect(harness.log.contains { $0.metadata?.producer == ProducerIdentity(id: 3, epoch: 32_767) })
        for index in 1...harness.log.count {
            var earlier = TransactionHarness()
            for record in harness.log.prefix(index).dropFirst() { earlier.append(record) }
            guard index > 1 else { continue }
            let answer = code { () throws(CoordinatorError) in _ = try earlier.end(.abort, by: zombie) }
            #expect(answer == .producerFenced || answer == .invalidProducerIdMapping, "after record \(index)")
        }
    }

    @Test("An owner that names its identity is served, and a retry gets the same answer")
    func expectedIdentity() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        let raised = try harness.initialise(expected: producer)
        #expect(raised == ProducerIdentity(id: 1_000, epoch: 1))
        try harness.replayAgain()
        #expect(try harness.initialise(expected: producer) == raised)
        #expect(try harness.initialise(expected: producer) == raised)
        #expect(try harness.initialise(expected: raised) == ProducerIdentity(id: 1_000, epoch: 2))
        let late = code { () throws(CoordinatorError) in _ = try harness.initialise(expected: producer) }
        #expect(late == .producerFenced)
    }

    @Test("After a newcomer's initialisation no earlier identity is served")
    func newcomerFencesRetries() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        let raised = try harness.initialise(expected: producer)
        _ = try harness.initialise()
        for old in [producer, raised] {
            let answer = code { () throws(CoordinatorError) in _ = try harness.initialise(expected: old) }
            #expect(answer == .producerFenced, "\(old)")
        }
    }

    @Test("An owner that names its identity has its own transaction aborted and keeps the producer id")
    func ownAbort() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer)
        #expect(try harness.initialise(expected: producer) == ProducerIdentity(id: 1_000, epoch: 1))
        #expect(harness.log.map { $0.metadata?.state } == [.empty, .ongoing, .prepareAbort, .completeAbort, .empty])
    }

    @Test("An exhausted epoch gives a new producer id with the next session")
    func exhaustionBySessions() throws {
        var harness = TransactionHarness()
        harness.force(
            TransactionMetadata(
                producer: ProducerIdentity(id: 3, epoch: 32_765),
                timeoutMs: 60_000,
                state: .empty,
                lastUpdateMs: 0
            )
        )
        let last = try harness.initialise()
        #expect(last == ProducerIdentity(id: 3, epoch: 32_766))
        let rotated = try harness.initialise(expected: last)
        #expect(rotated == ProducerIdentity(id: 1_000, epoch: 0))
        try harness.replayAgain()
        #expect(try harness.initialise(expected: last) == rotated)
        #expect(try harness.initialise() == ProducerIdentity(id: 1_000, epoch: 1))
    }

    @Test("A transaction that uses up the last epoch ends under it and goes on with a new producer id")
    func exhaustionByTransactions() throws {
        for result in [TransactionResult.commit, .abort] {
            var harness = TransactionHarness()
            let last = ProducerIdentity(id: 3, epoch: 32_766)
            harness.force(ongoing(last))
            guard case .decided(let decided) = try harness.end(result, by: last) else {
                Issue.record("the transaction was under way")
                return
            }
            let next = ProducerIdentity(id: 1_000, epoch: 0)
            #expect(decided.markers.producer == ProducerIdentity(id: 3, epoch: 32_767))
            #expect(decided.nextProducer == next)
            let early = code { () throws(CoordinatorError) in try harness.add([first], by: next) }
            #expect(
                early == .concurrentTransactions,
                "the client knows its next identity before the markers are written"
            )
            harness.complete(decided)
            try harness.replayAgain()
            #expect(try harness.end(result, by: last) == .alreadyEnded(next))
            try harness.add([first], by: next)
            #expect(try harness.finish(.commit, by: next) == ProducerIdentity(id: 1_000, epoch: 1))
        }
    }

    @Test("A transaction past its timeout is aborted and its owner fenced")
    func timeout() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        #expect(harness.coordinator.nextDeadline == nil)
        try harness.add([first], by: producer)
        let deadline = try #require(harness.coordinator.nextDeadline)
        #expect(deadline == 1_060_001)
        #expect(harness.coordinator.expireTransactions(now: deadline - 1).isEmpty)
        let expired = harness.coordinator.expireTransactions(now: deadline)
        #expect(expired.count == 1)
        for decided in expired {
            #expect(decided.markers.result == .abort)
            #expect(decided.markers.partitions == [first])
            harness.append(decided.record)
            harness.complete(decided)
        }
        expectFenced(producer, &harness, "after the timeout")
        #expect(harness.coordinator.nextDeadline == nil)
        #expect(try harness.initialise().epoch > producer.epoch)
    }

    @Test("A transaction of an older client that times out fences its owner, too")
    func timeoutOfOlderClient() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer, version: .one)
        for decided in harness.coordinator.expireTransactions(now: .max) {
            #expect(decided.markers.producer.epoch > producer.epoch)
            harness.append(decided.record)
            harness.complete(decided)
        }
        for result in [TransactionResult.commit, .abort] {
            let answer = code { () throws(CoordinatorError) in
                _ = try harness.end(result, by: producer, version: .one)
            }
            #expect(answer == .producerFenced)
        }
    }

    @Test("Times at the end of time do not trap")
    func extremeTimes() throws {
        var harness = TransactionHarness()
        var metadata = ongoing(ProducerIdentity(id: 3, epoch: 1))
        metadata.startMs = .max
        metadata.lastUpdateMs = .max
        metadata.timeoutMs = .max - 1
        harness.force(metadata)
        #expect(harness.coordinator.nextDeadline == .max)
        #expect(harness.coordinator.expireTransactionalIds(now: 0).isEmpty)
    }

    @Test("Unused transactional ids expire, and never one with a transaction")
    func idExpiration() throws {
        var harness = TransactionHarness()
        _ = try harness.initialise("unused")
        let producer = try harness.initialise("busy")
        try harness.add([first], by: producer, to: "busy")
        let week: Int64 = 604_800_000
        #expect(harness.coordinator.expireTransactionalIds(now: harness.now + week - 1).isEmpty)
        let tombstones = harness.coordinator.expireTransactionalIds(now: harness.now + week)
        #expect(tombstones == [TransactionRecord(transactionalId: "unused", metadata: nil)])
        for record in tombstones { harness.append(record) }
        #expect(harness.coordinator.list().map(\.transactionalId) == ["busy"])
        try harness.replayAgain()
        #expect(try harness.initialise("unused").id == 1_002)
    }

    private func ongoing(_ producer: ProducerIdentity) -> TransactionMetadata {
        TransactionMetadata(
            producer: producer,
            timeoutMs: 60_000,
            state: .ongoing,
            partitions: [first],
            lastUpdateMs: 0,
            startMs: 0,
            clientVersion: .two
        )
    }
}
