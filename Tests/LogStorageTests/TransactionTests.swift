import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Transactions in one partition")
struct TransactionTests {
    let partition = LogFixture.partition

    private func open(_ name: String, _ id: Int64, _ sequence: Int32 = 0, epoch: Int16 = 0) -> TestBatch {
        TestBatch(name).from(id, epoch: epoch, sequence: sequence, transactional: true)
    }

    @Test("an undecided transaction holds back the last stable offset, and its end lets it go on")
    func lastStableOffset() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("x"))
        try log.append(open("a", 1))
        try log.append(open("b", 2))
        try log.append(TestBatch("y"))
        #expect(log.lastStableOffset == 1)
        #expect(try log.committedValues == ["x"])
        #expect(log.openTransactions.map(\.firstOffset) == [1, 2])
        try log.end(.commit, 1)
        #expect(log.lastStableOffset == 2)
        #expect(try log.committedValues == ["x", "a"])
        try log.end(.commit, 2)
        #expect(log.lastStableOffset == 6)
        #expect(try log.committedValues == ["x", "a", "b", "y"])
    }

    @Test("a reader of committed data gets the aborted transactions of what it read, and no others")
    func abortedTransactions() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))  // 0
        try log.end(.abort, 1)  // 1
        try log.append(TestBatch("x"))  // 2
        try log.append(open("b", 2))  // 3
        try log.append(open("c", 1, 1))  // 4
        try log.end(.abort, 2)  // 5
        try log.end(.commit, 1)  // 6
        try log.append(open("d", 2, 1))  // 7
        try log.end(.abort, 2)  // 8
        let first = AbortedTransaction(producerId: 1, firstOffset: 0, lastOffset: 1, lastStableOffset: 2)
        let second = AbortedTransaction(producerId: 2, firstOffset: 3, lastOffset: 5, lastStableOffset: 4)
        let third = AbortedTransaction(producerId: 2, firstOffset: 7, lastOffset: 8, lastStableOffset: 9)
        func aborted(from offset: Int64, _ maximumBytes: Int = 1 << 20) throws -> [AbortedTransaction] {
            var buffer = ByteWriter()
            return try log.read(
                from: offset,
                maximumBytes: maximumBytes,
                upTo: .lastStableOffset,
                atLeastOneBatch: true,
                into: &buffer
            ).abortedTransactions
        }
        #expect(try aborted(from: 0) == [first, second, third])
        #expect(try aborted(from: 2) == [second, third])
        #expect(try aborted(from: 5) == [second, third])
        #expect(try aborted(from: 6) == [third])
        #expect(try aborted(from: 2, 1) == [])
        #expect(try aborted(from: 4, 1) == [second])
        #expect(try log.committedValues == ["x", "c"])
    }

    @Test("a transaction and its marker may stand in different segments", arguments: [true, false])
    func acrossSegments(clean: Bool) throws {
        let fixture = LogFixture { $0.segmentBytes = 160 }
        let log = try fixture.open()
        for index: Int32 in 0..<5 {
            try log.append(open("a\(index)", 1, index))
            try log.append(TestBatch("x\(index)"))
        }
        try log.end(.abort, 1)
        try log.append(open("b", 1, 5))
        #expect(log.segmentCount > 3)
        #expect(try log.committedValues == (0..<5).map { "x\($0)" })
        try log.close(clean: clean)
        let reopened = try fixture.open(clean: clean)
        #expect(try reopened.committedValues == (0..<5).map { "x\($0)" })
        #expect(reopened.openTransactions == log.openTransactions)
        #expect(reopened.lastStableOffset == log.lastStableOffset)
    }

    @Test("a write outside of the producer's own transaction is refused while it is open")
    func outside() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        #expect(throws: LogError.invalidTransactionState(partition, ProducerIdentity(id: 1, epoch: 0))) {
            try log.append(TestBatch("b").from(1, sequence: 1))
        }
        try log.append(TestBatch("c").from(2, sequence: 0))
        try log.end(.commit, 1)
        try log.append(TestBatch("b").from(1, sequence: 1))
    }

    @Test("a marker with a greater epoch ends the transaction and fences the older producer")
    func fencing() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        try log.end(.abort, 1, epoch: 1)
        #expect(log.lastStableOffset == 2)
        #expect(throws: LogError.invalidProducerEpoch(partition, ProducerIdentity(id: 1, epoch: 0), current: 1)) {
            try log.append(open("b", 1, 1))
        }
        #expect(throws: LogError.outOfOrderSequence(partition, ProducerIdentity(id: 1, epoch: 1), expected: 0, got: 1))
        {
            try log.append(open("b", 1, 1, epoch: 1))
        }
        try log.append(open("b", 1, 0, epoch: 1))
    }

    @Test("a marker with an older epoch is refused")
    func oldMarker() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1, 0, epoch: 2))
        #expect(throws: LogError.invalidProducerEpoch(partition, ProducerIdentity(id: 1, epoch: 1), current: 2)) {
            try log.end(.abort, 1, epoch: 1)
        }
    }

    @Test("a marker of a replaced coordinator is refused")
    func oldCoordinator() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        try log.end(.commit, 1, coordinatorEpoch: 5)
        try log.append(open("b", 1, 1))
        #expect(
            throws: LogError.coordinatorFenced(
                partition,
                ProducerIdentity(id: 1, epoch: 0),
                coordinatorEpoch: 4,
                current: 5
            )
        ) {
            try log.end(.commit, 1, coordinatorEpoch: 4)
        }
        try log.end(.commit, 1, coordinatorEpoch: 5)
    }

    @Test("in version 2 a marker has a greater epoch than the open transaction")
    func versionTwo() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        #expect(throws: LogError.invalidProducerEpoch(partition, ProducerIdentity(id: 1, epoch: 0), current: 0)) {
            try log.end(.commit, 1, epoch: 0, version: 2)
        }
        try log.end(.commit, 1, epoch: 1, version: 2)
        #expect(log.lastStableOffset == 2)
    }

    @Test("in version 2 a repeated marker changes nothing, and never ends the next transaction")
    func repeatedMarker() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        let first = try log.end(.commit, 1, epoch: 1, version: 2)
        let again = try log.end(.commit, 1, epoch: 1, version: 2)
        #expect(!first.isDuplicate && again.isDuplicate)
        #expect(again.lastOffset >= first.lastOffset)
        #expect(log.logEndOffset == 2)
        try log.append(open("b", 1, 0, epoch: 1))
        #expect(throws: LogError.invalidProducerEpoch(partition, ProducerIdentity(id: 1, epoch: 1), current: 1)) {
            try log.end(.commit, 1, epoch: 1, version: 2)
        }
        #expect(log.lastStableOffset == 2)
    }

    @Test("a marker without a transaction is stored, and aborts nothing")
    func emptyTransaction() throws {
        let log = try LogFixture().open()
        try log.end(.abort, 1)
        try log.append(TestBatch("x"))
        #expect(log.lastStableOffset == 2)
        #expect(try log.committedValues == ["x"])
        #expect(log.describeProducers().map(\.coordinatorEpoch) == [0])
    }

    @Test("the transaction index holds what Kafka's would", arguments: [true, false])
    func indexBytes(clean: Bool) throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(open("a", 1))
        try log.append(open("b", 2))
        try log.end(.abort, 2)
        try log.close(clean: clean)
        if !clean { try fixture.open(clean: false).close(clean: true) }
        var expected = ByteWriter()
        expected.append(Int16(0))
        for number: Int64 in [2, 1, 2, 0] { expected.append(number) }
        #expect(fixture.disk.bytes(of: fixture.file(LogFixture.logName(0, "txnindex"))) == expected.array)
    }

    @Test("a transaction whose first records were deleted still holds back readers, but not before the start")
    func deletedFirstRecords() throws {
        let log = try LogFixture().open()
        try log.append(open("a", 1))
        try log.append(TestBatch("x"))
        try log.append(TestBatch("y"))
        try log.deleteRecords(before: 2)
        #expect(log.lastStableOffset == 2)
        try log.end(.commit, 1)
        #expect(log.lastStableOffset == 4)
    }
}
