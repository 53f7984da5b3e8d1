import MillraceFileIO
import MillraceSimulationKit
import SystemPackage
import Testing

/// How a test makes calls of the simulated file system fail, and what it can see of them.
@Suite("Simulated faults")
struct SimulatedFaultTests {
    private let fileSystem = SimulatedFileSystem()

    @Test("from the n-th call on, every call finds the machine stopped", arguments: 1...5)
    func crashAtCall(number: Int) throws {
        var succeeded = 0
        fileSystem.failAfter(calls: number)
        for index in 0..<8
        where reason({ () throws(FileError) in _ = try fileSystem.kind(of: FilePath("/\(index)")) }) == nil {
            succeeded += 1
        }
        #expect(succeeded == number - 1)
        #expect(fileSystem.isCrashed)
        #expect(fileSystem.callCount == 8)
    }

    @Test("a write within which the machine stops is done in part, from its beginning")
    func tornCall() throws {
        var lengths: Set<Int> = []
        for seed in 0..<100 {
            let fileSystem = SimulatedFileSystem(seed: UInt64(seed))
            let file = try fileSystem.open("/a", .create)
            fileSystem.failAfter(calls: 1)
            #expect(throws: FileError(.write, "/a", .crashed)) { try file.write([1, 2, 3], at: 0) }
            let bytes = try #require(fileSystem.bytes(of: "/a"))
            #expect(bytes == Array([1, 2, 3].prefix(bytes.count)))
            lengths.insert(bytes.count)
        }
        #expect(lengths == [0, 1, 2, 3])
    }

    @Test("any other call within which the machine stops does nothing")
    func crashedCallsDoNothing() throws {
        try fileSystem.makeFile("/a", [1])
        let file = try fileSystem.open("/a", .readWrite)
        fileSystem.failAfter(calls: 1)
        #expect(throws: FileError(.rename, "/a", .crashed)) { try fileSystem.rename("/a", to: "/b") }
        #expect(throws: FileError(.truncate, "/a", .crashed)) { try file.truncate(to: 0) }
        #expect(throws: FileError(.synchronize, "/a", .crashed)) { try file.synchronize() }
        #expect(fileSystem.bytes(of: "/a") == [1])
        #expect(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a") == nil)
    }

    @Test("a fault hits the calls it names, once")
    func oneFault() throws {
        fileSystem.fail(with: .noSpace, on: .write, skipping: 1) { $0.lastComponent == "b" }
        let (a, b) = (try fileSystem.open("/a", .create), try fileSystem.open("/b", .create))
        try a.write([1], at: 0)
        try b.write([1], at: 0)
        try a.write([2], at: 0)
        #expect(throws: FileError(.write, "/b", .noSpace)) { try b.write([2], at: 0) }
        #expect(fileSystem.bytes(of: "/b") == [1])
        try b.write([2], at: 0)
    }

    @Test("a lasting fault ends when it is lifted")
    func lastingFault() throws {
        let fault = fileSystem.fail(with: .readOnly, times: nil)
        for _ in 0..<3 {
            #expect(throws: FileError(.open, "/a", .readOnly)) { _ = try fileSystem.open("/a", .create) }
        }
        fileSystem.lift(fault)
        _ = try fileSystem.open("/a", .create)
        fileSystem.fail(with: .permissionDenied, on: .list, times: nil)
        #expect(throws: FileError(.list, "/", .permissionDenied)) { _ = try fileSystem.contents(of: "/") }
        fileSystem.liftFaults()
        _ = try fileSystem.contents(of: "/")
    }

    @Test("after a failed synchronize, a later one that succeeds does not bring back what the first one lost")
    func failedSynchronize() throws {
        try fileSystem.makeDurableFile("/a", [UInt8](repeating: 0, count: 1_024))
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([1], at: 0)
        fileSystem.fail(with: .inputOutput(Errno.ioError.rawValue), on: .synchronize)
        #expect(reason { () throws(FileError) in try file.synchronize() } == .inputOutput(Errno.ioError.rawValue))
        try file.write([2], at: 512)
        try file.synchronize()
        #expect(try file.read(1, at: 0) == [1])
        let after = try #require(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a"))
        #expect(after[0] == 0)
        #expect(after[512] == 2)
    }

    @Test("a full disk takes the part of a write that has room, and room comes back")
    func fullDisk() throws {
        fileSystem.limitSpace(toBytes: 5)
        try fileSystem.makeFile("/a", [1, 2, 3])
        let file = try fileSystem.open("/b", .create)
        #expect(throws: FileError(.write, "/b", .noSpace)) { try file.write([7, 8, 9], at: 0) }
        #expect(fileSystem.bytes(of: "/b") == [7, 8])
        try file.write([1, 1], at: 0)
        #expect(throws: FileError(.write, "/b", .noSpace)) { try file.write([9], at: 2) }
        try fileSystem.removeFile("/a")
        try file.write([9], at: 2)
        fileSystem.limitSpace(toBytes: nil)
        try file.write([UInt8](repeating: 1, count: 100), at: 3)
    }

    @Test("the trace tells every call and its outcome")
    func trace() throws {
        let file = try fileSystem.open("/a", .create)
        try file.write([1, 2], at: 3)
        _ = try? fileSystem.open("/b", .readOnly)
        let lines = fileSystem.trace.map(\.description)
        #expect(lines == ["1 open /a", "2 write /a 2 bytes at 3", "3 open /b, refused: notFound"])
    }

    @Test("the trace is bounded and keeps the latest calls")
    func traceIsBounded() throws {
        for _ in 0..<25_000 { _ = try fileSystem.kind(of: "/") }
        #expect(fileSystem.trace.count == SimulatedFileSystem.traceLengthMax)
        #expect(fileSystem.trace.last?.number == 25_000)
    }

    @Test("usage counts what was really read, written and synchronized, by path")
    func usage() throws {
        let file = try fileSystem.open("/a", .create)
        try file.write([1, 2, 3], at: 0)
        _ = try file.read(10, at: 1)
        try file.synchronize()
        try fileSystem.makeFile("/b", [1])
        let usage = fileSystem.usage(of: "/a")
        #expect(usage.bytesWritten == 3)
        #expect(usage.bytesRead == 2)
        #expect(usage.writes == 1)
        #expect(usage.reads == 1)
        #expect(usage.synchronizations == 1)
        #expect(fileSystem.totalUsage.bytesWritten == 4)
        fileSystem.resetUsage()
        #expect(fileSystem.totalUsage == SimulatedUsage())
    }

    @Test("damage done to a file behind the back of its user stays")
    func damage() throws {
        try fileSystem.makeFile("/a", [0, 0, 0])
        try fileSystem.flipBit(7, ofByteAt: 1, in: "/a")
        #expect(fileSystem.bytes(of: "/a") == [0, 0x80, 0])
        try fileSystem.cut("/a", toBytes: 2)
        try fileSystem.synchronizeDirectory("/")
        #expect(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a") == [0, 0x80])
        #expect(throws: FileError(.truncate, "/none", .notFound)) { try fileSystem.cut("/none", toBytes: 0) }
    }

    @Test("files that nobody can reach any more are forgotten")
    func garbage() throws {
        fileSystem.limitSpace(toBytes: 10)
        for _ in 0..<10 {
            try fileSystem.makeDurableFile("/a", [UInt8](repeating: 1, count: 10))
            try fileSystem.removeFile("/a")
            try fileSystem.synchronizeDirectory("/")
        }
        #expect(fileSystem.nodeCount == 1, "the root alone is left")
    }
}
