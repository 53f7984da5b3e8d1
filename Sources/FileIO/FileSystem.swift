import SystemPackage

/// The file system as the log sees it. Everything that touches a file goes through here, so that a test can lose
/// un-synced bytes, tear writes and refuse calls.
///
/// Implementations: `LocalFileSystem` (POSIX), and the simulation kit's file system in memory.
package protocol FileSystem: Sendable {
    /// Opens a file; `.create` makes it if it is missing.
    func open(_ path: FilePath, _ mode: FileOpenMode) throws(FileError) -> any File

    /// Makes a directory and its missing parents; one that is there already is fine.
    func createDirectory(_ path: FilePath) throws(FileError)

    /// The names in a directory, sorted.
    func contents(of path: FilePath) throws(FileError) -> [DirectoryEntry]

    /// What stands at a path; nil for nothing.
    func kind(of path: FilePath) throws(FileError) -> FileKind?

    /// Gives a file or directory another name, replacing a file that has it.
    func rename(_ path: FilePath, to newPath: FilePath) throws(FileError)

    /// Removes a file; a missing one is fine.
    func removeFile(_ path: FilePath) throws(FileError)

    /// Removes a directory with everything in it; a missing one is fine.
    func removeDirectory(_ path: FilePath) throws(FileError)

    /// Makes the names in a directory durable: creations, renames and removals before it survive power loss.
    func synchronizeDirectory(_ path: FilePath) throws(FileError)

    /// Takes an exclusive lock on a file, which it creates if need be; the lock ends with the returned value or with
    /// the process. Throws `FileError` with reason `.locked` if another holder has it.
    func lock(_ path: FilePath) throws(FileError) -> any FileLock
}

/// An open file. Calls may come from several threads; the caller orders writes.
package protocol File: AnyObject, Sendable {
    /// Where it was opened.
    var path: FilePath { get }

    /// Reads up to `buffer.count` bytes at `offset` and returns how many; fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int

    /// Writes all of `bytes` at `offset`. On an error some of them may have been written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError)

    /// The size in bytes.
    func size() throws(FileError) -> Int64

    /// Shortens or (with zeros) extends the file.
    func truncate(to size: Int64) throws(FileError)

    /// Makes contents and size durable (fdatasync).
    func synchronize() throws(FileError)

    /// Closes the file; later calls fail. Closing twice is fine.
    func close()
}

/// A lock held on a file until it is released or deinitialised.
package protocol FileLock: AnyObject, Sendable {
    /// Gives the lock up; twice is fine.
    func release()
}

/// How a file is opened.
package enum FileOpenMode: Sendable {
    /// Must exist; writes fail.
    case readOnly
    /// Must exist.
    case readWrite
    /// Made if missing, kept if there.
    case create
}

/// What stands at a path.
package enum FileKind: Hashable, Sendable {
    case file
    case directory
    case other
}

/// One name in a directory.
package struct DirectoryEntry: Hashable, Sendable {
    package var name: String
    package var kind: FileKind

    package init(name: String, kind: FileKind) {
        self.name = name
        self.kind = kind
    }
}
