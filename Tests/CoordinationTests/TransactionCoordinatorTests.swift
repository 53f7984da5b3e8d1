import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Transactions")
struct TransactionCoordinatorTests {
    @Test("A new transactional id gets a producer id at epoch 0")
    func newId() throws {
        var harness = TransactionHarness()
        #expect(try harness.initialise() == ProducerIdentity(id: 1_000, epoch: 0))
        #expect(try harness.initialise("other") == ProducerIdentity(id: 1_001, epoch: 0))
    }

    @Test("A second session keeps the producer id and raises the epoch")
    func secondSession() throws {
        var harness = TransactionHarness()
        _ = try harness.initialise()
        try harness.replayAgain()
        #expect(try harness.initialise() == ProducerIdentity(id: 1_000, epoch: 1))
    }

    @Test("A commit writes Prepare with a raised epoch, then Complete without partitions")
    func commit() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([second, first], by: producer)
        guard case .decided(let decided) = try harness.end(.commit, by: producer) else {
            Issue.record("the transaction was under way")
            return
        }
        #expect(decided.markers.producer == ProducerIdentity(id: 1_000, epoch: 1))
        #expect(decided.markers.partitions == [first, second])
        #expect(decided.markers.result == .commit)
        #expect(decided.markers.coordinatorEpoch == 7)
        #expect(decided.nextProducer == ProducerIdentity(id: 1_000, epoch: 1))
        #expect(harness.coordinator.pendingMarkers() == [decided.markers])
        harness.complete(decided)
        #expect(try harness.metadata().state == .completeCommit)
        #expect(try harness.metadata().partitions == [])
        #expect(harness.coordinator.pendingMarkers() == [])
        try harness.replayAgain()
    }

    @Test("Recovery between Prepare and Complete finds the markers to write")
    func recovery() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer)
        guard case .decided(let decided) = try harness.end(.abort, by: producer) else {
            Issue.record("the transaction was under way")
            return
        }
        try harness.replayAgain()
        #expect(harness.coordinator.pendingMarkers() == [decided.markers])
    }

    @Test("Completing twice writes nothing the second time")
    func completeTwice() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer)
        _ = try harness.finish(.commit, by: producer)
        let again = harness.coordinator.completeTransaction(
            "app",
            producer: ProducerIdentity(id: 1_000, epoch: 1),
            now: harness.now
        )
        #expect(again == nil)
    }

    @Test("Adding partitions that are in the transaction writes nothing")
    func addAgain() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first, second], by: producer)
        let count = harness.log.count
        try harness.add([second], by: producer)
        #expect(harness.log.count == count)
    }

    @Test("Later additions keep the transaction's start")
    func startTime() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        try harness.add([first], by: producer)
        harness.now += 500
        try harness.add([second], by: producer)
        #expect(try harness.metadata().startMs == 1_000_000)
        #expect(try harness.coordinator.describe("app").partitions == [first, second])
    }

    @Test("Verification accepts exactly the partitions of the producer's transaction under way")
    func verification() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        func verify(_ partition: TopicPartition, _ producer: ProducerIdentity) -> CoordinatorErrorCode? {
            code { () throws(CoordinatorError) in
                try harness.coordinator.verify(partition, in: "app", producer: producer)
            }
        }
        #expect(verify(first, producer) == .transactionAbortable)
        try harness.add([first], by: producer)
        #expect(verify(first, producer) == nil)
        #expect(verify(second, producer) == .transactionAbortable)
        #expect(verify(first, ProducerIdentity(id: 1_000, epoch: 4)) == .producerFenced)
        #expect(verify(first, ProducerIdentity(id: 4, epoch: 0)) == .invalidProducerIdMapping)
        _ = try harness.end(.commit, by: producer)
        #expect(verify(first, ProducerIdentity(id: 1_000, epoch: 1)) == .concurrentTransactions)
    }

    @Test("A retried commit or abort gets the same identity, before and after a restart")
    func retriedEnd() throws {
        for result in [TransactionResult.commit, .abort] {
            var harness = TransactionHarness()
            let producer = try harness.initialise()
            try harness.add([first], by: producer)
            guard case .decided(let decided) = try harness.end(result, by: producer) else {
                Issue.record("the transaction was under way")
                return
            }
            let whilePending = code { () throws(CoordinatorError) in _ = try harness.end(result, by: producer) }
            #expect(whilePending == .concurrentTransactions)
            harness.complete(decided)
            try harness.replayAgain()
            #expect(try harness.end(result, by: producer) == .alreadyEnded(decided.nextProducer))
            let opposite: TransactionResult = result == .commit ? .abort : .commit
            let contradicted = code { () throws(CoordinatorError) in _ = try harness.end(opposite, by: producer) }
            #expect(contradicted == .invalidTransactionState)
        }
    }

    @Test("Under version 2 an abort is accepted though no transaction was begun")
    func emptyAbort() throws {
        var harness = TransactionHarness()
        var producer = try harness.initialise()
        for _ in 0..<3 {
            let next = try harness.finish(.abort, by: producer)
            #expect(next == ProducerIdentity(id: producer.id, epoch: producer.epoch + 1))
            producer = next
        }
        try harness.add([first], by: producer)
        producer = try harness.finish(.commit, by: producer)
        #expect(try harness.finish(.abort, by: producer).epoch == producer.epoch + 1)
        try harness.replayAgain()
    }

    @Test("Before version 2 the identity stays over transactions")
    func olderClients() throws {
        for version in [TransactionVersion.zero, .one] {
            var harness = TransactionHarness()
            let producer = try harness.initialise()
            for result in [TransactionResult.commit, .abort, .commit] {
                try harness.add([first], by: producer, version: version)
                #expect(try harness.finish(result, by: producer, version: version) == producer)
                #expect(try harness.end(result, by: producer, version: version) == .alreadyEnded(producer))
            }
            try harness.replayAgain()
        }
    }

    @Test("An unknown transactional id, another producer id and an older epoch are refused")
    func wrongIdentities() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise()
        _ = try harness.initialise()
        let current = ProducerIdentity(id: producer.id, epoch: 1)
        try harness.add([first], by: current)
        func add(_ producer: ProducerIdentity, _ id: String) -> CoordinatorErrorCode? {
            code { () throws(CoordinatorError) in try harness.add([second], by: producer, to: id) }
        }
        func end(_ producer: ProducerIdentity, _ id: String) -> CoordinatorErrorCode? {
            code { () throws(CoordinatorError) in _ = try harness.end(.commit, by: producer, of: id) }
        }
        #expect(add(current, "unknown") == .invalidProducerIdMapping)
        #expect(end(current, "unknown") == .invalidProducerIdMapping)
        #expect(add(ProducerIdentity(id: 5, epoch: 1), "app") == .invalidProducerIdMapping)
        #expect(end(ProducerIdentity(id: 5, epoch: 1), "app") == .invalidProducerIdMapping)
        #expect(add(producer, "app") == .producerFenced)
        #expect(end(producer, "app") == .producerFenced)
        #expect(add(ProducerIdentity(id: producer.id, epoch: 9), "app") == .producerFenced)
        #expect(add(current, "") == .invalidRequest)
        #expect(try harness.metadata().partitions == [first])
    }

    @Test("A timeout of zero, below, or above the maximum is refused", arguments: [0, -1, 900_001, Int32.max])
    func timeouts(timeoutMs: Int32) {
        let coordinator = TransactionCoordinator()
        var ids = ProducerIdBlock(0..<10)
        let refused = code { () throws(CoordinatorError) in
            _ = try coordinator.initProducerId("app", timeoutMs: timeoutMs, producerIds: &ids, now: 0)
        }
        #expect(refused == .invalidTransactionTimeout)
        #expect(ids.remaining == 10)
    }

    @Test("Without reserved producer ids the request can be made again")
    func exhaustedBlock() throws {
        var harness = TransactionHarness()
        harness.producerIds = ProducerIdBlock()
        let refused = code { () throws(CoordinatorError) in _ = try harness.initialise() }
        #expect(refused == .coordinatorNotAvailable)
        harness.producerIds.refill(50..<51)
        #expect(try harness.initialise() == ProducerIdentity(id: 50, epoch: 0))
        #expect(harness.producerIds.isExhausted)
    }

    @Test("Descriptions and lists show what was asked for")
    func views() throws {
        var harness = TransactionHarness()
        let producer = try harness.initialise("b")
        _ = try harness.initialise("a")
        try harness.add([first], by: producer, to: "b")
        #expect(harness.coordinator.list().map(\.transactionalId) == ["a", "b"])
        #expect(harness.coordinator.list(states: [.ongoing]).map(\.transactionalId) == ["b"])
        #expect(harness.coordinator.list(producerIds: [1_001]).map(\.transactionalId) == ["a"])
        #expect(try harness.coordinator.describe("b").startMs == 1_000_000)
        #expect(try harness.coordinator.describe("a").startMs == nil)
        let unknown = code { () throws(CoordinatorError) in _ = try harness.coordinator.describe("c") }
        #expect(unknown == .transactionalIdNotFound)
    }
}
