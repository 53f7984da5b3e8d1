import CMillracePlatform
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The calls of the operating system that swift-system lacks on some platform, with its error numbers thrown.
enum SystemCall {
    /// Makes a file's contents and size durable, past the cache of the disk.
    static func synchronizeData(_ descriptor: FileDescriptor) throws(Errno) {
        #if canImport(Darwin)
        try repeatingOnInterrupt { fcntl(descriptor.rawValue, F_FULLFSYNC) }
        #else
        try repeatingOnInterrupt { fdatasync(descriptor.rawValue) }
        #endif
    }

    /// Asks the system to write the whole pages of a part of a file to the disk, and does not wait. Where it cannot be asked
    /// (Linux can), nothing happens until the file is synchronised.
    static func beginWriteback(_ descriptor: FileDescriptor, from start: Int64, to end: Int64) {
        let pages = ~Int64(0xfff)
        millrace_begin_writeback(descriptor.rawValue, start & pages, (end & pages) - (start & pages))
    }

    /// Makes everything about a file or directory durable.
    static func synchronizeAll(_ descriptor: FileDescriptor) throws(Errno) {
        #if canImport(Darwin)
        try repeatingOnInterrupt { fcntl(descriptor.rawValue, F_FULLFSYNC) }
        #else
        try repeatingOnInterrupt { fsync(descriptor.rawValue) }
        #endif
    }

    /// Takes the lock of an open file, or throws `wouldBlock` if another opening of the file has it, be it in this
    /// process or in another.
    static func lockExclusively(_ descriptor: FileDescriptor) throws(Errno) {
        try repeatingOnInterrupt { flock(descriptor.rawValue, LOCK_EX | LOCK_NB) }
    }

    /// The size of an open file in bytes.
    static func size(of descriptor: FileDescriptor) throws(Errno) -> Int64 {
        var status = stat()
        try repeatingOnInterrupt { fstat(descriptor.rawValue, &status) }
        return Int64(status.st_size)
    }

    /// What stands at a path. A symbolic link counts as what it leads to, unless `followingLinks` is false.
    static func kind(of path: FilePath, followingLinks: Bool = true) throws(Errno) -> FileKind {
        var status = stat()
        try repeatingOnInterrupt {
            path.withPlatformString { followingLinks ? stat($0, &status) : lstat($0, &status) }
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        default: return .other
        }
    }

    /// The names in a directory without `.` and `..`, in no particular order.
    static func names(in path: FilePath) throws(Errno) -> [FilePath.Component] {
        guard let stream = path.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
        defer { closedir(stream) }
        var names: [FilePath.Component] = []
        while true {
            // The end and an error differ only in the error number.
            errno = 0
            guard let entry = readdir(stream) else {
                let number = Errno(rawValue: errno)
                if number.rawValue != 0 { throw number }
                return names
            }
            // An entry ends with its name, before the end of the type that it is imported as: it must not be copied.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let text = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CInterop.PlatformChar.self)
            guard let name = FilePath.Component(platformString: text), name.kind == .regular else { continue }
            names.append(name)
        }
    }

    /// Makes one directory, readable by everyone and writable by its owner.
    static func makeDirectory(_ path: FilePath) throws(Errno) {
        try repeatingOnInterrupt { path.withPlatformString { mkdir($0, 0o755) } }
    }

    /// Gives a file or directory another name.
    static func rename(_ path: FilePath, to newPath: FilePath) throws(Errno) {
        try repeatingOnInterrupt {
            path.withPlatformString { old in newPath.withPlatformString { new in renamePath(old, new) } }
        }
    }

    /// Removes the name of a file.
    static func removeFile(_ path: FilePath) throws(Errno) {
        try repeatingOnInterrupt { path.withPlatformString { unlink($0) } }
    }

    /// Removes a directory and everything in it; of symbolic links only the links.
    static func removeTree(_ path: FilePath) throws(Errno) {
        for name in try names(in: path) {
            let child = path.appending(name)
            if try kind(of: child, followingLinks: false) == .directory {
                try removeTree(child)
            } else {
                try removeFile(child)
            }
        }
        try repeatingOnInterrupt { path.withPlatformString { rmdir($0) } }
    }

    /// Makes a call that answers -1 on failure, again as long as a signal interrupts it.
    private static func repeatingOnInterrupt(_ call: () -> Int32) throws(Errno) {
        while call() == -1 {
            let number = Errno(rawValue: errno)
            if number != .interrupted { throw number }
        }
    }
}

private func renamePath(
    _ path: UnsafePointer<CInterop.PlatformChar>,
    _ newPath: UnsafePointer<CInterop.PlatformChar>
) -> Int32 {
    // In the enum the call's own name would mean the method.
    rename(path, newPath)
}
