import Glibc
import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage
import Testing

/// What only the file system of the operating system does.
@Suite("The local file system")
struct LocalFileSystemTests {
    @Test("a full device gives noSpace")
    func fullDevice() throws {
        let file = try LocalFileSystem().open("/dev/full", .readWrite)
        #expect(throws: FileError(.write, "/dev/full", .noSpace)) { try file.write([1], at: 0) }
    }

    @Test(
        "error numbers become reasons",
        arguments: [
            (ENOENT, .notFound), (EEXIST, .exists), (ENOTEMPTY, .exists), (ENOSPC, .noSpace), (EDQUOT, .noSpace),
            (EROFS, .readOnly), (EACCES, .permissionDenied), (EPERM, .permissionDenied),
            (EMFILE, .tooManyOpenFiles), (ENFILE, .tooManyOpenFiles), (EISDIR, .isDirectory),
            (ENOTDIR, .notDirectory), (EIO, .inputOutput(EIO)), (ENODEV, .inputOutput(ENODEV)),
        ] as [(Int32, FileError.Reason)]
    )
    func reasons(number: Int32, reason: FileError.Reason) {
        #expect(FileError.Reason(Errno(rawValue: number)) == reason)
    }

    @Test("no child process inherits a file or a lock")
    func closeOnExec() throws {
        let workspace = try Workspace(.local)
        let file = try LocalFileSystem().open(workspace.path("a"), .create)
        let lock = try LocalFileSystem().lock(workspace.path("b"))
        let status = try Process(["/bin/sh", "-c", "ls -l /proc/self/fd | grep -q '\(workspace.root)'"]).wait()
        #expect(status == 1, "grep finds no descriptor of a file in the workspace")
        file.close()
        lock.release()
    }

    @Test("a lock keeps other processes out until it is released")
    func lockAgainstProcess() throws {
        let workspace = try Workspace(.local)
        let path = workspace.path(".lock")
        let lock = try LocalFileSystem().lock(path)
        #expect(try Process(["/usr/bin/flock", "-n", path.string, "/bin/true"]).wait() == 1)
        lock.release()
        #expect(try Process(["/usr/bin/flock", "-n", path.string, "/bin/true"]).wait() == 0)
    }

    @Test("a lock that another process holds is refused until that process is gone")
    func lockHeldByProcess() throws {
        let workspace = try Workspace(.local)
        let path = workspace.path(".lock")
        let holder = try Process(["/usr/bin/flock", "--close", path.string, "-c", "echo held; read line"])
        #expect(holder.readByte() == UInt8(ascii: "h"))
        #expect(throws: FileError(.lock, path, .locked)) { _ = try LocalFileSystem().lock(path) }
        kill(-holder.identifier, SIGKILL)
        _ = holder.wait()
        try LocalFileSystem().lock(path).release()
    }

    @Test("removing a directory removes symbolic links, not what they lead to")
    func removeLinks() throws {
        let workspace = try Workspace(.local)
        let kept = try workspace.makeFile("kept", [1])
        try workspace.fileSystem.createDirectory(workspace.path("outside"))
        try workspace.makeFile("outside/x", [2])
        try workspace.fileSystem.createDirectory(workspace.path("doomed"))
        symlink(kept.string, workspace.path("doomed/file").string)
        symlink(workspace.path("outside").string, workspace.path("doomed/directory").string)
        let kinds = try workspace.fileSystem.contents(of: workspace.path("doomed")).map(\.kind)
        #expect(kinds == [.directory, .file])
        try workspace.fileSystem.removeDirectory(workspace.path("doomed"))
        #expect(try workspace.fileSystem.allBytes(of: kept) == [1])
        #expect(try workspace.fileSystem.allBytes(of: workspace.path("outside/x")) == [2])
    }

    /// Readers read a file of ones while it is closed under them and files of twos are opened, which get its number. A
    /// read must give ones or fail as closed.
    @Test("a read that races with close never sees another file")
    func closeWhileReading() throws {
        let workspace = try Workspace(.local)
        let ones = try workspace.makeFile("ones", [UInt8](repeating: 1, count: 64))
        let twos = try workspace.makeFile("twos", [UInt8](repeating: 2, count: 64))
        let strangers = Counter()
        for _ in 0..<200 {
            let file = try LocalFileSystem().open(ones, .readOnly)
            let reading = Wakeup()
            let readers = (0..<2).map { number in
                PlatformThread.start(name: "reader-\(number)") {
                    while let bytes = try? file.read(64, at: 0) {
                        if bytes != [UInt8](repeating: 1, count: 64) { strangers.increment() }
                        reading.ring()
                    }
                }
            }
            reading.wait(for: .seconds(60))
            file.close()
            let others = try (0..<4).map { _ in try LocalFileSystem().open(twos, .readOnly) }
            for reader in readers { reader.join() }
            for other in others { other.close() }
        }
        #expect(strangers.count == 0, "reads hit a file that had got the closed one's number")
    }
}

/// Counts from several threads.
private final class Counter: Sendable {
    private let value = Atomic<Int>(0)

    var count: Int { value.load(ordering: .relaxed) }

    func increment() {
        value.add(1, ordering: .relaxed)
    }
}
