import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Idempotent producers")
struct IdempotenceTests {
    let partition = LogFixture.partition

    private func producer(_ id: Int64, _ epoch: Int16 = 0) -> ProducerIdentity {
        ProducerIdentity(id: id, epoch: epoch)
    }

    @Test("a batch that is repeated is acknowledged with its offsets and not stored again")
    func duplicate() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("x"))
        let first = try log.append(TestBatch("a", "b").from(7, sequence: 0))
        try log.append(TestBatch("c").from(7, sequence: 2))
        let again = try log.append(TestBatch("a", "b").from(7, sequence: 0))
        #expect(again.isDuplicate)
        #expect(again.baseOffset == first.baseOffset && again.lastOffset == first.lastOffset)
        #expect(try log.values == ["x", "a", "b", "c"])
    }

    @Test("the last five batches are remembered, the sixth is out of order")
    func fiveBatches() throws {
        let log = try LogFixture().open()
        for sequence: Int32 in 0..<6 { try log.append(TestBatch("\(sequence)").from(7, sequence: sequence)) }
        for sequence: Int32 in 1..<6 {
            #expect(try log.append(TestBatch("\(sequence)").from(7, sequence: sequence)).baseOffset == Int64(sequence))
        }
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7), expected: 6, got: 0)) {
            try log.append(TestBatch("0").from(7, sequence: 0))
        }
        #expect(log.logEndOffset == 6)
    }

    @Test("a batch that only overlaps a stored one is out of order, not a duplicate")
    func overlap() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a", "b").from(7, sequence: 0))
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7), expected: 2, got: 0)) {
            try log.append(TestBatch("a").from(7, sequence: 0))
        }
    }

    @Test("a sequence number that leaves a hole is refused")
    func hole() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7), expected: 1, got: 2)) {
            try log.append(TestBatch("c").from(7, sequence: 2))
        }
        #expect(log.logEndOffset == 1)
    }

    @Test("after the greatest sequence number comes zero")
    func wrapAround() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a", "b").from(7, sequence: Int32.max - 1))
        try log.append(TestBatch("c").from(7, sequence: 0))
        let crossing = try log.append(TestBatch("d", "e").from(8, sequence: Int32.max))
        try log.append(TestBatch("f").from(8, sequence: 1))
        #expect(try log.append(TestBatch("d", "e").from(8, sequence: Int32.max)).baseOffset == crossing.baseOffset)
        #expect(log.logEndOffset == 6)
    }

    @Test("an unknown producer may start anywhere, unless it has to start with zero")
    func unknownProducer() throws {
        let log = try LogFixture().open()
        #expect(throws: LogError.outOfOrderSequence(partition, producer(8), expected: 0, got: 5)) {
            try log.append(TestBatch("a").from(8, sequence: 5), unknownProducer: .startsAtZero)
        }
        try log.append(TestBatch("a").from(7, sequence: 5))
        try log.append(TestBatch("b").from(8, sequence: 0), unknownProducer: .startsAtZero)
        try log.append(TestBatch("c").from(7, sequence: 6), unknownProducer: .startsAtZero)
        #expect(log.logEndOffset == 3)
    }

    @Test("a new epoch starts its sequence with zero")
    func newEpoch() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7, 1), expected: 0, got: 1)) {
            try log.append(TestBatch("b").from(7, epoch: 1, sequence: 1))
        }
        try log.append(TestBatch("b").from(7, epoch: 1, sequence: 0))
        #expect(log.logEndOffset == 2)
    }

    @Test("an old epoch is refused, even with a batch that was stored")
    func oldEpoch() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        try log.append(TestBatch("b").from(7, epoch: 1, sequence: 0))
        for sequence: Int32 in 0..<2 {
            #expect(throws: LogError.invalidProducerEpoch(partition, producer(7), current: 1)) {
                try log.append(TestBatch("a").from(7, sequence: sequence))
            }
        }
    }

    @Test("of a request that was stored in part, the rest is appended")
    func partlyStored() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, sequence: 0), TestBatch("b").from(7, sequence: 1))
        let result = try log.append(
            TestBatch("a").from(7, sequence: 0),
            TestBatch("b").from(7, sequence: 1),
            TestBatch("c").from(7, sequence: 2)
        )
        #expect(result.baseOffset == 0 && result.lastOffset == 2 && !result.isDuplicate)
        #expect(try log.values == ["a", "b", "c"])
    }

    @Test("nothing of an append is stored if one of its batches is refused")
    func allOrNothing() throws {
        let log = try LogFixture().open()
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7), expected: 1, got: 2)) {
            try log.append(TestBatch("a").from(7, sequence: 0), TestBatch("c").from(7, sequence: 2))
        }
        #expect(log.logEndOffset == 0)
        #expect(log.describeProducers().isEmpty)
        try log.append(TestBatch("a").from(7, sequence: 0))
    }

    @Test("a coordinator's records are checked for their epoch only")
    func coordinator() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, epoch: 1, sequence: -1, transactional: true), origin: .coordinator)
        try log.append(TestBatch("b").from(7, epoch: 1, sequence: -1, transactional: true), origin: .coordinator)
        #expect(throws: LogError.invalidProducerEpoch(partition, producer(7), current: 1)) {
            try log.append(TestBatch("c").from(7, sequence: -1, transactional: true), origin: .coordinator)
        }
        #expect(log.logEndOffset == 2)
    }

    @Test("an idempotent batch without a sequence number is refused")
    func withoutSequence() throws {
        let log = try LogFixture().open()
        #expect(throws: LogError.invalidRecord(partition, .producerFields)) {
            try log.append(TestBatch("a").from(7, sequence: -1))
        }
    }

    @Test("producers are remembered after a stop", arguments: [true, false])
    func remembered(clean: Bool) throws {
        let fixture = LogFixture { $0.segmentBytes = 200 }
        let log = try fixture.open()
        for sequence: Int32 in 0..<9 { try log.append(TestBatch("\(sequence)").from(7, epoch: 3, sequence: sequence)) }
        try log.close(clean: clean)
        let reopened = try fixture.open(clean: clean)
        #expect(try reopened.append(TestBatch("8").from(7, epoch: 3, sequence: 8)).isDuplicate)
        #expect(throws: LogError.outOfOrderSequence(partition, producer(7, 3), expected: 9, got: 10)) {
            try reopened.append(TestBatch("10").from(7, epoch: 3, sequence: 10))
        }
        #expect(throws: LogError.invalidProducerEpoch(partition, producer(7, 2), current: 3)) {
            try reopened.append(TestBatch("9").from(7, epoch: 2, sequence: 9))
        }
        try reopened.append(TestBatch("9").from(7, epoch: 3, sequence: 9))
    }

    @Test("a producer that was idle for a day is forgotten, unless it has a transaction open")
    func expiration() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        try log.append(TestBatch("b").from(8, sequence: 0, transactional: true))
        fixture.time.advance(by: .seconds(86_399))
        try log.append(TestBatch("c").from(9, sequence: 0))
        #expect(log.removeExpiredProducers() == 0)
        fixture.time.advance(by: .seconds(1))
        #expect(log.removeExpiredProducers() == 1)
        #expect(log.describeProducers().map(\.producer.id) == [8, 9])
    }

    @Test("a producer of old events is remembered by when it wrote them, not by their timestamps")
    func oldEvents() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0).at(1_000))
        #expect(log.removeExpiredProducers() == 0)
        try log.close(clean: true)
        #expect(try fixture.open().append(TestBatch("a").from(7, sequence: 0).at(1_000)).isDuplicate)
    }
}

