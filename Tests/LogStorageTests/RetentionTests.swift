import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Retention")
struct RetentionTests {
    private let start: Int64 = 1_700_000_000_000

    /// A log of one record a segment, with the given timestamps.
    private func log(_ fixture: LogFixture, _ timestamps: Int64...) throws -> PartitionLog {
        let log = try fixture.open()
        for (index, timestamp) in timestamps.enumerated() {
            if index > 0 { try log.roll() }
            try log.append(TestBatch("\(index)").at(timestamp))
        }
        return log
    }

    private func fixture(_ change: (inout LogConfiguration) -> Void = { _ in }) -> LogFixture {
        LogFixture {
            $0.retentionMs = 1_000
            change(&$0)
        }
    }

    @Test("segments whose newest record is older than retention.ms go")
    func byTime() throws {
        let log = try log(fixture(), start, start + 500, start + 900, start + 2_000)
        #expect(try log.applyRetention(now: start + 1_000).segmentsRemoved == 0)
        #expect(try log.applyRetention(now: start + 1_501).segmentsRemoved == 2)
        #expect(log.logStartOffset == 2)
        #expect(try log.values == ["2", "3"])
    }

    @Test("a segment that is young enough keeps those after it, however old their records are")
    func inOrder() throws {
        let log = try log(fixture(), start + 5_000, start, start)
        #expect(try log.applyRetention(now: start + 4_000).segmentsRemoved == 0)
        #expect(log.logStartOffset == 0)
    }

    @Test("the active segment goes, too, when all of it is too old, and the log goes on at its end")
    func active() throws {
        let fixture = fixture()
        let log = try log(fixture, start, start)
        #expect(try log.applyRetention(now: start + 1_001).segmentsRemoved == 2)
        #expect(log.logStartOffset == 2 && log.logEndOffset == 2)
        #expect(log.segmentBaseOffsets == [2])
        #expect(try log.append(TestBatch("x")).baseOffset == 2)
        #expect(try fixture.disk.contents(of: LogFixture.directory).filter { $0.name.hasSuffix(".log") }.count == 1)
    }

    @Test("records without timestamps are as old as their last append by the broker's clock")
    func withoutTimestamps() throws {
        let fixture = fixture()
        let log = try log(fixture, -1, -1, -1)
        let now = fixture.time.milliseconds
        #expect(try log.applyRetention(now: now + 1_000).segmentsRemoved == 0)
        #expect(try log.applyRetention(now: now + 1_001).segmentsRemoved == 3)
    }

    @Test("the oldest segments go while the rest is at least retention.bytes")
    func bySize() throws {
        let fixture = LogFixture { $0.retentionMs = -1 }
        let log = try log(fixture, start, start, start, start)
        let size = log.sizeInBytes / 4
        func retain(_ bytes: Int64) throws -> Int {
            var configuration = log.configuration
            configuration.retentionBytes = bytes
            log.updateConfiguration(configuration)
            return try log.applyRetention(now: 0).segmentsRemoved
        }
        #expect(try retain(-1) == 0)
        #expect(try retain(4 * size) == 0)
        #expect(try retain(3 * size + 1) == 0)
        #expect(try retain(2 * size + 1) == 1)
        #expect(try retain(2 * size) == 1)
        #expect(log.logStartOffset == 2)
        #expect(try retain(0) == 2)
        #expect(log.logStartOffset == 4)
    }

    @Test("a log that is only compacted keeps its segments; with both policies both apply")
    func policies() throws {
        let compacted = fixture { $0.cleanupPolicy = .compact }
        #expect(try log(compacted, start, start).applyRetention(now: start + 9_999).segmentsRemoved == 0)
        let fixture = fixture {
            $0.cleanupPolicy = [.compact, .delete]
            $0.minCleanableDirtyRatio = 0
        }
        let log = try fixture.open()
        for index in 0..<6 {
            try log.append(KeyedBatch(("\(index % 2)", "\(index)")).at(start + Int64(index)))
            try log.roll()
        }
        _ = try log.clean(now: start)
        #expect(try log.keyed.map(\.offset) == [4, 5])
        try log.append(KeyedBatch(("0", "6")).at(start + 5_000))
        #expect(try log.applyRetention(now: start + 1_006).segmentsRemoved > 0)
        #expect(try log.keyed.map(\.offset) == [6])
    }

