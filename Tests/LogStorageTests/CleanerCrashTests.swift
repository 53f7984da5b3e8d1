import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

/// What must hold of a compacted log whatever happens: the last value of every key, and who can see it.
@Suite("Crashes of the cleaner")
struct CleanerCrashTests {
    /// Two days after whatever time records have, so that every horizon of an earlier pass has gone by.
    private static let step: Int64 = 2 * 86_400_000

    /// A log with all that a cleaner meets: replaced records, tombstones, aborted and committed transactions, an open one
    /// at the end.
    private func prepare(_ fixture: LogFixture, rounds: Range<Int>) throws -> PartitionLog {
        let log = try fixture.open()
        try fill(log, rounds: rounds)
        return log
    }

    private func fill(_ log: PartitionLog, rounds: Range<Int>) throws {
        for round in rounds {
            let epoch = Int16(round)
            try log.append(KeyedBatch(("a", "a\(round)"), ("b", "b\(round)"), ("c\(round)", "c")))
            try log.append(
                KeyedBatch(("a", "t\(round)"), ("t", "t\(round)")).from(
                    7,
                    epoch: epoch,
                    sequence: 0,
                    transactional: true
                )
            )
            try log.append(KeyedBatch(("n\(round % 3)", "\(round)"), ("gone", round % 2 == 0 ? "here" : nil)))
            try log.append(KeyedBatch(("x", "x\(round)")).from(8, epoch: epoch, sequence: 0, transactional: true))
            try log.end(round % 2 == 0 ? .abort : .commit, 7, epoch: epoch + 1, version: 2)
            try log.append(KeyedBatch(("c\(round)", round % 3 == 0 ? nil : "d")))
            try log.end(round % 3 == 0 ? .abort : .commit, 8, epoch: epoch + 1, version: 2)
            try log.append(KeyedBatch(("i", "i\(round)")).from(9, sequence: Int32(round)))
        }
    }

    /// What may not change.
    private struct View: Equatable {
        var table: [String: String]
        var end: Int64
        var stable: Int64
        var producers: [ProducerIdentity]

        init(_ log: PartitionLog) throws {
            table = try log.table()
            end = log.logEndOffset
            stable = log.lastStableOffset
            producers = log.describeProducers().map(\.producer)
        }
    }

    private func fixture(segmentBytes: Int = 700) -> LogFixture { LogFixture.compacted(segmentBytes: segmentBytes) }

    /// - Parameter losesSnapshots: whether what the log knows of producers has to be read from its batches.
    private func check(
        _ after: LogFixture,
        _ expected: View,
        from recoveryPoint: Int64,
        losesSnapshots: Bool,
        _ what: String
    ) throws {
        if losesSnapshots {
            for name in try after.names where name.hasSuffix(".snapshot") {
                try after.disk.removeFile(after.file(name))
            }
        }
        let log = try after.open(clean: false, recoveryPoint: recoveryPoint)
        #expect(try View(log) == expected, "\(what)")
        #expect(log.recovery.truncation == nil, "\(what)")
        #expect(try after.names.allSatisfy { !$0.hasSuffix(".swap") && !$0.hasSuffix(".cleaned") }, "\(what)")
        // The next pass begins from the checkpoint before this one.
        _ = try log.clean(now: 3 * Self.step)
        #expect(try View(log) == expected, "\(what), cleaned again")
        let keys = try log.table().keys
        #expect(try log.keyed.filter { keys.contains($0.key) }.count >= keys.count, "\(what)")
        try log.close(clean: true)
        #expect(try View(try after.open(clean: true, recoveryPoint: expected.end)) == expected, "\(what), closed")
    }

    /// Runs passes that stop at the n-th call, and checks what every kind of crash leaves.
    private func crashEverywhere(_ prepared: LogFixture, passes: [Int64], cleanedEnd: Int64, recoveryPoint: Int64)
        throws
    {
        func open(_ disk: SimulatedFileSystem) throws -> (LogFixture, PartitionLog) {
            var fixture = prepared
            fixture.disk = disk
            let log = try PartitionLog.open(
                directory: LogFixture.directory,
                partition: LogFixture.partition,
                configuration: fixture.configuration,
                fileSystem: disk,
                time: fixture.time,
                topicId: nil,
                recoveryPoint: recoveryPoint,
                wasCleanShutdown: false,
                logStartOffset: nil,
                cleanedEndOffset: cleanedEnd
            )
            return (fixture, log)
        }
        let (_, before) = try open(prepared.disk.crash(.keepEverything))
        let expected = try View(before)
        var call = 0
        var isDone = false
        while !isDone {
            call += 1
            let (fixture, log) = try open(prepared.disk.crash(.keepEverything))
            fixture.disk.failAfter(calls: call)
            do {
                for now in passes { _ = try log.clean(now: now) }
                isDone = !fixture.disk.isCrashed
            } catch {
                #expect(fixture.disk.isCrashed, "\(error)")
            }
            if isDone { break }
            var random = SeededRandom(seed: UInt64(call))
            let survivors = [
                ("all unsynchronised bytes lost", fixture.disk.crash(.loseAllUnsynced)),
                ("process killed", fixture.disk.crash(.keepEverything)),
                ("some bytes lost", fixture.disk.crash(using: &random)),
            ]
            for (index, (name, disk)) in survivors.enumerated() where index != call % 3 {
                var after = fixture
                after.disk = disk
                let loses = (call + index) % 2 == 0
                do {
                    let what = "call \(call), \(name)\(loses ? ", snapshots lost" : "")"
                    try check(after, expected, from: recoveryPoint, losesSnapshots: loses, what)
                } catch {
                    Issue.record("call \(call), \(name): \(error)")
                }
            }
        }
        #expect(call > 40)
        print("crash points: \(call - 1) within passes of the cleaner")
    }

