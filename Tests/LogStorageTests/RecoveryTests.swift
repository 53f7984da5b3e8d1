import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

@Suite("Recovery")
struct RecoveryTests {
    /// Ten batches of one record over some segments, closed in order.
    private func closed() throws -> LogFixture {
        let fixture = LogFixture {
            $0.segmentBytes = 300
            $0.indexIntervalBytes = 50
        }
        let log = try fixture.open()
        for index: Int32 in 0..<10 {
            try log.append(TestBatch("value \(index)").from(7, sequence: index))
        }
        try log.close(clean: true)
        return fixture
    }

    private let all = (0..<10).map { "value \($0)" }

    @Test("bytes after the last whole batch are cut off, and reported")
    func tornTail() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(8))
        let bytes = try #require(fixture.disk.bytes(of: path))
        try fixture.disk.overwrite(path, with: bytes + [1, 2, 3])
        let log = try fixture.open(clean: false, recoveryPoint: 10)
        #expect(log.recovery.truncation?.file == path)
        #expect(log.recovery.truncation?.offset == 10)
        #expect(log.recovery.truncation?.position == Int64(bytes.count))
        #expect(log.recovery.truncation?.bytesRemoved == 3)
        #expect(log.recovery.truncation?.reason == .incomplete(needed: 61, available: 3))
        #expect(fixture.disk.durableBytes(of: path) == bytes)
        #expect(try log.values == all)
    }

    @Test("a damaged batch after the recovery point ends the log, and later segments go")
    func damagedAfter() throws {
        let fixture = try closed()
        try fixture.disk.flipBit(3, ofByteAt: 100, in: fixture.file(LogFixture.logName(4)))
        let log = try fixture.open(clean: false, recoveryPoint: 5)
        #expect(log.logEndOffset == 5)
        #expect(log.recovery.removedSegments == [fixture.file(LogFixture.logName(8))])
        #expect(try log.values == Array(all.prefix(5)))
        let names = try fixture.disk.contents(of: LogFixture.directory).map(\.name)
        #expect(!names.contains { $0.hasPrefix(LogFixture.logName(8, "")) || $0.hasPrefix(LogFixture.logName(10, "")) })
        #expect(try log.append(TestBatch("value 5").from(7, sequence: 5)).baseOffset == 5)
    }

    @Test("a damaged batch before the recovery point is an error that names the place, and changes nothing")
    func damagedBefore() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(4))
        try fixture.disk.flipBit(3, ofByteAt: 100, in: path)
        let before = fixture.disk.bytes(of: path)
        do {
            _ = try fixture.open(clean: false, recoveryPoint: 6)
            Issue.record("damage below the recovery point went unnoticed")
        } catch let error as LogError {
            guard case .corruptBatch(path, 5, _, .format(.checksumMismatch)) = error else {
                Issue.record("not the place: \(error)")
                return
            }
        }
        #expect(fixture.disk.bytes(of: path) == before)
    }

    @Test("damage that nobody looked for is found when the batch is read, and not skipped")
    func damagedWhileReading() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(0))
        try fixture.disk.flipBit(3, ofByteAt: 100, in: path)
        let log = try fixture.open()
        do {
            _ = try log.records()
            Issue.record("damage went unnoticed")
        } catch let error as LogError {
            guard case .corruptBatch(path, 1, 75, .format) = error else {
                Issue.record("not the place: \(error)")
                return
            }
        }
        #expect(try log.records(from: 4).map(\.value) == Array(all.dropFirst(4)))
    }

    @Test("a damaged end is an error after a clean stop")
    func damagedEndAfterCleanStop() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(8))
        try fixture.disk.flipBit(3, ofByteAt: 120, in: path)
        #expect(throws: LogError.self) { try fixture.open() }
    }

    @Test("a log that ends before its recovery point is an error, clean or not", arguments: [true, false])
    func missingDurableRecords(clean: Bool) throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(8))
        try fixture.disk.overwrite(path, with: [])
        for kind in ["index", "timeindex"] {
            try fixture.disk.overwrite(fixture.file(LogFixture.logName(8, kind)), with: [])
        }
        #expect(throws: LogError.corruptBatch(file: path, offset: 8, position: 0, reason: .endsBefore(durable: 9))) {
            try fixture.open(clean: clean, recoveryPoint: 9)
        }
    }

    @Test(
        "indexes that are missing or make no sense are built again",
        arguments: [
            "missing", "empty", "torn", "zeros", "noise",
        ]
    )
    func brokenIndexes(how: String) throws {
        for base: Int64 in [0, 4, 8] {
            for kind in ["index", "timeindex"] {
                let fixture = try closed()
                let path = fixture.file(LogFixture.logName(base, kind))
                let original = try #require(fixture.disk.bytes(of: path))
                switch how {
                case "missing": try fixture.disk.removeFile(path)
                case "empty": try fixture.disk.overwrite(path, with: [])
                case "torn": try fixture.disk.cut(path, toBytes: original.count - 3)
                case "zeros": try fixture.disk.overwrite(path, with: original + [UInt8](repeating: 0, count: 24))
                default: try fixture.disk.overwrite(path, with: [UInt8](repeating: 0xab, count: 24))
                }
                let log = try fixture.open()
                #expect(try log.values == all)
                for offset: Int64 in 0..<10 { #expect(try log.records(from: offset).first?.offset == offset) }
                // An index that is only empty is right, though of little use.
                if how != "empty" {
                    #expect(log.recovery.repairs.map(\.file) == [path], "\(how) \(path)")
                    try log.close(clean: true)
                    #expect(fixture.disk.bytes(of: path) == original, "\(how) \(path)")
                }
            }
        }
    }

    @Test("an index that leads beside the batches does not lead a reader astray")
    func misleadingIndex() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(0, "index"))
        var wrong = ByteWriter()
        for entry: Int32 in [1, 17, 2, 33] { wrong.append(entry) }
        try fixture.disk.overwrite(path, with: wrong.array)
        let log = try fixture.open()
        for offset: Int64 in 0..<10 { #expect(try log.records(from: offset).first?.offset == offset) }
    }

    @Test("an index whose last entry is wrong is not taken for damage of the log")
    func misleadingLastIndexEntry() throws {
        let fixture = try closed()
        let whole = try fixture.open()
        let (base, end) = (try #require(whole.segmentBaseOffsets.last), whole.logEndOffset)
        try whole.close(clean: true)
        var wrong = ByteWriter()
        for entry: Int32 in [0, 1] { wrong.append(entry) }
        try fixture.disk.overwrite(fixture.file(LogFixture.logName(base, "index")), with: wrong.array)
        let log = try fixture.open()
        #expect(log.recovery.repairs.map(\.reason) == [.malformed])
        #expect(log.logEndOffset == end)
        for offset: Int64 in 0..<end { #expect(try log.records(from: offset).first?.offset == offset) }
    }

    @Test("snapshots that are missing or damaged are done without", arguments: [true, false])
    func brokenSnapshots(missing: Bool) throws {
        let fixture = try closed()
        for entry in try fixture.disk.contents(of: LogFixture.directory) where entry.name.hasSuffix("snapshot") {
            if missing {
                try fixture.disk.removeFile(fixture.file(entry.name))
            } else {
                try fixture.disk.flipBit(1, ofByteAt: 20, in: fixture.file(entry.name))
            }
        }
        let log = try fixture.open()
        #expect(log.recovery.repairs.count == (missing ? 0 : 3))
        #expect(log.recovery.producerStateFrom == 0)
        #expect(try log.append(TestBatch("value 9").from(7, sequence: 9)).isDuplicate)
        try log.append(TestBatch("value 10").from(7, sequence: 10))
    }

    @Test("a snapshot beyond the end of the log is removed")
    func strayMaximumSnapshot() throws {
        let fixture = try closed()
        let stray = fixture.file(LogFixture.logName(99, "snapshot"))
        try fixture.disk.overwrite(stray, with: ProducerSnapshot.encode([:]))
        let log = try fixture.open()
        #expect(log.recovery.removedLeftovers == [stray])
        #expect(try log.append(TestBatch("value 9").from(7, sequence: 9)).isDuplicate)
    }

    @Test("a damaged transaction index is built again from the batches")
    func brokenTransactionIndex() throws {
        let fixture = LogFixture { $0.segmentBytes = 200 }
        let log = try fixture.open()
        for index: Int32 in 0..<4 {
            try log.append(TestBatch("a\(index)").from(7, sequence: index, transactional: true))
            try log.append(TestBatch("x\(index)"))
            try log.end(.abort, 7)
        }
        try log.close(clean: true)
        let path = fixture.file(LogFixture.logName(2, "txnindex"))
        let original = try #require(fixture.disk.bytes(of: path))
        try fixture.disk.cut(path, toBytes: original.count - 1)
        let reopened = try fixture.open()
        #expect(try reopened.committedValues == ["x0", "x1", "x2", "x3"])
        #expect(reopened.recovery.repairs.first == RecoveryReport.Repair(file: path, reason: .malformed))
        try reopened.close(clean: true)
        #expect(fixture.disk.bytes(of: path) == original)
    }

    @Test("files of others are left alone and reported, leftovers of ours are removed")
    func otherFiles() throws {
        let fixture = try closed()
        let foreign = ["notes.txt", "0001.log", "orders.log"].map { fixture.file($0) }
        let leftovers = [
            LogFixture.logName(0) + ".deleted", LogFixture.logName(77, "index"), "leader-epoch-checkpoint.tmp",
            LogFixture.logName(4) + ".cleaned",
        ].map { fixture.file($0) }
        for path in foreign + leftovers { try fixture.disk.overwrite(path, with: [1]) }
        let log = try fixture.open()
        #expect(Set(log.recovery.foreignFiles) == Set(foreign))
        #expect(Set(log.recovery.removedLeftovers) == Set(leftovers))
        for path in foreign { #expect(fixture.disk.bytes(of: path) == [1]) }
        for path in leftovers { #expect(fixture.disk.bytes(of: path) == nil) }
        #expect(try log.values == all)
    }

    @Test("a compaction that was interrupted at its end is completed")
    func swap() throws {
        let fixture = try closed()
        // What a cleaner leaves of the segments 0 and 4: every second batch.
        var cleaned: [UInt8] = []
        for base: Int64 in [0, 4] {
            let bytes = try #require(fixture.disk.bytes(of: fixture.file(LogFixture.logName(base))))
            try bytes.withUnsafeBytes { buffer in
                var batches = RecordBatches(buffer)
                while let batch = try batches.next() {
                    if batch.header.baseOffset % 2 == 1 { cleaned += batch.bytes }
                }
            }
        }
        try fixture.disk.overwrite(fixture.file(LogFixture.logName(0) + ".swap"), with: cleaned)
        let log = try fixture.open()
        #expect(log.segmentBaseOffsets == [0, 8])
        #expect(try log.records().map(\.offset) == [1, 3, 5, 7, 8, 9])
        #expect(try log.records(from: 2).map(\.offset) == [3, 5, 7, 8, 9])
    }

    @Test("a hole at the end of a compacted segment is stepped over")
    func holeAtEnd() throws {
        let fixture = try closed()
        let path = fixture.file(LogFixture.logName(0))
        let bytes = try #require(fixture.disk.bytes(of: path))
        try fixture.disk.cut(path, toBytes: bytes.count / 2)
        for kind in ["index", "timeindex"] { try fixture.disk.removeFile(fixture.file(LogFixture.logName(0, kind))) }
        let log = try fixture.open()
        for offset: Int64 in 2..<5 {
            #expect(try log.records(from: offset).first?.offset == max(offset, 4), "from \(offset)")
        }
        #expect(try log.records(from: 3, upTo: .lastStableOffset).count == 6)
    }

    @Test("a topic's id is written once, and another topic's directory is refused")
    func topicId() throws {
        var random = SeededRandom(seed: 1)
        let (id, other) = (Identifier128.random(using: &random), Identifier128.random(using: &random))
        let fixture = LogFixture()
        try fixture.open(topicId: id).close(clean: true)
        let metadata = fixture.disk.durableBytes(of: fixture.file("partition.metadata"))
        #expect(metadata == [UInt8]("version: 0\ntopic_id: \(id)".utf8))
        try fixture.open(topicId: id).close(clean: true)
        #expect(throws: LogError.inconsistentTopicId(LogFixture.partition, expected: other, found: id)) {
            try fixture.open(topicId: other)
        }
    }

    @Test("records deleted beyond what survived are not asked for again")
    func startBeyondEnd() throws {
        let fixture = try closed()
        let log = try fixture.open(logStartOffset: 20)
        #expect(log.logStartOffset == 20 && log.logEndOffset == 20)
        #expect(try log.append(TestBatch("on")).baseOffset == 20)
        #expect(log.segmentBaseOffsets == [20])
    }
}
