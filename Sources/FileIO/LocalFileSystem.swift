import SystemPackage

/// The file system of the operating system, by POSIX calls.
///
/// It holds no state. Calls that a signal interrupts are repeated; writes that stop half-way go on. No child process
/// inherits a file (O_CLOEXEC).
package struct LocalFileSystem: FileSystem {
    package init() {}

    package func open(_ path: FilePath, _ mode: FileOpenMode) throws(FileError) -> any File {
        switch mode {
        case .readOnly:
            let file = LocalFile(owning: try descriptor(.open, path, .readOnly), path: path, isWritable: false)
            // A directory can be opened for reading, and would fail only later and less clearly.
            if try kind(of: path) == .directory { throw FileError(.open, path, .isDirectory) }
            return file
        case .readWrite:
            return LocalFile(owning: try descriptor(.open, path, .readWrite), path: path, isWritable: true)
        case .create:
            return LocalFile(owning: try descriptor(.open, path, .readWrite, .create), path: path, isWritable: true)
        }
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        do throws(FileError) {
            try createOneDirectory(path)
        } catch {
            let parent = path.removingLastComponent()
            guard error.reason == .notFound, !parent.isEmpty, parent != path else { throw error }
            try createDirectory(parent)
            try createOneDirectory(path)
        }
    }

    private func createOneDirectory(_ path: FilePath) throws(FileError) {
        do throws(Errno) {
            try SystemCall.makeDirectory(path)
        } catch {
            guard error == .fileExists else { throw FileError(.createDirectory, path, FileError.Reason(error)) }
            if try kind(of: path) != .directory { throw FileError(.createDirectory, path, .notDirectory) }
        }
    }

    package func contents(of path: FilePath) throws(FileError) -> [DirectoryEntry] {
        let names = try attempt(.list, path) { try SystemCall.names(in: path) }
        var entries: [DirectoryEntry] = []
        for name in names {
            // A name can vanish while the directory is being read.
            guard let kind = try kind(of: path.appending(name)) else { continue }
            entries.append(DirectoryEntry(name: name.string, kind: kind))
        }
        return entries.sorted { $0.name < $1.name }
    }

    package func kind(of path: FilePath) throws(FileError) -> FileKind? {
        do throws(Errno) {
            return try SystemCall.kind(of: path)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw FileError(.inspect, path, FileError.Reason(error))
        }
    }

    package func rename(_ path: FilePath, to newPath: FilePath) throws(FileError) {
        try attempt(.rename, path) { try SystemCall.rename(path, to: newPath) }
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        do throws(Errno) {
            try SystemCall.removeFile(path)
        } catch {
            if error != .noSuchFileOrDirectory { throw FileError(.remove, path, FileError.Reason(error)) }
        }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        do throws(Errno) {
            try SystemCall.removeTree(path)
        } catch {
            if error != .noSuchFileOrDirectory { throw FileError(.remove, path, FileError.Reason(error)) }
        }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        let directory = GuardedDescriptor(owning: try descriptor(.synchronize, path, .readOnly, .directory))
        try directory.use(.synchronize, path) { try SystemCall.synchronizeAll($0) }
    }

    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        let opened = GuardedDescriptor(owning: try descriptor(.lock, path, .readWrite, .create))
        do throws(FileError) {
            try opened.use(.lock, path) { try SystemCall.lockExclusively($0) }
        } catch {
            let isHeld = error.reason == .inputOutput(Errno.wouldBlock.rawValue)
            throw isHeld ? FileError(.lock, path, .locked) : error
        }
        return LocalFileLock(holding: opened)
    }

    private func descriptor(
        _ operation: FileError.Operation,
        _ path: FilePath,
        _ mode: FileDescriptor.AccessMode,
        _ options: FileDescriptor.OpenOptions = []
    ) throws(FileError) -> FileDescriptor {
        try attempt(operation, path) {
            try FileDescriptor.open(
                path,
                mode,
                options: options.union(.closeOnExec),
                permissions: [.ownerReadWrite, .groupRead, .otherRead]
            )
        }
    }
}
