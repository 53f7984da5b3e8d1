import MillracePrimitives
import Testing

@testable import MillraceSimulation

@Suite struct LogImageTests {
    private let partition = TopicPartition("output", 0)

    /// A segment with one batch of two records at offset 0, as the engine's encoder makes it.
    private func segment() -> [UInt8] {
        let batch = Batch(number: 3, partition: partition, count: 2, transaction: nil, producer: nil, origin: nil)
        return seal(batch, timeMs: 1_000, producer: ProducerIdentity(id: 5, epoch: 1), sequence: 0)
    }

    @Test("the second decoder reads what the engine's encoder writes") func decodes() {
        let image = LogImage(partition, files: ["00000000000000000000.log": segment()])
        #expect(image.defects == [])
        #expect(image.endOffset == 2 && image.stableOffset == 2)
        #expect(image.batches.first?.number == 3)
        #expect(image.records(committedOnly: true).map(\.value) == ["3.0", "3.1"])
    }

    @Test("a flipped bit anywhere behind the leader epoch is seen", arguments: [16, 21, 30, 60, 70, 80])
    func flipped(position: Int) {
        var bytes = segment()
        bytes[position] ^= 4
        let image = LogImage(partition, files: ["00000000000000000000.log": bytes])
        #expect(image.batches.isEmpty && image.defects.count == 1)
    }

    @Test("a torn end is seen") func torn() {
        let bytes = segment()
        let image = LogImage(partition, files: ["00000000000000000000.log": bytes + bytes.prefix(40)])
        #expect(image.batches.count == 1 && image.defects.count == 1)
    }

    @Test("a hole between segments is seen") func hole() {
        let image = LogImage(
            partition,
            files: ["00000000000000000000.log": segment(), "00000000000000000007.log": []]
        )
        #expect(image.defects == ["segment 00000000000000000007.log follows offset 2"])
    }
}
