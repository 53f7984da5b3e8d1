import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Crashes")
struct CrashTests {
    /// What a crashed run knew.
    struct Outcome {
        var model = LogModel()
        /// Up to where a flush had returned.
        var flushed: Int64 = 0
        /// What a checkpoint of the broker would hold: older than the last flush, most of the time.
        var recoveryPoint: Int64 = 0
        /// Whether the last close had returned.
        var isClosed = false
    }

    /// Appends, markers, rolls and flushes on a disk that may stop at any call.
    private func run(_ fixture: LogFixture, _ outcome: inout Outcome) throws {
        let log = try fixture.open()
        var sequences: [Int64: Int32] = [:]
        func append(_ values: [String], _ id: Int64, transactional: Bool) throws {
            let batch = TestBatch(values).from(id, sequence: sequences[id] ?? 0, transactional: transactional)
            // Stored or not: after a crash within the call, both are right.
            outcome.model.append(batch)
            try log.append(batch)
            sequences[id, default: 0] += Int32(values.count)
        }
        func end(_ result: TransactionResult, _ id: Int64) throws {
            outcome.model.append(result, ProducerIdentity(id: id, epoch: 0))
            try log.end(result, id)
        }
        for round in 0..<4 {
            try append(["a\(round)", "b\(round)"], 1, transactional: true)
            try append(["x\(round)"], 3, transactional: false)
            try append(["c\(round)"], 2, transactional: true)
            try end(round % 2 == 0 ? .abort : .commit, 1)
            if round == 1 {
                try log.flush(upTo: Int64.max)
                outcome.flushed = log.durableEndOffset
            }
            try append(["d\(round)", "e\(round)", "f\(round)"], 1, transactional: true)
            if round == 2 { outcome.recoveryPoint = outcome.flushed }
            try end(round % 2 == 0 ? .commit : .abort, 2)
            try end(.commit, 1)
            if round >= 2 {
                try log.flush(upTo: Int64.max)
                outcome.flushed = log.durableEndOffset
            }
        }
        try log.close(clean: true)
        outcome.isClosed = true
    }

    private func fixture() -> LogFixture {
        LogFixture {
            $0.segmentBytes = 420
            $0.indexIntervalBytes = 100
        }
    }

    private func check(
        _ fixture: LogFixture,
        _ outcome: Outcome,
        clean: Bool = false,
        _ what: String
    ) throws {
        let log = try fixture.open(clean: clean, recoveryPoint: outcome.recoveryPoint)
        let end = log.logEndOffset
        #expect(end >= outcome.flushed, "\(what): flushed records were lost")
        let expected = outcome.model.prefix(upTo: end)
        #expect(expected.batches.last?.nextOffset ?? 0 == end, "\(what): half a batch was kept")
        #expect(try log.records().map(\.timeless) == expected.records(from: 0, upTo: end), "\(what)")
        #expect(log.lastStableOffset == expected.lastStableOffset, "\(what)")
        let committed = try log.records(upTo: .lastStableOffset).filter { !$0.isControl }
        #expect(committed.map(\.timeless) == expected.committed(from: 0), "\(what)")
        for id: Int64 in 1...3 {
            guard let state = expected.state(of: id) else { continue }
            if let last = state.last {
                let batch = TestBatch(last.values)
                    .from(id, sequence: last.sequence, transactional: last.isTransactional)
                #expect(try log.append(batch).isDuplicate, "\(what): producer \(id) was forgotten")
            }
        }
        // And the log goes on.
        let next = try log.append(TestBatch("on"))
        #expect(next.baseOffset == end)
        try log.flush(upTo: Int64.max)
        try log.close(clean: true)
        #expect(try fixture.open(recoveryPoint: end).logEndOffset == end + 1, "\(what)")
    }

    private var callCount: Int {
        get throws {
            let fixture = fixture()
            var outcome = Outcome()
            let before = fixture.disk.callCount
            try run(fixture, &outcome)
            return fixture.disk.callCount - before
        }
    }

    @Test("after a crash at any call, what was flushed is there and what is there is a prefix")
    func atEveryCall() throws {
        for call in 1...(try callCount) {
            let before = fixture()
            before.disk.failAfter(calls: call)
            var outcome = Outcome()
            #expect(throws: (any Error).self) { try run(before, &outcome) }
            var random = SeededRandom(seed: UInt64(call))
            let disks = [
                ("all unsynchronised bytes lost", before.disk.crash(.loseAllUnsynced)),
                ("process killed", before.disk.crash(.keepEverything)),
                ("some bytes lost (1)", before.disk.crash(using: &random)),
                ("some bytes lost (2)", before.disk.crash(using: &random)),
            ]
            for (name, disk) in disks {
                var after = before
                after.disk = disk
                do {
                    try check(after, outcome, "call \(call), \(name)")
                } catch {
                    Issue.record("call \(call), \(name): \(error)")
                }
            }
        }
    }

    @Test("a crash during recovery is just another crash", arguments: Seed.sequence(12))
    func duringRecovery(seed: Seed) throws {
        var random = seed.random
        let before = fixture()
        before.disk.failAfter(calls: Int.random(in: 1...(try callCount), using: &random))
        var outcome = Outcome()
        #expect(throws: (any Error).self) { try run(before, &outcome) }
        let crashed = before.disk.crash(using: &random)
        var call = 1
        while true {
            var during = before
            during.disk = crashed.crash(.keepEverything)
            during.disk.failAfter(calls: call)
            guard (try? during.open(clean: false, recoveryPoint: outcome.recoveryPoint)) == nil else { break }
            during.disk = during.disk.crash(using: &random)
            do {
                try check(during, outcome, "call \(call) of recovery, \(seed)")
            } catch {
                Issue.record("call \(call) of recovery, \(seed): \(error)")
            }
            call += 1
        }
        #expect(call > 1)
    }

    @Test("what a clean close leaves survives power loss and is opened without a scan")
    func afterClose() throws {
        var fixture = fixture()
        var outcome = Outcome()
        try run(fixture, &outcome)
        #expect(outcome.isClosed)
        outcome.flushed = outcome.model.end
        fixture.disk = fixture.disk.crash(.loseAllUnsynced)
        let log = try fixture.open(clean: true, recoveryPoint: outcome.model.end)
        #expect(log.recovery.repairs.isEmpty)
        #expect(log.recovery.segmentsScanned == 0)
        try log.close(clean: false)
        try check(fixture, outcome, clean: true, "closed")
    }

    @Test("a segment file is made only when everything before it is durable")
    func durableBeforeNext() throws {
        let fixture = fixture()
        let log = try fixture.open()
        for index in 0..<40 {
            try log.append(TestBatch("value \(index)"))
            let bases = log.segmentBaseOffsets
            for base in bases.dropLast() {
                let path = fixture.file(LogFixture.logName(base))
                #expect(fixture.disk.durableBytes(of: path) == fixture.disk.bytes(of: path))
            }
            #expect(log.durableEndOffset >= bases.last ?? 0)
        }
    }
}