extension IdempotenceTests {
    @Test("a repeated batch is answered with its original offset and append time")
    func originalAppendTime() throws {
        let fixture = LogFixture { $0.timestampType = .logAppendTime }
        let log = try fixture.open()
        let first = try log.append(TestBatch("a").from(7, sequence: 0))
        #expect(first.appendTime == fixture.time.milliseconds)
        fixture.time.advance(by: .seconds(5))
        for sequence: Int32 in 1..<5 { try log.append(TestBatch("b").from(7, sequence: sequence)) }
        let again = try log.append(TestBatch("a").from(7, sequence: 0))
        #expect(again.isDuplicate && again.appendTime == first.appendTime && again.baseOffset == first.baseOffset)
    }

    @Test("the window of five batches crosses the greatest sequence number")
    func windowAcrossWrapAround() throws {
        let log = try LogFixture().open()
        let sequences = [Int32.max - 2, Int32.max - 1, Int32.max, 0, 1, 2]
        for sequence in sequences { try log.append(TestBatch("\(sequence)").from(7, sequence: sequence)) }
        for (index, sequence) in sequences.enumerated().dropFirst() {
            #expect(try log.append(TestBatch("x").from(7, sequence: sequence)).baseOffset == Int64(index))
        }
        #expect(
            throws: LogError.outOfOrderSequence(
                partition,
                ProducerIdentity(id: 7, epoch: 0),
                expected: 3,
                got: sequences[0]
            )
        ) {
            try log.append(TestBatch("x").from(7, sequence: sequences[0]))
        }
        #expect(throws: LogError.outOfOrderSequence(partition, ProducerIdentity(id: 7, epoch: 0), expected: 3, got: 4))
        {
            try log.append(TestBatch("x").from(7, sequence: 4))
        }
    }

    @Test("a new epoch forgets the window of the old one")
    func windowOfOldEpoch() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        let bumped = try log.append(TestBatch("b").from(7, epoch: 1, sequence: 0))
        #expect(!bumped.isDuplicate && bumped.baseOffset == 1)
        #expect(try log.append(TestBatch("b").from(7, epoch: 1, sequence: 0)).isDuplicate)
    }

    @Test("a producer that was forgotten goes on where it was, or has to begin anew if the protocol says so")
    func afterExpiry() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, epoch: 2, sequence: 0))
        try log.append(TestBatch("a").from(8, epoch: 2, sequence: 0))
        fixture.time.advance(by: .seconds(86_400))
        #expect(log.removeExpiredProducers() == 2)
        try log.append(TestBatch("b").from(7, epoch: 2, sequence: 1))
        let unknown = LogError.outOfOrderSequence(partition, ProducerIdentity(id: 8, epoch: 2), expected: 0, got: 1)
        #expect(throws: unknown) {
            try log.append(TestBatch("b").from(8, epoch: 2, sequence: 1), unknownProducer: .startsAtZero)
        }
        // As a client does then (KIP-360): the next epoch, from zero.
        try log.append(TestBatch("b").from(8, epoch: 3, sequence: 0), unknownProducer: .startsAtZero)
        #expect(log.describeProducers().map(\.producer.epoch) == [2, 3])
    }

    @Test("a producer with an open transaction is never forgotten, over a restart neither")
    func openTransactionNeverExpires() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0, transactional: true))
        fixture.time.advance(by: .seconds(900_000))
        #expect(log.removeExpiredProducers() == 0)
        try log.close(clean: true)
        let reopened = try fixture.open()
        #expect(reopened.openTransactions.map(\.firstOffset) == [0])
        #expect(reopened.removeExpiredProducers() == 0)
        try reopened.end(.commit, 7)
        fixture.time.advance(by: .seconds(86_400))
        #expect(reopened.removeExpiredProducers() == 1)
    }
}
