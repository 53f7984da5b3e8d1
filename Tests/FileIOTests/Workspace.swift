import Glibc
import MillraceFileIO
import MillraceSimulationKit
import SystemPackage

/// The file systems that must behave alike.
enum FileSystemKind: CaseIterable {
    case local
    case simulated
    /// An overlay over the operating system's.
    case overlay
}

/// An empty directory in a file system of either kind, which goes away with the value.
final class Workspace {
    let fileSystem: any FileSystem
    let root: FilePath
    private let isTemporary: Bool

    init(_ kind: FileSystemKind) throws {
        switch kind {
        case .local, .overlay:
            var template = Array("/tmp/millrace-file-tests-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
            root = FilePath(platformString: template)
            fileSystem = kind == .local ? LocalFileSystem() : OverlayFileSystem(over: LocalFileSystem())
            isTemporary = true
        case .simulated:
            root = "/workspace"
            fileSystem = SimulatedFileSystem()
            isTemporary = false
            try fileSystem.createDirectory(root)
        }
    }

    deinit {
        if isTemporary { try? LocalFileSystem().removeDirectory(root) }
    }

    /// A path in the directory.
    func path(_ name: String) -> FilePath {
        root.appending(name)
    }

    /// Makes a file with the given bytes.
    @discardableResult
    func makeFile(_ name: String, _ bytes: [UInt8] = []) throws -> FilePath {
        try fileSystem.makeFile(path(name), bytes)
        return path(name)
    }
}

extension FileSystem {
    /// Makes a file with the given bytes; nothing is synchronized.
    func makeFile(_ path: FilePath, _ bytes: [UInt8]) throws {
        let file = try open(path, .create)
        try file.write(bytes, at: 0)
        file.close()
    }

    /// Makes a file with the given bytes, which survives power loss if its directory does.
    func makeDurableFile(_ path: FilePath, _ bytes: [UInt8]) throws {
        let file = try open(path, .create)
        try file.write(bytes, at: 0)
        try file.synchronize()
        file.close()
        try synchronizeDirectory(path.removingLastComponent())
    }

    /// All bytes of a file.
    func allBytes(of path: FilePath) throws -> [UInt8] {
        let file = try open(path, .readOnly)
        defer { file.close() }
        return try file.read(Int(file.size()), at: 0)
    }
}

extension File {
    func write(_ bytes: [UInt8], at offset: Int64) throws {
        try bytes.withUnsafeBytes { try write($0, at: offset) }
    }

    /// Up to `count` bytes at `offset`.
    func read(_ count: Int, at offset: Int64) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let done = try bytes.withUnsafeMutableBytes { try read(into: $0, at: offset) }
        return [UInt8](bytes.prefix(done))
    }
}

/// Why `body` failed; nil if it did not.
func reason(_ body: () throws(FileError) -> Void) -> FileError.Reason? {
    do throws(FileError) {
        try body()
        return nil
    } catch {
        return error.reason
    }
}
