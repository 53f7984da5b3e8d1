import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage
import Testing

/// What survives in the simulated file system, and what may not.
@Suite("A simulated crash")
struct SimulatedCrashTests {
    private let fileSystem = SimulatedFileSystem()

    /// All outcomes that a number of crashes at this moment find at a path; nil for no file.
    private func outcomes(of path: FilePath, seeds: Int = 300) -> Set<[UInt8]?> {
        var outcomes: Set<[UInt8]?> = []
        for seed in 0..<UInt64(seeds) {
            var random = SeededRandom(seed: seed)
            outcomes.insert(fileSystem.crash(using: &random).bytes(of: path))
        }
        return outcomes
    }

    @Test("what was synchronized survives every crash", arguments: Seed.sequence(50))
    func synchronizedSurvives(seed: Seed) throws {
        try fileSystem.makeDurableFile("/a", [1, 2, 3])
        var random = seed.random
        #expect(fileSystem.crash(using: &random).bytes(of: "/a") == [1, 2, 3])
        #expect(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a") == [1, 2, 3])
        #expect(fileSystem.crash(.keepEverything).bytes(of: "/a") == [1, 2, 3])
    }

    @Test("losing all that is not synchronized leaves the file as it was at its last synchronize")
    func loseAll() throws {
        try fileSystem.makeDurableFile("/a", [1, 2, 3])
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([9, 9, 9, 9], at: 1)
        #expect(fileSystem.durableBytes(of: "/a") == [1, 2, 3])
        #expect(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a") == [1, 2, 3])
        try file.synchronize()
        #expect(fileSystem.crash(.loseAllUnsynced).bytes(of: "/a") == [1, 9, 9, 9, 9])
    }

    @Test("a killed process loses nothing, and power loss after it can still take what was not synchronized")
    func kill() throws {
        try fileSystem.makeFile("/a", [1])
        let restarted = fileSystem.crash(.keepEverything)
        #expect(restarted.bytes(of: "/a") == [1])
        #expect(restarted.crash(.loseAllUnsynced).bytes(of: "/a") == nil)
    }

    @Test("calls after the machine has stopped leave nothing behind")
    func afterTheEnd() throws {
        try fileSystem.makeDurableFile("/a", [1])
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([2], at: 1)
        fileSystem.failAfter(calls: 1)
        #expect(throws: FileError.self) { try file.size() }
        // A failed synchronize of a running machine forgets what it could not write.
        #expect(throws: FileError.self) { try file.synchronize() }
        let restarted = fileSystem.crash(.keepEverything)
        try restarted.open("/a", .readWrite).synchronize()
        #expect(restarted.crash(.loseAllUnsynced).bytes(of: "/a") == [1, 2])
    }

    @Test("a file whose data is synchronized and whose name is not may be gone")
    func nameNeedsItsDirectory() throws {
        let file = try fileSystem.open("/a", .create)
        try file.write([1], at: 0)
        try file.synchronize()
        #expect(outcomes(of: "/a") == [nil, [1]])
        try fileSystem.synchronizeDirectory("/")
        #expect(outcomes(of: "/a") == [[1]])
    }

    @Test("a directory that was not synchronized takes what is in it along")
    func parentNeedsItsDirectory() throws {
        try fileSystem.createDirectory("/topic-0")
        try fileSystem.makeDurableFile("/topic-0/a", [1])
        #expect(outcomes(of: "/topic-0/a") == [nil, [1]])
        try fileSystem.synchronizeDirectory("/")
        #expect(outcomes(of: "/topic-0/a") == [[1]])
    }

    @Test("a removed file may come back until its directory is synchronized")
    func removal() throws {
        try fileSystem.makeDurableFile("/a", [1])
        try fileSystem.removeFile("/a")
        #expect(outcomes(of: "/a") == [nil, [1]])
        try fileSystem.synchronizeDirectory("/")
        #expect(outcomes(of: "/a") == [nil])
    }

