import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Compaction")
struct CompactionTests {
    private let day: Int64 = 86_400_000

    @Test("of each key the last record stays, where it was")
    func lastPerKey() throws {
        let log = try LogFixture.compacted().open()
        for round in 0..<6 {
            for key in ["a", "b", "c"] { try log.put(key, "\(key)\(round)") }
        }
        try log.put("d", "d")
        let report = try #require(try log.compact())
        #expect(try log.keyed.map(\.description) == ["15:a=a5", "16:b=b5", "17:c=c5", "18:d=d"])
        #expect(log.logEndOffset == 19 && log.cleanedEndOffset == 19)
        #expect(report.bytesAfter < report.bytesBefore)
        #expect(report.segmentsAfter <= report.segmentsBefore)
    }

    @Test("the active segment and what follows the last stable offset stay as they are")
    func bounds() throws {
        let log = try LogFixture.compacted(segmentBytes: 10_000).open()
        try log.put("a", "1")
        try log.put("a", "2")
        try log.append(KeyedBatch(("a", "3")).from(7, sequence: 0, transactional: true))
        try log.put("a", "4")
        try log.put("a", "5")
        try log.compact()
        #expect(try log.keyed.map(\.value) == ["2", "3", "4", "5"])
        try log.end(.commit, 7)
        try log.put("a", "6")
        // Not rolled: the marker and 6 are in the active segment.
        _ = try log.clean(now: 0)
        #expect(try log.keyed.map(\.value) == ["5", "6"])
    }

    @Test("records without a key go")
    func keyless() throws {
        let log = try LogFixture.compacted().open()
        try log.append(KeyedBatch((nil, "x"), ("a", "1"), (nil, "y")))
        try log.put("b", "2")
        try log.compact()
        #expect(try log.keyed.map(\.description) == ["1:a=1", "3:b=2"])
    }

    @Test("a tombstone is kept for delete.retention.ms after the pass that found it, then goes")
    func tombstone() throws {
        let log = try LogFixture.compacted().open()
        try log.put("a", "1")
        try log.put("a", nil)
        try log.put("b", "2")
        try log.compact(now: 1_000)
        #expect(try log.keyed.map(\.description) == ["1:a=null", "2:b=2"])
        let stamped = try #require(try log.headers.first)
        #expect(stamped.deleteHorizonMs == 1_000 + day)
        #expect(stamped.maxTimestamp == 1_700_000_000_000)
        try log.put("c", "3")
        try log.compact(now: 999 + day)
        #expect(try log.keyed.map(\.description) == ["1:a=null", "2:b=2", "3:c=3"])
        #expect(try log.headers.first?.deleteHorizonMs == 1_000 + day, "the horizon is set once")
        try log.put("d", "4")
        try log.compact(now: 1_000 + day)
        #expect(try log.keyed.map(\.description) == ["2:b=2", "3:c=3", "4:d=4"])
    }

    @Test("a record's timestamp survives the delete horizon")
    func timestamps() throws {
        let log = try LogFixture.compacted().open()
        try log.append(KeyedBatch(("a", "1"), ("b", nil), ("c", "3")).at(5_000))
        try log.put("a", "2")
        try log.compact(now: 7)
        #expect(try log.records().prefix(2).map(\.timestamp) == [5_000, 5_000])
        #expect(try log.offset(forTimestamp: 5_000)?.offset == 1)
    }

    @Test("base and last offset, sequence numbers and epochs of a batch stay when records of it go")
    func batchBounds() throws {
        let log = try LogFixture.compacted(segmentBytes: 1_000).open()
        try log.append(KeyedBatch(("a", "1"), ("b", "1"), ("c", "1")).from(7, epoch: 2, sequence: 0))
        try log.append(KeyedBatch(("a", "2"), ("c", "2")).from(7, epoch: 2, sequence: 3))
        try log.compact()
        let first = try #require(try log.headers.first)
        #expect(first.baseOffset == 0 && first.lastOffset == 2 && first.recordCount == 1)
        #expect(first.baseSequence == 0 && first.lastSequence == 2 && first.producer.epoch == 2)
        #expect(try log.keyed.map(\.description) == ["1:b=1", "3:a=2", "4:c=2"])
    }

