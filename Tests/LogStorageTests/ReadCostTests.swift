import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

/// What reading and opening cost, in bytes read: a large log is not read to find something in it.
@Suite("What reading and opening cost")
struct ReadCostTests {
    private static let recordCount = 6_000
    private static let indexIntervalBytes = 1_000

    /// Some 800 KB in segments of 20 KB.
    private func fixture() throws -> (LogFixture, PartitionLog) {
        let fixture = LogFixture {
            $0.segmentBytes = 20_000
            $0.indexIntervalBytes = Self.indexIntervalBytes
        }
        let log = try fixture.open()
        let filler = String(repeating: "x", count: 50)
        for number in 0..<Self.recordCount { try log.append(TestBatch(filler).at(Int64(number) * 10)) }
        return (fixture, log)
    }

    @Test("a read at any offset finds its place by the index")
    func read() throws {
        let (fixture, log) = try fixture()
        #expect(log.segmentCount > 30 && log.sizeInBytes > 700_000)
        var random = SeededRandom(seed: 3)
        for _ in 0..<100 {
            let offset = Int64.random(in: 0..<Int64(Self.recordCount), using: &random)
            var buffer = ByteWriter()
            fixture.disk.resetUsage()
            let result = try log.read(
                from: offset,
                maximumBytes: 1,
                upTo: .logEnd,
                atLeastOneBatch: true,
                into: &buffer
            )
            #expect(result.firstBatchOffset == offset)
            // A few index entries, one piece to look for the batch in, the batch.
            #expect(fixture.disk.totalUsage.bytesRead < 17_000, "at offset \(offset)")
        }
    }

    @Test("a reader that goes on where it stopped looks nothing up")
    func sequential() throws {
        let (fixture, log) = try fixture()
        _ = try log.records(from: 0, maximumBytes: 5_000)
        var next: Int64 = 10
        fixture.disk.resetUsage()
        while next < 5_000 {
            var buffer = ByteWriter()
            next = try log.read(from: next, maximumBytes: 4_000, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
                .nextOffset
        }
        let usage = fixture.disk.totalUsage
        #expect(usage.bytesRead < 1_200_000, "little more than the log itself: \(usage)")
    }

    @Test("a look-up by time finds its segment and place by the indexes")
    func timestamp() throws {
        let (fixture, log) = try fixture()
        var random = SeededRandom(seed: 4)
        for _ in 0..<50 {
            let number = Int64.random(in: 0..<Int64(Self.recordCount), using: &random)
            fixture.disk.resetUsage()
            #expect(try log.offset(forTimestamp: number * 10 - 5)?.offset == number)
            // The piece that is scanned ends with the segment.
            #expect(fixture.disk.totalUsage.bytesRead < 21_000, "record \(number)")
        }
    }

    @Test("opening after a clean stop reads the ends of indexes, a snapshot, and what the last index entry leaves")
    func open() throws {
        let (fixture, log) = try fixture()
        try log.append(TestBatch("x").from(7, sequence: 0))
        try log.close(clean: true)
        fixture.disk.resetUsage()
        let reopened = try fixture.open(recoveryPoint: Int64(Self.recordCount))
        let usage = fixture.disk.totalUsage
        // Two entries of each of two indexes for every segment.
        let tails = Int64(reopened.segmentCount * 2 * (OffsetIndexEntry.size + TimeIndexEntry.size))
        #expect(usage.bytesRead < tails + 4_000, "\(usage.bytesRead) bytes for \(reopened.segmentCount) segments")
        #expect(reopened.recovery.bytesRead <= Int64(2 * Self.indexIntervalBytes))
        #expect(usage.bytesWritten == 0)
        #expect(reopened.recovery.segmentsScanned == 0)
        #expect(try reopened.append(TestBatch("x").from(7, sequence: 0)).isDuplicate)
    }

    @Test("opening after a crash reads from the recovery point's segment on")
    func openAfterCrash() throws {
        let (fixture, log) = try fixture()
        try log.flush(upTo: Int64.max)
        let (recoveryPoint, segments) = (log.logEndOffset, log.segmentCount)
        try log.close(clean: false)
        fixture.disk.resetUsage()
        let reopened = try fixture.open(clean: false, recoveryPoint: recoveryPoint)
        #expect(reopened.recovery.segmentsScanned == 1)
        #expect(fixture.disk.totalUsage.bytesRead < Int64(20_000 + segments * 100))
    }

    @Test("few files stay open, however many segments were read")
    func descriptors() throws {
        let (fixture, log) = try fixture()
        try log.close(clean: true)
        let reopened = try fixture.open()
        #expect(fixture.disk.openFileCount == 1)
        _ = try reopened.offset(forTimestamp: 100)
        #expect(fixture.disk.openFileCount == 2)
    }
}
