import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

@Suite("Faults of the disk")
struct FaultTests {
    private let path = LogFixture.directory.appending(LogFixture.logName(0))

    @Test("a full disk fails the append, leaves no trace, and appends go on when there is room")
    func full() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a").from(7, sequence: 0))
        let size = try #require(fixture.disk.bytes(of: path)?.count)
        fixture.disk.limitSpace(toBytes: size + 100)
        let large = TestBatch(String(repeating: "x", count: 500)).from(7, sequence: 1)
        #expect(throws: LogError.file(FileError(.write, path, .noSpace))) { try log.append(large) }
        #expect(fixture.disk.bytes(of: path)?.count == size)
        #expect(log.logEndOffset == 1)
        #expect(try log.values == ["a"])
        try log.append(TestBatch("b").from(7, sequence: 1))
        fixture.disk.limitSpace(toBytes: nil)
        try log.append(TestBatch(String(repeating: "x", count: 500)).from(7, sequence: 2))
        #expect(log.logEndOffset == 3)
        try log.close(clean: true)
        #expect(try fixture.open().logEndOffset == 3)
    }

    @Test("the rest of a failed write that could not be cut off is cut off before the next one")
    func tornTail() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a"))
        let size = try #require(fixture.disk.bytes(of: path)?.count)
        fixture.disk.limitSpace(toBytes: size + 100)
        let fault = fixture.disk.fail(with: .inputOutput(5), on: .truncate, times: nil)
        let large = TestBatch(String(repeating: "x", count: 500))
        #expect(throws: LogError.file(FileError(.write, path, .noSpace))) { try log.append(large) }
        #expect(fixture.disk.bytes(of: path)?.count == size + 100)
        #expect(throws: LogError.file(FileError(.truncate, path, .inputOutput(5)))) { try log.append(TestBatch("b")) }
        #expect(try log.values == ["a"])
        fixture.disk.lift(fault)
        try log.append(TestBatch("b"))
        #expect(try log.values == ["a", "b"])
        try log.close(clean: true)
        #expect(try fixture.open().logEndOffset == 2)
    }

    @Test("a close cuts off the rest of a failed write")
    func tornTailAtClose() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a"))
        let size = try #require(fixture.disk.bytes(of: path)?.count)
        fixture.disk.limitSpace(toBytes: size + 100)
        fixture.disk.fail(with: .inputOutput(5), on: .truncate)
        let large = TestBatch(String(repeating: "x", count: 500))
        #expect(throws: LogError.self) { try log.append(large) }
        fixture.disk.limitSpace(toBytes: nil)
        try log.close(clean: true)
        #expect(fixture.disk.durableBytes(of: path)?.count == size)
        #expect(try fixture.open().logEndOffset == 1)
    }

    @Test("after a failed synchronisation nothing is written any more, and reading goes on")
    func failedSynchronization() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a"))
        try log.flush(upTo: 1)
        try log.append(TestBatch("b"))
        fixture.disk.fail(with: .inputOutput(5), on: .synchronize)
        let error = LogError.writesStopped(LogFixture.partition, FileError(.synchronize, path, .inputOutput(5)))
        #expect(throws: error) { try log.flush(upTo: 2) }
        #expect(throws: error) { try log.flush(upTo: 2) }
        #expect(throws: error) { try log.append(TestBatch("c")) }
        #expect(throws: error) { try log.end(.commit, 7) }
        #expect(throws: error) { try log.roll() }
        #expect(log.durableEndOffset == 1)
        #expect(try log.values == ["a", "b"])
        #expect(throws: error) { try log.close(clean: true) }
        var after = fixture
        after.disk = fixture.disk.crash(.loseAllUnsynced)
        #expect(try after.open(clean: false, recoveryPoint: 1).values == ["a"])
    }

    @Test("a failed synchronisation at a roll stops writes too")
    func failedSynchronizationAtRoll() throws {
        let fixture = LogFixture { $0.segmentBytes = 150 }
        let log = try fixture.open()
        try log.append(TestBatch("a", "b"))
        fixture.disk.fail(with: .inputOutput(5), on: .synchronize)
        #expect(throws: LogError.self) { try log.append(TestBatch("c", "d")) }
        #expect(throws: LogError.self) { try log.append(TestBatch("e")) }
        #expect(log.segmentCount == 1)
        #expect(try log.values == ["a", "b"])
    }

    @Test("whatever call fails within a roll, appends go on afterwards or writes are stopped; nothing is lost")
    func anyFaultWithinRoll() throws {
        var call = 0
        while true {
            let fixture = LogFixture { $0.segmentBytes = 150 }
            let log = try fixture.open()
            try log.append(TestBatch("a", "b").from(7, sequence: 0, transactional: true))
            let before = fixture.disk.callCount
            fixture.disk.fail(with: .noSpace, skipping: call)
            let second = TestBatch("c", "d").from(7, sequence: 2, transactional: true)
            let failed = (try? log.append(second)) == nil
            if !failed, fixture.disk.callCount - before <= call { break }
            fixture.disk.liftFaults()
            var expected = ["a", "b", "c", "d"]
            if failed {
                do {
                    try log.append(second)
                } catch let error as LogError {
                    guard case .writesStopped = error else { throw error }
                    expected = ["a", "b"]
                }
            }
            #expect(try log.values == expected, "call \(call)")
            try log.close(clean: false)
            let reopened = try fixture.open(clean: false)
            #expect(try reopened.values == expected, "call \(call)")
            #expect(reopened.lastStableOffset == 0, "call \(call)")
            call += 1
        }
        #expect(call > 5)
    }

    @Test("a read that fails says so and can be repeated")
    func failedRead() throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        try log.append(TestBatch("a"))
        fixture.disk.fail(with: .inputOutput(5), on: .read)
        #expect(throws: LogError.file(FileError(.read, path, .inputOutput(5)))) { try log.records() }
        #expect(try log.values == ["a"])
    }

    @Test("a directory that cannot be written fails to open with the reason")
    func readOnly() throws {
        let fixture = LogFixture()
        fixture.disk.fail(with: .readOnly, on: .open)
        #expect(throws: LogError.file(FileError(.open, path, .readOnly))) { try fixture.open() }
    }
}
