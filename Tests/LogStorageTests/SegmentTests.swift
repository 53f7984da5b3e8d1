import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

@Suite("Segments")
struct SegmentTests {
    @Test("a segment is closed before it would grow beyond its size")
    func bySize() throws {
        let size = try TestBatch("0123456789").bytes.count
        let fixture = LogFixture { $0.segmentBytes = 3 * size }
        let log = try fixture.open()
        for _ in 0..<7 { try log.append(TestBatch("0123456789")) }
        #expect(log.segmentBaseOffsets == [0, 3, 6])
        #expect(log.sizeInBytes == Int64(7 * size))
        #expect(try log.values.count == 7)
    }

    @Test("a segment is closed when a batch is later than its first one by more than segment.ms")
    func byTime() throws {
        let log = try LogFixture { $0.segmentMs = 1_000 }.open()
        try log.append(TestBatch("a").at(5_000))
        try log.append(TestBatch("b").at(6_000))
        try log.append(TestBatch("c").at(4_000))
        try log.append(TestBatch("d").at(6_001))
        #expect(log.segmentBaseOffsets == [0, 3])
    }

    @Test("the first batch's time is known after a restart", arguments: [true, false])
    func byTimeAfterRestart(clean: Bool) throws {
        let fixture = LogFixture { $0.segmentMs = 1_000 }
        let log = try fixture.open()
        try log.append(TestBatch("a").at(5_000))
        try log.close(clean: clean)
        let reopened = try fixture.open(clean: clean)
        try reopened.append(TestBatch("b").at(6_001))
        #expect(reopened.segmentBaseOffsets == [0, 1])
    }

    @Test("a segment is closed when its index is full")
    func byIndex() throws {
        let log = try LogFixture {
            $0.indexIntervalBytes = 0
            $0.segmentIndexBytes = 48
        }.open()
        for index in 0..<12 { try log.append(TestBatch("\(index)").at(Int64(1_000 + index))) }
        #expect(log.segmentCount > 1)
        #expect(try log.values == (0..<12).map { "\($0)" })
    }

