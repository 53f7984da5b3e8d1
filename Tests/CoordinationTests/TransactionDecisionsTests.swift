import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Decisions found in recovery")
struct TransactionDecisionsTests {
    private func decisions(_ log: some Sequence<TransactionRecord>) -> TransactionDecisions {
        var decisions = TransactionDecisions()
        for record in log { decisions.replay(record) }
        return decisions
    }

    @Test("Each past transaction has its own outcome, also when the coordinator has moved on")
    func history() throws {
        var harness = TransactionHarness()
        var producer = try harness.initialise()
        let results: [TransactionResult] = [.commit, .commit, .abort, .commit, .abort, .abort]
        var expected: [(ProducerIdentity, TransactionResult)] = []
        for result in results {
            try harness.add([first], by: producer)
            expected.append((producer, result))
            producer = try harness.finish(result, by: producer)
        }
        try harness.add([first], by: producer)
        let found = decisions(harness.log)
        for (producer, result) in expected { #expect(found.result(for: producer) == result, "\(producer)") }
        #expect(found.result(for: producer) == nil, "this one is under way")
        #expect(found.result(for: ProducerIdentity(id: 5, epoch: 0)) == nil)
    }

    @Test("Data of a fenced producer was aborted, though its epoch is two below the marker's")
    func fenced() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer)
        _ = try harness.initialise()
        #expect(decisions(harness.log).result(for: producer) == .abort)
        #expect(decisions(harness.log).result(for: ProducerIdentity(id: 1_000, epoch: 1)) == nil)
    }

    @Test("A change of the producer id is followed")
    func overflow() throws {
        var harness = TransactionHarness()
        let last = ProducerIdentity(id: 3, epoch: 32_766)
        harness.force(
            TransactionMetadata(
                producer: last,
                timeoutMs: 60_000,
                state: .ongoing,
                partitions: [first],
                lastUpdateMs: 0,
                startMs: 0,
                clientVersion: .two
            )
        )
        let next = try harness.finish(.commit, by: last)
        try harness.add([first], by: next)
        _ = try harness.finish(.abort, by: next)
        #expect(decisions(harness.log).result(for: last) == .commit)
        #expect(decisions(harness.log).result(for: next) == .abort)
    }

    @Test("Before version 2 the epoch's last decision is found")
    func olderClients() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        for result in [TransactionResult.commit, .commit, .abort] {
            try harness.add([first], by: producer, version: .one)
            _ = try harness.finish(result, by: producer, version: .one)
            #expect(decisions(harness.log).result(for: producer) == result)
        }
    }

    @Test("With the record before the Prepare compacted away, the version tells the epoch")
    func compacted() throws {
        for version in [TransactionVersion.one, .two] {
            var harness = TransactionHarness()
            var producer = try harness.initialise()
            for _ in 0..<3 { producer = try harness.finish(.abort, by: producer) }
            try harness.add([first], by: producer, version: version)
            guard case .decided = try harness.end(.commit, by: producer, version: version) else {
                Issue.record("the transaction was under way")
                return
            }
            #expect(decisions(harness.log.suffix(1)).result(for: producer) == .commit, "version \(version.rawValue)")
        }
    }

    @Test("A record from long before the Prepare does not mislead")
    func gap() throws {
        var harness = TransactionHarness()
        var producer = try harness.initialise()
        let old = producer
        for _ in 0..<5 { producer = try harness.finish(.abort, by: producer) }
        try harness.add([first], by: producer)
        _ = try harness.end(.commit, by: producer)
        let log = [harness.log[0], harness.log[harness.log.count - 1]]
        #expect(decisions(log).result(for: producer) == .commit)
        #expect(decisions(log).result(for: old) == nil)
    }
}