    @Test("a rename survives as a whole or not at all", arguments: Seed.sequence(50))
    func renameIsAtomic(seed: Seed) throws {
        try fileSystem.makeDurableFile("/new", [2])
        try fileSystem.makeDurableFile("/current", [1])
        try fileSystem.rename("/new", to: "/current")
        var random = seed.random
        let after = fileSystem.crash(using: &random)
        let outcome = [after.bytes(of: "/new"), after.bytes(of: "/current")]
        #expect(outcome == [nil, [2]] || outcome == [[2], [1]])
    }

    @Test("a rename to another directory never leaves two names or none", arguments: Seed.sequence(50))
    func renameAcrossDirectories(seed: Seed) throws {
        try fileSystem.createDirectory("/x")
        try fileSystem.createDirectory("/y")
        try fileSystem.synchronizeDirectory("/")
        try fileSystem.makeDurableFile("/x/a", [1])
        try fileSystem.rename("/x/a", to: "/y/a")
        var random = seed.random
        let before = fileSystem.crash(using: &random)
        #expect((before.bytes(of: "/x/a") == nil) != (before.bytes(of: "/y/a") == nil))
        try fileSystem.synchronizeDirectory("/y")
        let after = fileSystem.crash(using: &random)
        #expect(after.bytes(of: "/x/a") == nil)
        #expect(after.bytes(of: "/y/a") == [1])
    }

    @Test("of a chain of renames, exactly one name survives", arguments: Seed.sequence(50))
    func renameChain(seed: Seed) throws {
        try fileSystem.makeDurableFile("/a", [1])
        try fileSystem.rename("/a", to: "/b")
        try fileSystem.rename("/b", to: "/c")
        var random = seed.random
        let after = fileSystem.crash(using: &random)
        #expect(try after.contents(of: "/").count == 1)
    }

    @Test("a new file moved to another directory is there, and there alone, once that is synchronized")
    func moveOfNewFile() throws {
        try fileSystem.createDirectory("/x")
        try fileSystem.createDirectory("/y")
        try fileSystem.synchronizeDirectory("/")
        try fileSystem.makeFile("/x/a", [])
        try fileSystem.rename("/x/a", to: "/y/a")
        try fileSystem.synchronizeDirectory("/y")
        #expect(outcomes(of: "/x/a") == [nil])
        #expect(outcomes(of: "/y/a") == [[]])
    }

    @Test("a write without synchronize survives, survives in part, or is lost")
    func tornWrite() throws {
        try fileSystem.makeDurableFile("/a", [UInt8](repeating: 1, count: 1_536))
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([UInt8](repeating: 2, count: 1_536), at: 0)
        // Each of the three sectors is old or new, in all eight combinations.
        let all = Set((0..<8).map { bits in (0..<1_536).map { UInt8(1 + bits >> ($0 / 512) & 1) } as [UInt8]? })
        #expect(outcomes(of: "/a") == all)
    }

    @Test("tearing keeps within sectors: bytes before and after a write in one sector go together")
    func sectorsAreWhole() throws {
        try fileSystem.makeDurableFile("/a", [UInt8](repeating: 1, count: 512))
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([UInt8](repeating: 2, count: 100), at: 50)
        let old = [UInt8](repeating: 1, count: 512)
        let new = (0..<512).map { (50..<150).contains($0) ? UInt8(2) : 1 }
        #expect(outcomes(of: "/a") == [old, new])
    }

    @Test("later bytes of a sector imply the earlier ones")
    func sectorsMoveForward() throws {
        try fileSystem.makeDurableFile("/a", [])
        let file = try fileSystem.open("/a", .readWrite)
        for number in 0..<4 { try file.write([UInt8(number + 1)], at: Int64(number)) }
        for outcome in outcomes(of: "/a") {
            let written = (outcome ?? []).filter { $0 != 0 }
            #expect(written == Array([1, 2, 3, 4].prefix(written.count)), "\(String(describing: outcome))")
        }
    }