    @Test("after a crash at any call of a first pass, keys have their last values and transactions their ends")
    func firstPass() throws {
        let fixture = fixture(segmentBytes: 900)
        let log = try prepare(fixture, rounds: 0..<3)
        try log.roll()
        try log.flush(upTo: Int64.max)
        let end = log.logEndOffset
        try crashEverywhere(fixture, passes: [Self.step], cleanedEnd: 0, recoveryPoint: end)
    }

    @Test("after a crash at any call of a later pass, which removes tombstones and markers, too")
    func laterPass() throws {
        let fixture = fixture(segmentBytes: 1_500)
        let log = try prepare(fixture, rounds: 0..<4)
        try log.compact(now: 0)
        try fill(log, rounds: 4..<5)
        try log.compact(now: 1)
        try fill(log, rounds: 5..<7)
        try log.roll()
        try log.flush(upTo: Int64.max)
        try crashEverywhere(
            fixture,
            passes: [Self.step, 2 * Self.step],
            cleanedEnd: log.cleanedEndOffset,
            recoveryPoint: 0
        )
    }

    @Test("a crash while an interrupted replacement is completed is just another crash", arguments: Seed.sequence(2))
    func duringRecovery(seed: Seed) throws {
        var random = seed.random
        let fixture = fixture()
        let log = try prepare(fixture, rounds: 0..<2)
        try log.roll()
        try log.flush(upTo: Int64.max)
        let recoveryPoint = log.logEndOffset
        let expected = try View(log)
        // Stopped right after a replacement was decided.
        let isSwapLog: @Sendable (String) -> Bool = { $0.hasSuffix(".log.swap") }
        var crashed: SimulatedFileSystem?
        for call in 1... {
            if crashed != nil { break }
            var during = fixture
            during.disk = fixture.disk.crash(.keepEverything)
            let log = try during.open(clean: false, recoveryPoint: recoveryPoint)
            during.disk.failAfter(calls: call)
            _ = try? log.clean(now: Self.step)
            let after = during.disk.crash(.loseAllUnsynced)
            if try after.contents(of: LogFixture.directory).map(\.name).contains(where: isSwapLog) { crashed = after }
        }
        let disk = try #require(crashed)
        for call in 1... {
            var during = fixture
            during.disk = disk.crash(.keepEverything)
            during.disk.failAfter(calls: call)
            let opened = try? during.open(clean: false, recoveryPoint: recoveryPoint)
            if opened != nil, !during.disk.isCrashed { break }
            during.disk = during.disk.crash(using: &random)
            do {
                try check(
                    during,
                    expected,
                    from: recoveryPoint,
                    losesSnapshots: call % 2 == 0,
                    "call \(call) of recovery, \(seed)"
                )
            } catch {
                Issue.record("call \(call) of recovery, \(seed): \(error)")
            }
        }
    }

    @Test(
        "whatever call fails within a pass, the log goes on, and a later pass finishes",
        arguments: [FileError.Reason.noSpace, .tooManyOpenFiles, .inputOutput(5)]
    )
    func faults(reason: FileError.Reason) throws {
        let prepared = fixture()
        let log = try prepare(prepared, rounds: 0..<3)
        try log.roll()
        try log.flush(upTo: Int64.max)
        let expected = try View(log)
        let recoveryPoint = log.logEndOffset
        var number = 0
        while true {
            var fixture = prepared
            fixture.disk = prepared.disk.crash(.keepEverything)
            let log = try fixture.open(clean: false, recoveryPoint: recoveryPoint)
            let before = fixture.disk.callCount
            fixture.disk.fail(with: reason, skipping: number)
            var failure: LogError?
            do throws(LogError) {
                _ = try log.clean(now: Self.step)
            } catch {
                failure = error
            }
            if fixture.disk.callCount - before <= number { break }
            fixture.disk.liftFaults()
            #expect(try View(log) == expected, "call \(number): \(failure.map { "\($0)" } ?? "no error")")
            do {
                try log.put("after", "1")
                _ = try log.clean(now: Self.step)
                #expect(try log.table()["a"] == expected.table["a"])
                #expect(try fixture.names.allSatisfy { !$0.hasSuffix(".swap") && !$0.hasSuffix(".cleaned") })
            } catch let error as LogError {
                guard case .writesStopped = error else { throw error }
                #expect(failure != nil, "call \(number)")
            }
            try log.close(clean: false)
            #expect(fixture.disk.openFileCount == 0, "call \(number)")
            var reopened = expected
            let after = try View(try fixture.open(clean: false, recoveryPoint: recoveryPoint))
            reopened.table["after"] = after.table["after"]
            (reopened.end, reopened.stable) = (after.end, after.stable)
            #expect(after == reopened, "call \(number)")
            number += 1
        }
        #expect(number > 40)
    }

    @Test("a full disk stops a pass, takes nothing away, and leaves no half-made files")
    func diskFull() throws {
        let fixture = fixture(segmentBytes: 4_000)
        let log = try prepare(fixture, rounds: 0..<8)
        try log.roll()
        let expected = try View(log)
        let used = try fixture.names.reduce(0) { $0 + (fixture.disk.bytes(of: fixture.file($1))?.count ?? 0) }
        fixture.disk.limitSpace(toBytes: used + 300)
        #expect(throws: LogError.self) { try log.clean(now: 0) }
        #expect(try View(log) == expected)
        #expect(try fixture.names.allSatisfy { !$0.hasSuffix(".cleaned") })
        #expect(log.cleanedEndOffset == 0)
        fixture.disk.limitSpace(toBytes: nil)
        #expect(try log.clean(now: 0)?.cleanedEndOffset == log.logEndOffset)
        #expect(try View(log) == expected)
    }
}
