import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Sequence numbers")
struct SequenceNumberTests {
    @Test(
        "they go on with 0 after the greatest",
        arguments: [(0, 1, 1), (5, 0, 5), (.max, 1, 0), (.max, 3, 2), (.max - 1, 1, .max), (.max, .max, .max - 1)]
            as [(Int32, Int32, Int32)]
    )
    func advancing(sequence: Int32, count: Int32, expected: Int32) {
        #expect(SequenceNumber.advance(sequence, by: count) == expected)
    }

    @Test("only the next one follows")
    func following() {
        #expect(SequenceNumber.isNext(8, after: 7))
        #expect(!SequenceNumber.isNext(7, after: 7))
        #expect(!SequenceNumber.isNext(9, after: 7))
        #expect(SequenceNumber.isNext(0, after: .max))
        #expect(!SequenceNumber.isNext(.min, after: .max))
        #expect(SequenceNumber.isNext(0, after: -1))
    }

    @Test("a batch's last sequence wraps around within the batch")
    func wrapsWithinBatch() throws {
        let records = (0..<4).map { TestRecord("k", "\($0)") }
        let header = try DecodedBatch(
            RecordBatchBuilder.batch(records, producer: ProducerIdentity(id: 1, epoch: 0), baseSequence: .max - 1)
        ).header
        #expect(header.lastSequence == 1)
        #expect(header.isIdempotent)
    }

    @Test("a batch without sequences has none at its end either")
    func none() throws {
        let header = try DecodedBatch(RecordBatchBuilder.batch([TestRecord("k", "v"), TestRecord("k", "v")])).header
        #expect(header.lastSequence == -1)
    }
}