    @Test("a file may have grown without its data: zeros")
    func grownWithZeros() throws {
        try fileSystem.makeDurableFile("/a", [])
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([UInt8](repeating: 1, count: 1_024), at: 0)
        let outcomes = outcomes(of: "/a")
        #expect(outcomes.contains([UInt8](repeating: 0, count: 1_024)))
        #expect(outcomes.contains([]))
        #expect(outcomes.contains([UInt8](repeating: 0, count: 512) + [UInt8](repeating: 1, count: 512)))
    }

    @Test("later writes can survive while earlier ones are lost")
    func outOfOrder() throws {
        try fileSystem.makeDurableFile("/a", [UInt8](repeating: 0, count: 1_024))
        let file = try fileSystem.open("/a", .readWrite)
        try file.write([1], at: 0)
        try file.write([2], at: 512)
        let heads = Set(outcomes(of: "/a").map { [$0?[0], $0?[512]] })
        #expect(heads == [[0, 0], [1, 0], [0, 2], [1, 2]])
    }

    @Test("what was written behind a cut is not there without the cut")
    func cut() throws {
        try fileSystem.makeDurableFile("/a", [UInt8](repeating: 1, count: 1_024))
        let file = try fileSystem.open("/a", .readWrite)
        try file.truncate(to: 512)
        try file.write([UInt8](repeating: 2, count: 256), at: 512)
        let old = [UInt8](repeating: 1, count: 1_024)
        let head = [UInt8](repeating: 1, count: 512)
        let expected: Set<[UInt8]?> = [
            old, head, head + [UInt8](repeating: 0, count: 256), head + [UInt8](repeating: 2, count: 256),
        ]
        #expect(outcomes(of: "/a") == expected)
        try file.synchronize()
        #expect(outcomes(of: "/a") == [head + [UInt8](repeating: 2, count: 256)])
    }

    @Test("synchronize makes the file durable as it is, whatever was done to it", arguments: Seed.sequence(100))
    func synchronizeIsComplete(seed: Seed) throws {
        var random = seed.random
        try fileSystem.makeDurableFile("/a", [])
        let file = try fileSystem.open("/a", .readWrite)
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            switch Int.random(in: 0..<5, using: &random) {
            case 0: try file.truncate(to: .random(in: 0...3_000, using: &random))
            case 1: try file.synchronize()
            default:
                let bytes = [UInt8](repeating: random.next(), count: .random(in: 0...1_500, using: &random))
                try file.write(bytes, at: .random(in: 0...3_000, using: &random))
            }
        }
        try file.synchronize()
        #expect(fileSystem.durableBytes(of: "/a") == fileSystem.bytes(of: "/a"))
    }

    @Test("one seed gives one outcome", arguments: Seed.sequence(20))
    func reproducible(seed: Seed) throws {
        for number in 0..<20 {
            try fileSystem.makeFile(FilePath("/\(number)"), [UInt8](repeating: UInt8(number), count: 2_000))
        }
        var (first, second) = (seed.random, seed.random)
        let (one, other) = (fileSystem.crash(using: &first), fileSystem.crash(using: &second))
        for number in 0..<20 {
            #expect(one.bytes(of: FilePath("/\(number)")) == other.bytes(of: FilePath("/\(number)")))
        }
    }

    @Test("a crash releases locks and leaves the crashed file system as it was")
    func crashIsACopy() throws {
        let lock = try fileSystem.lock("/.lock")
        let file = try fileSystem.open("/a", .create)
        let after = fileSystem.crash(.keepEverything)
        try after.lock("/.lock").release()
        try file.write([1], at: 0)
        #expect(after.bytes(of: "/a") == [])
        #expect(after.openFileCount == 0)
        #expect(fileSystem.openFileCount == 2)
        lock.release()
        file.close()
        #expect(fileSystem.openFileCount == 0)
    }
}