    @Test(
        "a batch is compressed again with its own codec",
        arguments: CompressionCodec.allCases.filter {
            var output = ByteWriter()
            return (try? Compression($0).compress(UnsafeRawBufferPointer(start: nil, count: 0), into: &output)) != nil
        }
    )
    func codecs(codec: CompressionCodec) throws {
        let log = try LogFixture.compacted(segmentBytes: 1_000).open()
        let records = (0..<20).map { (key: Optional("key \($0 % 10)"), value: Optional("value \($0)")) }
        try log.append(KeyedBatch(records).compressed(Compression(codec)))
        try log.put("other", "1")
        try log.compact()
        #expect(try log.headers.first?.attributes.codec == codec)
        #expect(try log.headers.first?.recordCount == 10)
        #expect(try log.keyed.map(\.value) == (10..<20).map { "value \($0)" } + ["1"])
    }

    @Test("a record of an aborted transaction goes at once and replaces nothing")
    func aborted() throws {
        let log = try LogFixture.compacted().open()
        try log.put("a", "1")
        try log.append(KeyedBatch(("a", "2"), ("b", "2")).from(7, sequence: 0, transactional: true))
        try log.end(.abort, 7, epoch: 1, version: 2)
        try log.append(KeyedBatch(("c", "3")))
        try log.compact()
        #expect(try log.keyed.map(\.description) == ["0:a=1", "4:c=3"])
        #expect(try log.table() == ["a": "1", "c": "3"])
    }

    @Test(
        "a marker stays while a batch of its transaction was there, then for the delete retention",
        arguments: [true, false]
    )
    func markers(commits: Bool) throws {
        let log = try LogFixture.compacted().open()
        func markers() throws -> [Int64] { try log.headers.filter(\.attributes.isControl).map(\.baseOffset) }
        try log.append(KeyedBatch(("a", "1")).from(7, sequence: 0, transactional: true))
        try log.end(commits ? .commit : .abort, 7, epoch: 1, version: 2)
        // The producer is still known by a later batch, so that the marker is not its last one.
        try log.append(KeyedBatch(("z", "1")).from(7, epoch: 1, sequence: 0, transactional: true))
        try log.end(.commit, 7, epoch: 2, version: 2)
        try log.append(KeyedBatch(("z", "2")).from(7, epoch: 2, sequence: 0))
        try log.put("a", "2")
        try log.compact(now: 0)
        #expect(try markers() == [1, 3], "their transactions were there when the pass read them")
        #expect(try log.headers.first { $0.attributes.isControl }?.deleteHorizonMs == nil)
        try log.put("b", "1")
        try log.compact(now: 10)
        #expect(try markers() == [1, 3])
        #expect(try log.headers.filter(\.attributes.isControl).map(\.deleteHorizonMs) == [10 + day, 10 + day])
        try log.put("c", "1")
        try log.compact(now: 9 + day)
        #expect(try markers() == [1, 3])
        try log.put("d", "1")
        try log.compact(now: 10 + day)
        #expect(try markers() == [])
        #expect(try log.table() == ["a": "2", "b": "1", "c": "1", "d": "1", "z": "2"])
    }

    @Test("an emptied transactional batch keeps its marker, and recovery finds no transaction open")
    func emptiedTransaction() throws {
        let fixture = LogFixture.compacted()
        let log = try fixture.open()
        try log.append(KeyedBatch(("a", "1")).from(7, sequence: 0, transactional: true))
        try log.end(.abort, 7, epoch: 0)
        try log.put("a", "2")
        for now in 0..<5 {
            try log.compact(now: Int64(now) * 2 * day)
            try log.put("b", "\(now)")
        }
        #expect(try log.headers.first?.recordCount == 0, "the last batch of a live producer stays, empty")
        #expect(try log.headers[1].attributes.isControl)
        try log.close(clean: false)
        for entry in try fixture.names where entry.hasSuffix(".snapshot") {
            try fixture.disk.removeFile(fixture.file(entry))
        }
        let reopened = try fixture.open(clean: false)
        #expect(reopened.openTransactions.isEmpty)
        #expect(reopened.lastStableOffset == reopened.logEndOffset)
        #expect(try reopened.append(KeyedBatch(("a", "1")).from(7, sequence: 0, transactional: true)).isDuplicate)
    }

