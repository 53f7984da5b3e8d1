import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Transaction states")
struct TransactionStateTests {
    /// For each state, by Kafka's number, those that may come before it.
    static let legal: [(Int8, Set<Int8>)] = [
        (0, [0, 4, 5]),
        (1, [0, 1, 4, 5]),
        (2, [1]),
        (3, [0, 1, 4, 5, 7]),
        (4, [2]),
        (5, [3]),
        (6, [0, 4, 5]),
        (7, [1]),
    ]

    @Test("Exactly Kafka's transitions are legal")
    func transitions() {
        #expect(Self.legal.map(\.0) == TransactionState.allCases.map(\.rawValue))
        for (next, previous) in Self.legal {
            for candidate in TransactionState.allCases {
                let isLegal = TransactionState(rawValue: next)?.canFollow(candidate)
                #expect(
                    isLegal == previous.contains(candidate.rawValue),
                    "\(candidate.name) before state \(next)"
                )
            }
        }
    }

    @Test("Owners that keep a prepared transaction come and go, through the end of a producer id's epochs")
    func manyOwners() throws {
        var harness = TransactionHarness()
        let first = try harness.initialise()
        try harness.add([TopicPartition("orders", 0)], by: first)
        let prepared = try harness.coordinator.prepareTransaction("app", producer: first, now: 0)
        harness.append(try #require(prepared))
        var owner = first
        for _ in 0..<40_000 {
            let outcome = try harness.coordinator.initProducerId(
                "app",
                timeoutMs: 1,
                keepsPrepared: true,
                producerIds: &harness.producerIds,
                now: 0
            )
            guard case .kept(let next, let ongoing, let record) = outcome else {
                Issue.record("the transaction was not kept: \(outcome)")
                return
            }
            #expect(ongoing == first)
            #expect((next.id, next.epoch) > (owner.id, owner.epoch))
            owner = next
            harness.coordinator.replay(record)
            harness.log[harness.log.count - 1] = record
        }
        #expect(owner.id != first.id)
        var decisions = TransactionDecisions()
        let end = try harness.finish(.commit, by: owner)
        #expect(end == ProducerIdentity(id: owner.id, epoch: owner.epoch + 1))
        try harness.replayAgain()
        for record in harness.log { decisions.replay(record) }
        #expect(decisions.result(for: first) == .commit, "recovery finds the decision by the identity of the records")
    }

    @Test("Exactly the Prepare states have a decision pending")
    func pendingResults() {
        for state in TransactionState.allCases {
            switch state {
            case .prepareCommit: #expect(state.pendingResult == .commit)
            case .prepareAbort: #expect(state.pendingResult == .abort)
            case .empty, .ongoing, .completeCommit, .completeAbort, .dead, .prepareEpochFence:
                #expect(state.pendingResult == nil)
            }
        }
    }
}
