import MillraceFileIO
import MillraceSimulationKit
import SystemPackage
import Testing

/// What the file system of the operating system and the simulated one have in common. A difference between the two would
/// make every simulation a lie.
@Suite("Both file systems")
struct FileSystemBehaviourTests {
    @Test("what was written is read back, at any offset", arguments: FileSystemKind.allCases)
    func readBack(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.fileSystem.open(workspace.path("a"), .create)
        try file.write([1, 2, 3, 4], at: 0)
        try file.write([9, 9], at: 2)
        #expect(try file.read(10, at: 0) == [1, 2, 9, 9])
        #expect(try file.read(2, at: 1) == [2, 9])
        #expect(try file.size() == 4)
    }

    @Test("a read at or past the end gives fewer bytes, and no error", arguments: FileSystemKind.allCases)
    func readPastEnd(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1, 2, 3])
        let file = try workspace.fileSystem.open(path, .readOnly)
        #expect(try file.read(5, at: 2) == [3])
        #expect(try file.read(5, at: 3) == [])
        #expect(try file.read(5, at: 1_000) == [])
        #expect(try file.read(0, at: 0) == [])
    }

    @Test("a gap that a write leaves reads as zeros", arguments: FileSystemKind.allCases)
    func gap(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1])
        let file = try workspace.fileSystem.open(path, .readWrite)
        try file.write([2], at: 3)
        #expect(try file.read(10, at: 0) == [1, 0, 0, 2])
        try file.write([], at: 100)
        #expect(try file.size() == 4)
    }

    @Test("truncate shortens, and extends with zeros", arguments: FileSystemKind.allCases)
    func truncate(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1, 2, 3])
        let file = try workspace.fileSystem.open(path, .readWrite)
        try file.truncate(to: 1)
        try file.truncate(to: 3)
        #expect(try file.read(10, at: 0) == [1, 0, 0])
    }

    @Test("a megabyte goes through in one call", arguments: FileSystemKind.allCases)
    func large(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let path = try workspace.makeFile("a", bytes)
        #expect(try workspace.fileSystem.allBytes(of: path) == bytes)
    }

    @Test("create keeps a file that is there", arguments: FileSystemKind.allCases)
    func createKeeps(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1, 2])
        #expect(try workspace.fileSystem.open(path, .create).size() == 2)
    }

    @Test("opening says what is wrong", arguments: FileSystemKind.allCases)
    func openErrors(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let files = workspace.fileSystem
        let file = try workspace.makeFile("file")
        let missing = workspace.path("missing")
        #expect(throws: FileError(.open, missing, .notFound)) { try files.open(missing, .readOnly) }
        #expect(throws: FileError(.open, missing, .notFound)) { try files.open(missing, .readWrite) }
        for mode in [FileOpenMode.readOnly, .readWrite, .create] {
            #expect(throws: FileError(.open, workspace.root, .isDirectory)) { try files.open(workspace.root, mode) }
            let below = file.appending("below")
            #expect(throws: FileError(.open, below, .notDirectory)) { try files.open(below, mode) }
        }
        let orphan = workspace.path("no/orphan")
        #expect(throws: FileError(.open, orphan, .notFound)) { try files.open(orphan, .create) }
    }

    @Test("a file opened for reading refuses changes", arguments: FileSystemKind.allCases)
    func readOnlyHandle(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1])
        let file = try workspace.fileSystem.open(path, .readOnly)
        #expect(throws: FileError(.write, path, .notWritable)) { try file.write([2], at: 0) }
        #expect(throws: FileError(.truncate, path, .notWritable)) { try file.truncate(to: 0) }
        #expect(try file.read(9, at: 0) == [1])
    }

    @Test("offsets below zero are refused", arguments: FileSystemKind.allCases)
    func negativeOffset(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.fileSystem.open(workspace.path("a"), .create)
        let invalid = FileError.Reason.inputOutput(Errno.invalidArgument.rawValue)
        #expect(throws: FileError(.write, file.path, invalid)) { try file.write([2], at: -1) }
        #expect(throws: FileError(.read, file.path, invalid)) { _ = try file.read(1, at: -1) }
        #expect(throws: FileError(.truncate, file.path, invalid)) { try file.truncate(to: -1) }
    }

    @Test("a closed file refuses every call, and closes again without complaint", arguments: FileSystemKind.allCases)
    func closed(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1])
        let file = try workspace.fileSystem.open(path, .readWrite)
        file.close()
        file.close()
        #expect(throws: FileError(.read, path, .closed)) { _ = try file.read(1, at: 0) }
        #expect(throws: FileError(.write, path, .closed)) { try file.write([1], at: 0) }
        #expect(throws: FileError(.size, path, .closed)) { try file.size() }
        #expect(throws: FileError(.truncate, path, .closed)) { try file.truncate(to: 0) }
        #expect(throws: FileError(.synchronize, path, .closed)) { try file.synchronize() }
    }

    @Test(
        "directories are made with their parents, and once more without complaint",
        arguments: FileSystemKind.allCases
    )
    func createDirectory(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = workspace.path("a/b/c")
        try workspace.fileSystem.createDirectory(path)
        try workspace.fileSystem.createDirectory(path)
        #expect(try workspace.fileSystem.kind(of: path) == .directory)
    }

    @Test("a file in the way of a directory is named as the problem", arguments: FileSystemKind.allCases)
    func createDirectoryOverFile(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.makeFile("a")
        for path in [file, file.appending("b")] {
            #expect(throws: FileError(.createDirectory, path, .notDirectory)) {
                try workspace.fileSystem.createDirectory(path)
            }
        }
    }

    @Test("a directory lists its names in order, with what they are", arguments: FileSystemKind.allCases)
    func contents(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        #expect(try workspace.fileSystem.contents(of: workspace.root) == [])
        try workspace.makeFile("b")
        try workspace.makeFile(".hidden")
        try workspace.fileSystem.createDirectory(workspace.path("a-0/inner"))
        let expected = [
            DirectoryEntry(name: ".hidden", kind: .file),
            DirectoryEntry(name: "a-0", kind: .directory),
            DirectoryEntry(name: "b", kind: .file),
        ]
        #expect(try workspace.fileSystem.contents(of: workspace.root) == expected)
    }

    @Test("listing a file or nothing is an error", arguments: FileSystemKind.allCases)
    func contentsErrors(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.makeFile("a")
        let missing = workspace.path("missing")
        #expect(throws: FileError(.list, file, .notDirectory)) { try workspace.fileSystem.contents(of: file) }
        #expect(throws: FileError(.list, missing, .notFound)) { try workspace.fileSystem.contents(of: missing) }
    }

    @Test("kind tells files, directories and nothing apart", arguments: FileSystemKind.allCases)
    func kinds(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.makeFile("a")
        #expect(try workspace.fileSystem.kind(of: file) == .file)
        #expect(try workspace.fileSystem.kind(of: workspace.root) == .directory)
        #expect(try workspace.fileSystem.kind(of: workspace.path("missing")) == nil)
        #expect(try workspace.fileSystem.kind(of: file.appending("below")) == nil)
    }

    @Test("rename moves a file and replaces one that has the name", arguments: FileSystemKind.allCases)
    func rename(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let old = try workspace.makeFile("a", [1])
        let new = try workspace.makeFile("b", [2])
        try workspace.fileSystem.rename(old, to: new)
        #expect(try workspace.fileSystem.kind(of: old) == nil)
        #expect(try workspace.fileSystem.allBytes(of: new) == [1])
        try workspace.fileSystem.rename(new, to: new)
        #expect(try workspace.fileSystem.allBytes(of: new) == [1])
    }

    @Test("rename moves a directory with what is in it", arguments: FileSystemKind.allCases)
    func renameDirectory(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        try workspace.fileSystem.createDirectory(workspace.path("a"))
        try workspace.makeFile("a/x", [7])
        try workspace.fileSystem.rename(workspace.path("a"), to: workspace.path("b"))
        #expect(try workspace.fileSystem.allBytes(of: workspace.path("b/x")) == [7])
        #expect(try workspace.fileSystem.kind(of: workspace.path("a")) == nil)
    }

    @Test("rename says what is wrong", arguments: FileSystemKind.allCases)
    func renameErrors(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let files = workspace.fileSystem
        let file = try workspace.makeFile("file")
        let (empty, full) = (workspace.path("empty"), workspace.path("full"))
        try files.createDirectory(empty)
        try files.createDirectory(full.appending("inner"))
        let missing = workspace.path("missing")
        #expect(reason { () throws(FileError) in try files.rename(missing, to: file) } == .notFound)
        #expect(reason { () throws(FileError) in try files.rename(file, to: empty) } == .isDirectory)
        #expect(reason { () throws(FileError) in try files.rename(empty, to: file) } == .notDirectory)
        #expect(reason { () throws(FileError) in try files.rename(empty, to: full) } == .exists)
        #expect(reason { () throws(FileError) in try files.rename(full, to: empty) } == nil)
        let invalid = FileError.Reason.inputOutput(Errno.invalidArgument.rawValue)
        #expect(reason { () throws(FileError) in try files.rename(empty, to: empty.appending("x")) } == invalid)
    }

    @Test("removing what is not there is fine", arguments: FileSystemKind.allCases)
    func removeMissing(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        try workspace.fileSystem.removeFile(workspace.path("missing"))
        try workspace.fileSystem.removeDirectory(workspace.path("missing"))
    }

    @Test("a directory goes with all that is in it", arguments: FileSystemKind.allCases)
    func removeDirectory(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        try workspace.fileSystem.createDirectory(workspace.path("a/b"))
        try workspace.makeFile("a/x", [1])
        try workspace.makeFile("a/b/y", [1])
        try workspace.fileSystem.removeDirectory(workspace.path("a"))
        #expect(try workspace.fileSystem.contents(of: workspace.root) == [])
    }

    @Test("files are not removed as directories, nor directories as files", arguments: FileSystemKind.allCases)
    func removeErrors(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let file = try workspace.makeFile("a")
        #expect(throws: FileError(.remove, file, .notDirectory)) { try workspace.fileSystem.removeDirectory(file) }
        #expect(throws: FileError(.remove, workspace.root, .isDirectory)) {
            try workspace.fileSystem.removeFile(workspace.root)
        }
    }

    @Test("an open file outlives its name", arguments: FileSystemKind.allCases)
    func openOutlivesName(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1, 2])
        let file = try workspace.fileSystem.open(path, .readWrite)
        try workspace.fileSystem.removeFile(path)
        try workspace.fileSystem.synchronizeDirectory(workspace.root)
        try file.write([3], at: 2)
        #expect(try file.read(9, at: 0) == [1, 2, 3])
        try workspace.makeFile("a", [9])
        #expect(try file.read(9, at: 0) == [1, 2, 3])
    }

    @Test("files and directories can be synchronized, other paths not", arguments: FileSystemKind.allCases)
    func synchronize(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = try workspace.makeFile("a", [1])
        try workspace.fileSystem.open(path, .readWrite).synchronize()
        try workspace.fileSystem.synchronizeDirectory(workspace.root)
        let missing = workspace.path("missing")
        #expect(throws: FileError(.synchronize, missing, .notFound)) {
            try workspace.fileSystem.synchronizeDirectory(missing)
        }
        #expect(throws: FileError(.synchronize, path, .notDirectory)) {
            try workspace.fileSystem.synchronizeDirectory(path)
        }
    }

    @Test("a lock keeps every other opening out until it is released", arguments: FileSystemKind.allCases)
    func lock(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        let path = workspace.path(".lock")
        let lock = try workspace.fileSystem.lock(path)
        #expect(throws: FileError(.lock, path, .locked)) { _ = try workspace.fileSystem.lock(path) }
        lock.release()
        lock.release()
        let next = try workspace.fileSystem.lock(path)
        #expect(throws: FileError(.lock, path, .locked)) { _ = try workspace.fileSystem.lock(path) }
        next.release()
    }

    @Test("a lock ends with the value that stands for it", arguments: FileSystemKind.allCases)
    func lockEndsWithValue(kind: FileSystemKind) throws {
        let workspace = try Workspace(kind)
        _ = try workspace.fileSystem.lock(workspace.path(".lock"))
        try workspace.fileSystem.lock(workspace.path(".lock")).release()
    }

    @Test("an error says what was tried, where, and why")
    func description() {
        let error = FileError(.createDirectory, "/data", .readOnly)
        #expect(error.description == "cannot create directory /data: the file system is read-only")
    }
}