    @Test("a reader behind the log's first offset is told so, one that reads what goes gets it or is told so")
    func laggingReader() throws {
        let fixture = fixture()
        let log = try log(fixture, start, start, start + 5_000)
        #expect(try log.records(from: 1).map(\.offset) == [1, 2])
        try log.applyRetention(now: start + 2_000)
        #expect(throws: LogError.outOfRange(LogFixture.partition, offset: 1, first: 2, end: 3)) {
            try log.records(from: 1)
        }
        #expect(try log.records(from: 2).map(\.value) == ["2"])
        #expect(fixture.disk.openFileCount <= 1, "files of removed segments are closed")
    }

    @Test("a clock that goes back removes nothing and rolls nothing; one that comes back goes on")
    func clockBackwards() throws {
        let log = try log(fixture { $0.segmentMs = 100 }, start, start)
        #expect(try log.applyRetention(now: 0).segmentsRemoved == 0)
        #expect(try log.applyRetention(now: Int64.min).segmentsRemoved == 0)
        #expect(try !log.rollIfDue(now: Int64.min))
        #expect(log.removeExpiredProducers() == 0)
        #expect(try log.applyRetention(now: start + 1_001).segmentsRemoved == 2)
    }

    @Test("a clock that goes back forgets no producer and gives appends that go on")
    func clockBackwardsProducers() throws {
        let fixture = fixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        fixture.time.setWallClock(milliseconds: fixture.time.milliseconds - 100_000_000)
        #expect(log.removeExpiredProducers() == 0)
        try log.append(TestBatch("b").from(7, sequence: 1))
        try log.close(clean: true)
        let reopened = try fixture.open()
        try reopened.append(TestBatch("c").from(7, sequence: 2))
        #expect(reopened.logEndOffset == 3)
    }

    @Test("a quiet segment is sealed after segment.ms, in a compacted log after max.compaction.lag.ms if that is less")
    func rolling() throws {
        let fixture = fixture { $0.segmentMs = 1_000 }
        let log = try fixture.open()
        let now = fixture.time.milliseconds
        #expect(try !log.rollIfDue(now: now + 9_999), "an empty segment has no age")
        try log.append(TestBatch("a").at(5))
        #expect(try !log.rollIfDue(now: now + 1_000))
        #expect(try log.rollIfDue(now: now + 1_001))
        #expect(log.segmentBaseOffsets == [0, 1])
        var configuration = log.configuration
        configuration.cleanupPolicy = .compact
        configuration.maxCompactionLagMs = 200
        log.updateConfiguration(configuration)
        try log.append(TestBatch("b").keyed("k"))
        #expect(try !log.rollIfDue(now: now + 200))
        #expect(try log.rollIfDue(now: now + 201))
    }

    @Test("a transaction that is open keeps its place when its first records are removed")
    func openTransaction() throws {
        let fixture = LogFixture { $0.retentionBytes = 0 }
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0, transactional: true))
        try log.applyRetention(now: 0)
        #expect(log.logStartOffset == 1)
        try log.append(TestBatch("b").from(7, sequence: 1, transactional: true))
        #expect(log.lastStableOffset == 1)
        try log.end(.commit, 7)
        #expect(try log.committedValues == ["b"])
    }

    @Test("whatever call a crash interrupts, what retention leaves is a log that begins at a segment and has no hole")
    func crashes() throws {
        let prepared = fixture()
        let log = try log(prepared, start, start, start, start, start + 5_000)
        try log.flush(upTo: Int64.max)
        for call in 1... {
            var fixture = prepared
            fixture.disk = prepared.disk.crash(.keepEverything)
            let log = try fixture.open(clean: false, recoveryPoint: 5)
            fixture.disk.failAfter(calls: call)
            if (try? log.applyRetention(now: start + 2_000)) != nil { break }
            var random = SeededRandom(seed: UInt64(call))
            for disk in [
                fixture.disk.crash(.loseAllUnsynced), fixture.disk.crash(.keepEverything),
                fixture.disk.crash(using: &random),
            ] {
                var after = fixture
                after.disk = disk
                let log = try after.open(clean: false, recoveryPoint: 5)
                #expect((0...4).contains(log.logStartOffset), "call \(call)")
                #expect(log.logEndOffset == 5, "call \(call)")
                #expect(try log.records().map(\.offset) == Array(log.logStartOffset..<5), "call \(call)")
                try log.applyRetention(now: start + 2_000)
                #expect(log.logStartOffset == 4, "call \(call)")
            }
        }
    }
}