    @Test("the last batch of a producer stays, empty, and the producer is remembered without a snapshot")
    func lastOfProducer() throws {
        let fixture = LogFixture.compacted()
        let log = try fixture.open()
        try log.append(KeyedBatch(("a", "1")).from(7, epoch: 3, sequence: 0))
        try log.append(KeyedBatch(("a", "2")).from(7, epoch: 3, sequence: 1))
        try log.put("a", "3")
        try log.put("b", "1")
        try log.compact()
        #expect(try log.keyed.map(\.description) == ["2:a=3", "3:b=1"])
        #expect(try log.headers.map(\.recordCount) == [0, 1, 1])
        try log.close(clean: true)
        for entry in try fixture.names where entry.hasSuffix(".snapshot") {
            try fixture.disk.removeFile(fixture.file(entry))
        }
        let reopened = try fixture.open()
        #expect(try reopened.append(KeyedBatch(("a", "2")).from(7, epoch: 3, sequence: 1)).isDuplicate)
        #expect(
            throws: LogError.outOfOrderSequence(
                LogFixture.partition,
                ProducerIdentity(id: 7, epoch: 3),
                expected: 2,
                got: 3
            )
        ) {
            try reopened.append(KeyedBatch(("a", "2")).from(7, epoch: 3, sequence: 3))
        }
    }

    @Test("the marker that brought a producer its epoch stays whole, and fences the old epoch without a snapshot")
    func lastMarkerOfProducer() throws {
        let fixture = LogFixture.compacted()
        let log = try fixture.open()
        try log.append(KeyedBatch(("a", "1")).from(7, sequence: 0, transactional: true))
        try log.end(.commit, 7, epoch: 1, version: 2)
        try log.put("a", "2")
        for now in 0..<4 {
            try log.compact(now: Int64(now) * 2 * day)
            try log.put("b", "\(now)")
        }
        #expect(try log.headers.filter(\.attributes.isControl).map(\.recordCount) == [1])
        try log.close(clean: false)
        for entry in try fixture.names where entry.hasSuffix(".snapshot") {
            try fixture.disk.removeFile(fixture.file(entry))
        }
        let reopened = try fixture.open(clean: false)
        #expect(
            throws: LogError.invalidProducerEpoch(LogFixture.partition, ProducerIdentity(id: 7, epoch: 0), current: 1)
        ) {
            try reopened.append(KeyedBatch(("a", "3")).from(7, sequence: 1, transactional: true))
        }
    }

    @Test("recovery does not take a transaction for open whose marker was compacted away, by a snapshot from within it")
    func snapshotWithinTransaction() throws {
        let fixture = LogFixture.compacted(segmentBytes: 1_000)
        let log = try fixture.open()
        try log.append(KeyedBatch(("a", "1")).from(7, sequence: 0, transactional: true))
        try log.roll()
        try log.put("b", "1")
        try log.roll()
        try log.end(.abort, 7, epoch: 1, version: 2)
        try log.append(KeyedBatch(("c", "1")).from(7, epoch: 1, sequence: 0))
        for now in 0..<4 {
            try log.compact(now: Int64(now) * 2 * day)
            try log.put("d", "\(now)")
        }
        #expect(try log.headers.allSatisfy { !$0.attributes.isControl })
        try log.close(clean: false)
        for recoveryPoint: Int64 in 0...6 {
            let reopened = try fixture.open(clean: false, recoveryPoint: recoveryPoint)
            #expect(reopened.openTransactions.isEmpty, "from \(recoveryPoint)")
            #expect(reopened.describeProducers().map(\.producer) == [ProducerIdentity(id: 7, epoch: 1)])
            try reopened.close(clean: false)
        }
    }

    @Test("a producer that was forgotten leaves nothing behind")
    func expiredProducer() throws {
        let fixture = LogFixture.compacted()
        let log = try fixture.open()
        try log.append(KeyedBatch(("a", "1")).from(7, sequence: 0))
        try log.put("a", "2")
        fixture.time.advance(by: .seconds(86_401))
        #expect(log.removeExpiredProducers() == 1)
        try log.compact()
        #expect(try log.headers.map(\.baseOffset) == [1])
    }

    @Test("a reader of an offset that is gone gets the next one, and at the end the end")
    func gaps() throws {
        let log = try LogFixture.compacted().open()
        for _ in 0..<9 { try log.put("a", "1") }
        try log.put("a", nil)
        try log.compact(now: 0)
        try log.put("b", "1")
        try log.compact(now: 2 * day)
        for offset: Int64 in 0...10 { #expect(try log.records(from: offset).map(\.offset) == [10], "from \(offset)") }
        try log.put("b", nil)
        try log.compact(now: 4 * day)
        try log.roll()
        #expect(try log.records(from: 3).map(\.offset) == [11])
        // The pass that takes the last record leaves its batch, empty, so that a reader gets to the end.
        #expect(try log.headers.last?.nextOffset == log.logEndOffset)
    }

    @Test("what does not fit into the memory for keys is left to the next pass")
    func boundedMemory() throws {
        let log = try LogFixture.compacted(segmentBytes: 2_000).open()
        for round in 0..<3 {
            for key in 0..<40 { try log.put("key \(key)", "\(round)") }
        }
        var options = CleaningOptions()
        // Room for the smallest table and some 30 keys.
        options.keyMemoryBytes = 256 * 8 + 30 * 19
        var passes = 0
        try log.roll()
        while let report = try log.clean(now: 0, options: options) {
            passes += 1
            #expect(report.didFillMemory == (report.cleanedEndOffset < 120))
        }
        #expect(passes > 2)
        #expect(try log.keyed.map(\.offset) == (80..<120).map(Int64.init))
    }

    @Test("a key that is larger than all the memory for keys does not stop the cleaner")
    func hugeKey() throws {
        let log = try LogFixture.compacted(segmentBytes: 20_000).open()
        let key = String(repeating: "k", count: 5_000)
        for round in 0..<3 { try log.put(key, "\(round)") }
        try log.put("b", "1")
        try log.roll()
        var options = CleaningOptions()
        options.keyMemoryBytes = 100
        while try log.clean(now: 0, options: options) != nil {}
        #expect(try log.keyed.map(\.value) == ["2", "1"])
    }

    @Test("records that are younger than min.compaction.lag.ms stay")
    func minimumLag() throws {
        let log = try LogFixture.compacted { $0.minCompactionLagMs = 1_000 }.open()
        try log.append(KeyedBatch(("a", "1")).at(100))
        try log.append(KeyedBatch(("a", "2")).at(200))
        try log.roll()
        try log.append(KeyedBatch(("a", "3")).at(900))
        try log.roll()
        #expect(try log.clean(now: 1_100) == nil)
        #expect(try log.clean(now: 1_500)?.cleanedEndOffset == 2)
        #expect(try log.keyed.map(\.value) == ["2", "3"])
        #expect(try log.clean(now: 2_000)?.cleanedEndOffset == 3)
        #expect(try log.keyed.map(\.value) == ["3"])
    }

    @Test("a log is due by the ratio of what is new, or by max.compaction.lag.ms")
    func due() throws {
        let fixture = LogFixture.compacted {
            $0.minCleanableDirtyRatio = 0.5
            $0.maxCompactionLagMs = 10_000
        }
        let log = try fixture.open()
        #expect(try log.cleaningNeed(now: 0) == nil)
        for key in 0..<30 { try log.append(KeyedBatch(("\(key)", "1")).at(1_000)) }
        try log.roll()
        #expect(try log.cleaningNeed(now: 1_000)?.dirtyRatio == 1)
        #expect(try log.cleaningNeed(now: 1_000)?.isDue == true)
        try log.compact()
        #expect(try log.cleaningNeed(now: 1_000) == nil)
        try log.append(KeyedBatch(("0", "2")).at(2_000))
        try log.roll()
        let need = try #require(try log.cleaningNeed(now: 12_000))
        #expect(need.dirtyRatio > 0 && need.dirtyRatio < 0.1 && !need.isDue)
        #expect(try log.cleaningNeed(now: 12_001)?.isDue == true)
    }

    @Test("a log that is not compacted is left alone")
    func otherPolicy() throws {
        let log = try LogFixture.compacted { $0.cleanupPolicy = .delete }.open()
        for _ in 0..<9 { try log.put("a", "1") }
        #expect(try log.compact() == nil)
        #expect(log.logEndOffset == 9)
        #expect(try log.keyed.count == 9)
    }

    @Test("segments are merged up to segment.bytes, and the indexes of the merged ones hold")
    func merging() throws {
        let fixture = LogFixture.compacted(segmentBytes: 1_000)
        let log = try fixture.open()
        for key in 0..<200 { try log.append(KeyedBatch(("key \(key % 50)", "value \(key)")).at(Int64(key))) }
        let before = log.segmentCount
        try log.compact()
        try log.put("x", "1")
        try log.compact()
        #expect(log.segmentCount < before / 2)
        for base in log.segmentBaseOffsets {
            let size = try #require(fixture.disk.bytes(of: fixture.file(LogFixture.logName(base)))).count
            #expect(size <= 1_000)
        }
        for offset: Int64 in 150..<200 {
            #expect(try log.records(from: offset, maximumBytes: 1).first?.offset == offset)
            #expect(try log.offset(forTimestamp: offset)?.offset == offset)
        }
        try log.close(clean: true)
        let reopened = try fixture.open()
        #expect(reopened.recovery.repairs.isEmpty && reopened.recovery.segmentsScanned == 0)
        #expect(try reopened.keyed.count == 51)
        #expect(fixture.disk.openFileCount < 20)
    }

    @Test("a pass that its caller stops leaves the log whole, and the next one goes on")
    func stopping() throws {
        let log = try LogFixture.compacted().open()
        for key in 0..<60 { try log.put("\(key % 7)", "\(key)") }
        try log.roll()
        var calls = 0
        while true {
            calls += 1
            var left = calls
            let report = try #require(
                try log.clean(
                    now: 0,
                    pace: { _ in
                        left -= 1
                        return left > 0
                    }
                )
            )
            #expect(try log.table().count == 7)
            if !report.wasStopped { break }
            #expect(log.cleanedEndOffset == 0)
        }
        #expect(calls > 3)
        #expect(try log.keyed.map(\.value) == (53..<60).map { "\($0)" })
    }

    @Test("readers go on through a pass, whether they hold the old segments or not")
    func readersDuringSwap() throws {
        let log = try LogFixture.compacted().open()
        for key in 0..<40 { try log.put("\(key % 5)", "\(key)") }
        try log.roll()
        var seen: [Int64] = []
        var next: Int64 = 0
        func readOne() throws {
            guard next < log.logEndOffset else { return }
            var buffer = ByteWriter()
            let result = try log.read(from: next, maximumBytes: 1, upTo: .logEnd, atLeastOneBatch: true, into: &buffer)
            var batches = RecordBatches(buffer.bytes)
            while let batch = try batches.next() {
                var cursor = RecordCursor(batch.header, records: batch.recordBytes)
                while let record = try cursor.next() { seen.append(record.offset) }
            }
            next = result.nextOffset
        }
        var failure: (any Error)?
        _ = try log.clean(
            now: 0,
            pace: { _ in
                do { try readOne() } catch { failure = error }
                return true
            }
        )
        #expect(failure == nil)
        while next < log.logEndOffset { try readOne() }
        #expect(seen == seen.sorted() && Set(seen).count == seen.count)
        #expect(Set(seen).isSuperset(of: 35..<40))
    }

    @Test("truncation while a pass runs makes it give up: what it was to remove may be the last again")
    func truncatedMeanwhile() throws {
        let log = try LogFixture.compacted().open()
        for value in 0..<12 { try log.put("a", "\(value)") }
        try log.roll()
        var hasTruncated = false
        let report = try log.clean(
            now: 0,
            pace: { _ in
                if !hasTruncated { _ = try? log.truncate(to: 6) }
                hasTruncated = true
                return true
            }
        )
        #expect(report?.wasStopped == true)
        #expect(try log.table() == ["a": "5"])
    }
}
