import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("Appending and reading")
struct AppendReadTests {
    @Test("appended batches get offsets in order and are read back")
    func appendAndRead() throws {
        let log = try LogFixture().open()
        let first = try log.append(TestBatch("a", "b"))
        let second = try log.append(TestBatch("c"))
        #expect(first.baseOffset == 0 && first.lastOffset == 1)
        #expect(second.baseOffset == 2 && second.lastOffset == 2)
        #expect(try log.values == ["a", "b", "c"])
        #expect(log.logEndOffset == 3)
        #expect(log.highWatermark == 3)
        #expect(log.lastStableOffset == 3)
    }

    @Test("several batches in one append are stored one after the other")
    func severalBatches() throws {
        let log = try LogFixture().open()
        let result = try log.append(TestBatch("a", "b"), TestBatch("c"), TestBatch("d"))
        #expect(result.baseOffset == 0 && result.lastOffset == 3)
        #expect(try log.records().map(\.offset) == [0, 1, 2, 3])
    }

    @Test("a log that was closed in order holds the same afterwards")
    func reopenClean() throws {
        let fixture = LogFixture { $0.segmentBytes = 300 }
        let log = try fixture.open()
        for index in 0..<20 { try log.append(TestBatch("value \(index)")) }
        try log.close(clean: true)
        let reopened = try fixture.open()
        #expect(try reopened.values == (0..<20).map { "value \($0)" })
        #expect(reopened.recovery.repairs.isEmpty)
        #expect(reopened.recovery.segmentsScanned == 0)
        #expect(reopened.segmentCount == log.segmentCount)
        #expect(try reopened.append(TestBatch("more")).baseOffset == 20)
    }

    @Test("a log that was not closed is scanned and holds the same afterwards")
    func reopenUnclean() throws {
        let fixture = LogFixture { $0.segmentBytes = 300 }
        let log = try fixture.open()
        for index in 0..<20 { try log.append(TestBatch("value \(index)")) }
        try log.close(clean: false)
        let reopened = try fixture.open(clean: false)
        #expect(try reopened.values == (0..<20).map { "value \($0)" })
        #expect(reopened.recovery.truncation == nil)
        #expect(reopened.recovery.segmentsScanned == reopened.segmentCount)
    }

    @Test("an offset beyond the end or before the start is out of range")
    func outOfRange() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a"))
        var buffer = ByteWriter()
        for offset: Int64 in [-1, 2] {
            #expect(throws: LogError.outOfRange(LogFixture.partition, offset: offset, first: 0, end: 1)) {
                try log.read(from: offset, maximumBytes: 100, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
            }
        }
    }
}
