import MillraceFileIO
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("An overlay over a file system")
struct OverlayTests {
    private let base = SimulatedFileSystem()
    private let root: FilePath = "/data"

    /// Everything below the root, by path.
    private func everything(_ fileSystem: any FileSystem, _ directory: FilePath) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for entry in try fileSystem.contents(of: directory) {
            let path = directory.appending(entry.name)
            if entry.kind == .directory {
                found.merge(try everything(fileSystem, path)) { first, _ in first }
            } else {
                found[path.string] = try fileSystem.allBytes(of: path)
            }
        }
        return found
    }

    private func makeBase() throws -> [String: [UInt8]] {
        try base.createDirectory(root.appending("topic-0"))
        try base.makeFile(root.appending("meta"), [1, 2, 3])
        try base.makeFile(root.appending("topic-0/log"), (0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
        return try everything(base, root)
    }

    @Test("shows what is below, and leaves it as it is whatever is done")
    func leavesBase() throws {
        let before = try makeBase()
        let overlay = OverlayFileSystem(over: base)
        #expect(try everything(overlay, root) == before)

        let log = try overlay.open(root.appending("topic-0/log"), .readWrite)
        try log.truncate(to: 50_000)
        try log.write([9, 9], at: 60_000)
        try log.synchronize()
        try overlay.rename(root.appending("topic-0"), to: root.appending("topic-0-delete"))
        try overlay.removeFile(root.appending("meta"))
        try overlay.makeFile(root.appending("new"), [7])
        let lock = try overlay.lock(root.appending(".lock"))
        lock.release()

        var expected = Array(before["/data/topic-0/log", default: []].prefix(50_000))
        expected += [UInt8](repeating: 0, count: 10_000) + [9, 9]
        #expect(
            try everything(overlay, root) == [
                "/data/topic-0-delete/log": expected, "/data/new": [7], "/data/.lock": [],
            ]
        )
        #expect(try overlay.kind(of: root.appending("topic-0")) == nil)
        #expect(try everything(base, root) == before)
    }

    @Test("does not see what a file below grows by after it was opened for writing")
    func fixedSize() throws {
        _ = try makeBase()
        let overlay = OverlayFileSystem(over: base)
        let seen = try overlay.open(root.appending("meta"), .readWrite)
        try base.open(root.appending("meta"), .readWrite).write([1, 2, 3, 4, 5], at: 0)
        #expect(try seen.size() == 3)
        #expect(try seen.read(10, at: 0) == [1, 2, 3])
    }

    @Test("takes a lock that another process holds below")
    func lockBelow() throws {
        _ = try makeBase()
        let held = try base.lock(root.appending(".lock"))
        defer { held.release() }
        let overlay = OverlayFileSystem(over: base)
        let lock = try overlay.lock(root.appending(".lock"))
        #expect(reason { () throws(FileError) in _ = try overlay.lock(root.appending(".lock")) } == .locked)
        lock.release()
        #expect(reason { () throws(FileError) in _ = try overlay.lock(root.appending(".lock")) } == nil)
    }
}
