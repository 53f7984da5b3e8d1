import MillraceFileIO
import MillraceLogStorage
import SystemPackage

/// What is broken on purpose in a run, to show that the simulation would notice.
package struct Sabotage: Hashable, Sendable {
    /// The engine.
    package var engine: DeliberateFaults
    /// The disk: it says of files and directories whose names begin so that they are durable, and they are not.
    package var forgottenFiles: String?

    package init(_ engine: DeliberateFaults = [], forgetting forgottenFiles: String? = nil) {
        self.engine = engine
        self.forgottenFiles = forgottenFiles
    }
}

/// A file system that claims to have made some files and directories durable and has not.
final class ForgetfulFileSystem: FileSystem {
    private let base: any FileSystem
    private let forgottenFiles: String

    init(_ base: any FileSystem, forgetting forgottenFiles: String) {
        self.base = base
        self.forgottenFiles = forgottenFiles
    }

    private func forgets(_ path: FilePath) -> Bool {
        path.lastComponent?.string.hasPrefix(forgottenFiles) ?? false
    }

    func open(_ path: FilePath, _ mode: FileOpenMode) throws(FileError) -> any File {
        let file = try base.open(path, mode)
        return forgets(path) ? ForgetfulFile(file) : file
    }

    func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        if !forgets(path) { try base.synchronizeDirectory(path) }
    }

    func createDirectory(_ path: FilePath) throws(FileError) { try base.createDirectory(path) }
    func contents(of path: FilePath) throws(FileError) -> [DirectoryEntry] { try base.contents(of: path) }
    func kind(of path: FilePath) throws(FileError) -> FileKind? { try base.kind(of: path) }
    func rename(_ path: FilePath, to newPath: FilePath) throws(FileError) { try base.rename(path, to: newPath) }
    func removeFile(_ path: FilePath) throws(FileError) { try base.removeFile(path) }
    func removeDirectory(_ path: FilePath) throws(FileError) { try base.removeDirectory(path) }
    func lock(_ path: FilePath) throws(FileError) -> any FileLock { try base.lock(path) }
}

private final class ForgetfulFile: File {
    private let base: any File

    init(_ base: any File) {
        self.base = base
    }

    var path: FilePath { base.path }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try base.read(into: buffer, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        try base.write(bytes, at: offset)
    }
    func size() throws(FileError) -> Int64 { try base.size() }
    func truncate(to size: Int64) throws(FileError) { try base.truncate(to: size) }
    func synchronize() throws(FileError) {}
    func close() { base.close() }
}