    @Test("rolling seals a segment with its indexes and a snapshot, all durable")
    func files() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        #expect(try !log.roll())
        try log.append(TestBatch("a").from(7, sequence: 0))
        #expect(try log.roll())
        #expect(try !log.roll())
        let names = try fixture.disk.contents(of: LogFixture.directory).map(\.name)
        #expect(
            names == [
                LogFixture.logName(0, "index"), LogFixture.logName(0), LogFixture.logName(0, "timeindex"),
                LogFixture.logName(1), LogFixture.logName(1, "snapshot"), "leader-epoch-checkpoint",
            ]
        )
        let times = fixture.disk.durableBytes(of: fixture.file(LogFixture.logName(0, "timeindex")))
        var expected = ByteWriter()
        expected.append(Int64(1_700_000_000_000))
        expected.append(Int32(0))
        #expect(times == expected.array)
    }

    @Test("the snapshot at a roll has Kafka's layout to the byte")
    func snapshotBytes() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a", "b").from(7, epoch: 2, sequence: 0))
        try log.append(TestBatch("c").from(7, epoch: 2, sequence: 2, transactional: true))
        try log.roll()
        var entries = ByteWriter()
        entries.append(Int32(1))
        entries.append(Int64(7))
        entries.append(Int16(2))
        entries.append(Int32(2))
        entries.append(Int64(2))
        entries.append(Int32(0))
        entries.append(fixture.time.milliseconds)
        entries.append(Int32(-1))
        entries.append(Int64(2))
        var expected = ByteWriter()
        expected.append(Int16(1))
        expected.append(CRC32C.checksum(entries.bytes))
        expected.append(entries.bytes)
        #expect(fixture.disk.bytes(of: fixture.file(LogFixture.logName(3, "snapshot"))) == expected.array)
    }

    @Test("batches are stored with the offset and leader epoch they were given, checksum unchanged")
    func storedBytes() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a", "b"), leaderEpoch: 3)
        try log.append(TestBatch("c"), leaderEpoch: 4)
        let bytes = try #require(fixture.disk.bytes(of: fixture.file(LogFixture.logName(0))))
        try bytes.withUnsafeBytes { buffer in
            var batches = RecordBatches(buffer)
            let first = try #require(try batches.next())
            #expect(first.header.baseOffset == 0 && first.header.leaderEpoch == 3)
            let second = try #require(try batches.next())
            #expect(second.header.baseOffset == 2 && second.header.leaderEpoch == 4)
        }
        #expect(log.latestLeaderEpoch == 4)
        #expect(log.endOffset(forLeaderEpoch: 3)?.endOffset == 2)
        #expect(log.endOffset(forLeaderEpoch: 4)?.endOffset == 3)
        #expect(log.endOffset(forLeaderEpoch: 5) == nil)
        try log.flush(upTo: 3)
        let epochs = fixture.disk.durableBytes(of: fixture.file("leader-epoch-checkpoint"))
        #expect(epochs == [UInt8]("0\n2\n3 0\n4 2\n".utf8))
    }

    @Test("deleting records moves the start, and removes segments that lie before it")
    func deleteRecords() throws {
        let fixture = LogFixture { $0.segmentBytes = 160 }
        let log = try fixture.open()
        for index in 0..<6 { try log.append(TestBatch("\(index)", "+")) }
        #expect(log.segmentBaseOffsets == [0, 4, 8])
        #expect(try log.deleteRecords(before: 5) == 5)
        #expect(log.segmentBaseOffsets == [4, 8])
        #expect(log.logStartOffset == 5)
        #expect(try log.records().first?.offset == 5)
        #expect(try log.deleteRecords(before: 3) == 5)
        #expect(throws: LogError.outOfRange(LogFixture.partition, offset: 13, first: 5, end: 12)) {
            try log.deleteRecords(before: 13)
        }
        try log.close(clean: true)
        let reopened = try fixture.open(logStartOffset: 5)
        #expect(reopened.logStartOffset == 5)
        #expect(try reopened.records().map(\.offset) == Array(5..<12))
    }

    @Test("deleting all records leaves an empty log that goes on where it was")
    func deleteAll() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        for index in 0..<5 { try log.append(TestBatch("\(index)")) }
        try log.deleteRecords(before: 5)
        #expect(log.segmentBaseOffsets == [5])
        #expect(try log.values.isEmpty)
        #expect(try log.append(TestBatch("5")).baseOffset == 5)
        #expect(
            try !fixture.disk.contents(of: LogFixture.directory).contains {
                $0.name.hasPrefix(LogFixture.logName(0, ""))
            }
        )
    }

    @Test("a deleted log leaves nothing behind, and the name can be used again")
    func delete() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a"))
        try log.delete()
        #expect(try fixture.disk.contents(of: LogFixture.directory.removingLastComponent()).isEmpty)
        #expect(fixture.disk.openFileCount == 0)
        #expect(throws: LogError.closed(LogFixture.partition)) { try log.append(TestBatch("b")) }
        #expect(try fixture.open().logEndOffset == 0)
    }

    @Test("a closed log takes no calls, and closing it again is fine")
    func closed() throws {
        let log = try LogFixture().open()
        try log.close(clean: true)
        try log.close(clean: true)
        var buffer = ByteWriter()
        #expect(throws: LogError.closed(LogFixture.partition)) { try log.append(TestBatch("b")) }
        #expect(throws: LogError.closed(LogFixture.partition)) { try log.flush(upTo: 0) }
        #expect(throws: LogError.closed(LogFixture.partition)) {
            try log.read(from: 0, maximumBytes: 1, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
        }
    }

    @Test("opening after a clean stop reads the end of the last segment only")
    func readsLittle() throws {
        let fixture = LogFixture { $0.segmentBytes = 200_000 }
        let log = try fixture.open()
        for _ in 0..<300 { try log.append(TestBatch(String(repeating: "x", count: 1_000))) }
        try log.close(clean: true)
        fixture.disk.resetUsage()
        let reopened = try fixture.open()
        #expect(reopened.segmentCount == 2)
        #expect(reopened.recovery.bytesRead < 10_000)
        #expect(fixture.disk.totalUsage.bytesRead < 15_000)
        #expect(fixture.disk.totalUsage.writes == 0)
    }

    @Test("a sequential reader needs one call of the file system for each read")
    func sequentialReader() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        for _ in 0..<50 { try log.append(TestBatch(String(repeating: "x", count: 1_000))) }
        var buffer = ByteWriter()
        var next: Int64 = 0
        let before = fixture.disk.callCount
        for _ in 0..<10 {
            buffer.removeAll()
            next = try log.read(
                from: next,
                maximumBytes: 3_000,
                upTo: .logEnd,
                atLeastOneBatch: true,
                into: &buffer
            ).nextOffset
        }
        #expect(next == 20)
        #expect(fixture.disk.callCount == before + 10)
    }

    @Test("the first batch is read even if it is larger than asked for, or nothing is, as one wishes")
    func largeBatch() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch(String(repeating: "x", count: 5_000)))
        var buffer = ByteWriter()
        let nothing = try log.read(from: 0, maximumBytes: 100, upTo: .logEnd, atLeastOneBatch: false, into: &buffer)
        #expect(nothing.firstBatchOffset == nil && nothing.nextOffset == 0 && buffer.count == 0)
        let whole = try log.read(from: 0, maximumBytes: 100, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
        #expect(whole.firstBatchOffset == 0 && whole.nextOffset == 1 && buffer.count > 5_000)
    }

    @Test("a read begins with the batch that holds the offset, and appends to what the buffer has")
    func withinBatch() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a"))
        try log.append(TestBatch("b", "c", "d"))
        var buffer = ByteWriter()
        buffer.append(UInt32(7))
        let result = try log.read(from: 2, maximumBytes: 1 << 20, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
        #expect(result.firstBatchOffset == 1 && result.nextOffset == 4)
        #expect(buffer.bytes(0..<4).elementsEqual([0, 0, 0, 7]))
        #expect(try RecordBatchHeader(reading: buffer.bytes(4..<buffer.count)).baseOffset == 1)
    }
}
