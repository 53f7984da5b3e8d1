import MillracePrimitives
import Testing

@testable import MillraceSimulation

/// The judge of the cleaner, without a cleaner: what it must object to, and what it must let pass.
@Suite struct CleaningCheckTests {
    private let partition = TopicPartition("table", 0)
    private var model = Model()

    /// The bytes of a new batch of one record, at an offset.
    private mutating func batch(at offset: UInt8, transaction: Int? = nil) -> [UInt8] {
        let number = model.add(to: partition, count: 1, transaction: transaction)
        var bytes = seal(
            model.batches[number],
            timeMs: 1_000,
            producer: transaction == nil ? .none : ProducerIdentity(id: 5, epoch: 1),
            sequence: transaction == nil ? -1 : Int32(offset)
        )
        // The offset is none of the checksum's business.
        if !bytes.isEmpty { bytes[7] = offset }
        model.appended(number, .done(Int64(offset)))
        return bytes
    }

    private func image(_ batches: [[UInt8]]) -> LogImage {
        LogImage(partition, files: ["00000000000000000000.log": Array(batches.joined())])
    }

    private mutating func verdict(_ before: [[UInt8]], _ after: [[UInt8]]) -> Violation.Invariant? {
        CleaningCheck(before: image(before), after: image(after)).run(&model)
        return model.violation?.invariant
    }

    @Test("a record that a later one of its key replaces may go") mutating func replaced() {
        // Batches 1 and 7 have the same key, and are no tombstones.
        let all = (0..<8).map { batch(at: $0) }
        #expect(model.batches[1].key(of: 0) == model.batches[7].key(of: 0))
        #expect(verdict(all, all.enumerated().filter { $0.offset != 1 }.map(\.element)) == nil)
    }

    @Test("the last value of a key must not go") mutating func last() {
        let all = (0..<8).map { batch(at: $0) }
        #expect(verdict(all, all.enumerated().filter { $0.offset != 2 }.map(\.element)) == .durable)
    }

    @Test("a tombstone that goes before what it removes brings that back") mutating func tombstone() {
        let all = (0..<9).map { batch(at: $0) }
        #expect(model.batches[8].isTombstone(0) && model.batches[8].key(of: 0) == model.batches[2].key(of: 0))
        #expect(verdict(all, all.enumerated().filter { $0.offset != 8 }.map(\.element)) == .ordered)
    }

    @Test("an undecided record must not go") mutating func undecided() {
        let first = batch(at: 0)
        let open = batch(at: 1, transaction: model.begin("owner-0"))
        let last = batch(at: 2)
        #expect(verdict([first, open, last], [first, last]) == .live)
    }

    @Test("the log's end must not move") mutating func end() {
        let all = (0..<3).map { batch(at: $0) }
        #expect(verdict(all, Array(all.dropLast())) == .ordered)
    }
}
