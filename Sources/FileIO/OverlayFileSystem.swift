import Synchronization
import SystemPackage

/// A file system whose changes stay in memory: it reads what another one holds, and never writes to it.
///
/// What a broker does when it opens a directory (finishing what a crash interrupted, building indexes again) happens on
/// the overlay alone. So tools can look at the data of an application that runs, or try out what recovery would do.
/// Files are seen as large as they were when they were first opened for writing; locks are not taken.
package final class OverlayFileSystem: FileSystem {
    private enum Node {
        case file(OverlayContents)
        case directory
        case removed
    }

    private let base: any FileSystem
    /// What differs from the base, by path.
    private let nodes = Mutex<[FilePath: Node]>([:])
    private let locked = Mutex<Set<FilePath>>([])

    /// Lies over `base`.
    package init(over base: any FileSystem) {
        self.base = base
    }

    package func open(_ path: FilePath, _ mode: FileOpenMode) throws(FileError) -> any File {
        let path = path.lexicallyNormalized()
        let base = self.base
        if let problem = try problem(above: path) { throw FileError(.open, path, problem) }
        return try nodes.withLock { (nodes) throws(FileError) -> any File in
            switch nodes[path] {
            case .file(let contents): return OverlayFile(path: path, contents: contents, isWritable: mode != .readOnly)
            case .directory: throw FileError(.open, path, .isDirectory)
            case .removed:
                guard mode == .create else { throw FileError(.open, path, .notFound) }
                let contents = OverlayContents()
                nodes[path] = .file(contents)
                return OverlayFile(path: path, contents: contents, isWritable: true)
            case nil:
                if mode == .readOnly { return try base.open(path, .readOnly) }
                let contents: OverlayContents
                do throws(FileError) {
                    let file = try base.open(path, .readOnly)
                    defer { file.close() }
                    contents = OverlayContents(over: path, of: base, size: try file.size())
                } catch {
                    guard mode == .create, error.reason == .notFound else { throw error }
                    contents = OverlayContents()
                }
                nodes[path] = .file(contents)
                return OverlayFile(path: path, contents: contents, isWritable: true)
            }
        }
    }

    /// Why nothing can stand at a path.
    private func problem(above path: FilePath) throws(FileError) -> FileError.Reason? {
        var parent = path.removingLastComponent()
        if parent.isEmpty { return nil }
        if try kind(of: parent) == .directory { return nil }
        while !parent.isEmpty, parent != parent.removingLastComponent() {
            if let kind = try kind(of: parent) { return kind == .directory ? .notFound : .notDirectory }
            parent = parent.removingLastComponent()
        }
        return .notFound
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        switch try kind(of: path) {
        case .directory: return
        case .file, .other: throw FileError(.createDirectory, path, .notDirectory)
        case nil: break
        }
        let parent = path.removingLastComponent()
        if !parent.isEmpty, parent != path {
            do throws(FileError) {
                try createDirectory(parent)
            } catch {
                throw FileError(.createDirectory, path, error.reason)
            }
        }
        nodes.withLock { $0[path.lexicallyNormalized()] = .directory }
    }

    package func contents(of path: FilePath) throws(FileError) -> [DirectoryEntry] {
        let path = path.lexicallyNormalized()
        guard try kind(of: path) == .directory else {
            throw FileError(.list, path, try kind(of: path) == nil ? .notFound : .notDirectory)
        }
        let known = nodes.withLock { $0 }
        var entries: [String: FileKind] = [:]
        if known[path] == nil {
            for entry in try base.contents(of: path) { entries[entry.name] = entry.kind }
        }
        for (child, node) in known where child.removingLastComponent() == path {
            guard let name = child.lastComponent?.string else { continue }
            switch node {
            case .file: entries[name] = .file
            case .directory: entries[name] = .directory
            case .removed: entries[name] = nil
            }
        }
        return entries.map { DirectoryEntry(name: $0.key, kind: $0.value) }.sorted { $0.name < $1.name }
    }

    package func kind(of path: FilePath) throws(FileError) -> FileKind? {
        let path = path.lexicallyNormalized()
        switch nodes.withLock({ $0[path] }) {
        case .file: return .file
        case .directory: return .directory
        case .removed: return nil
        case nil: return try base.kind(of: path)
        }
    }

    package func rename(_ path: FilePath, to newPath: FilePath) throws(FileError) {
        let (path, newPath) = (path.lexicallyNormalized(), newPath.lexicallyNormalized())
        let (kind, replaced) = (try kind(of: path), try kind(of: newPath))
        guard let kind else { throw FileError(.rename, path, .notFound) }
        if path == newPath { return }
        guard kind == .directory else {
            if replaced == .directory { throw FileError(.rename, path, .isDirectory) }
            // Opened for writing, a file is one of the overlay, which can go under any name.
            try open(path, .readWrite).close()
            nodes.withLock { nodes in
                nodes[newPath] = nodes[path]
                nodes[path] = .removed
            }
            return
        }
        if newPath.starts(with: path) {
            throw FileError(.rename, path, .inputOutput(Errno.invalidArgument.rawValue))
        }
        if let replaced {
            guard replaced == .directory else { throw FileError(.rename, path, .notDirectory) }
            guard try contents(of: newPath).isEmpty else { throw FileError(.rename, path, .exists) }
        }
        nodes.withLock { $0[newPath] = .directory }
        for entry in try contents(of: path) {
            try rename(path.appending(entry.name), to: newPath.appending(entry.name))
        }
        nodes.withLock { $0[path] = .removed }
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        switch try kind(of: path) {
        case nil: return
        case .directory: throw FileError(.remove, path, .isDirectory)
        case .file, .other: nodes.withLock { $0[path.lexicallyNormalized()] = .removed }
        }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        guard let kind = try kind(of: path) else { return }
        guard kind == .directory else { throw FileError(.remove, path, .notDirectory) }
        for entry in try contents(of: path) {
            let child = path.appending(entry.name)
            if entry.kind == .directory { try removeDirectory(child) } else { try removeFile(child) }
        }
        nodes.withLock { $0[path.lexicallyNormalized()] = .removed }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        let kind = try kind(of: path)
        guard kind == .directory else {
            throw FileError(.synchronize, path, kind == nil ? .notFound : .notDirectory)
        }
    }

    /// Holds against other users of this overlay only, not against those of the file system below.
    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        try open(path, .create).close()
        let path = path.lexicallyNormalized()
        guard locked.withLock({ $0.insert(path).inserted }) else { throw FileError(.lock, path, .locked) }
        return OverlayLock { [weak self] in _ = self?.locked.withLock { $0.remove(path) } }
    }
}

/// A lock within an overlay.
private final class OverlayLock: FileLock {
    private let giveUp: Mutex<(@Sendable () -> Void)?>

    init(giveUp: @escaping @Sendable () -> Void) {
        self.giveUp = Mutex(giveUp)
    }

    func release() {
        let giveUp = self.giveUp.withLock { held in
            let giveUp = held
            held = nil
            return giveUp
        }
        giveUp?()
    }

    deinit {
        release()
    }
}

/// An open file of an overlay.
private final class OverlayFile: File {
    let path: FilePath
    private let contents: OverlayContents
    private let isWritable: Bool
    private let isClosed = Atomic<Bool>(false)

    init(path: FilePath, contents: OverlayContents, isWritable: Bool) {
        self.path = path
        self.contents = contents
        self.isWritable = isWritable
    }

    private func check(
        _ operation: FileError.Operation,
        isWrite: Bool = false,
        at offset: Int64 = 0
    ) throws(FileError) {
        if isClosed.load(ordering: .acquiring) { throw FileError(operation, path, .closed) }
        if isWrite, !isWritable { throw FileError(operation, path, .notWritable) }
        if offset < 0 { throw FileError(operation, path, .inputOutput(Errno.invalidArgument.rawValue)) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try check(.read, at: offset)
        return try contents.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        try check(.write, isWrite: true, at: offset)
        try contents.write(bytes, at: offset)
    }

    func size() throws(FileError) -> Int64 {
        try check(.size)
        return contents.size
    }

    func truncate(to size: Int64) throws(FileError) {
        try check(.truncate, isWrite: true, at: size)
        try contents.truncate(to: size)
    }

    func synchronize() throws(FileError) {
        try check(.synchronize)
    }

    func close() {
        if !isClosed.exchange(true, ordering: .acquiringAndReleasing) { contents.closeBase() }
    }
}

/// A file's bytes: those of a file below, and pages that were written over them.
private final class OverlayContents: Sendable {
    private static let pageSize: Int64 = 16 << 10

    private struct State {
        var size: Int64
        /// How much of the file below still shows.
        var baseSize: Int64
        var pages: [Int64: [UInt8]] = [:]
        /// Opened when it is first read, so that files that are only known hold no descriptor.
        var file: (any File)?
    }

    private let source: (path: FilePath, fileSystem: any FileSystem)?
    private let state: Mutex<State>

    /// An empty file.
    init() {
        source = nil
        state = Mutex(State(size: 0, baseSize: 0))
    }

    init(over path: FilePath, of fileSystem: any FileSystem, size: Int64) {
        source = (path, fileSystem)
        state = Mutex(State(size: size, baseSize: size))
    }

    var size: Int64 { state.withLock { $0.size } }

    func closeBase() {
        state.withLock { state in
            state.file?.close()
            state.file = nil
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        // Used within the lock only.
        nonisolated(unsafe) let buffer = buffer
        return try state.withLock { (state) throws(FileError) in
            let count = Int(max(0, min(Int64(buffer.count), state.size - offset)))
            var done = 0
            while done < count {
                let position = offset + Int64(done)
                let (page, start) = position.quotientAndRemainder(dividingBy: Self.pageSize)
                let piece = min(count - done, Int(Self.pageSize - start))
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + piece])
                if let bytes = state.pages[page] {
                    bytes.withUnsafeBytes { page in
                        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: page[Int(start)...].prefix(piece)))
                    }
                } else {
                    try readBase(&state, into: target, at: position)
                }
                done += piece
            }
            return count
        }
    }

    /// What the file below has there; zeros past what shows of it.
    private func readBase(
        _ state: inout State,
        into target: UnsafeMutableRawBufferPointer,
        at position: Int64
    ) throws(FileError) {
        let count = Int(max(0, min(Int64(target.count), state.baseSize - position)))
        var done = 0
        if count > 0, let source {
            let file: any File
            if let open = state.file {
                file = open
            } else {
                file = try source.fileSystem.open(source.path, .readOnly)
                state.file = file
            }
            done = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: position)
        }
        for index in done..<target.count { target[index] = 0 }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard !bytes.isEmpty else { return }
        // Used within the lock only.
        nonisolated(unsafe) let bytes = bytes
        try state.withLock { (state) throws(FileError) in
            var done = 0
            while done < bytes.count {
                let position = offset + Int64(done)
                let (page, start) = position.quotientAndRemainder(dividingBy: Self.pageSize)
                let piece = min(bytes.count - done, Int(Self.pageSize - start))
                try change(page, &state) { contents in
                    contents.replaceSubrange(Int(start)..<Int(start) + piece, with: bytes[done..<done + piece])
                }
                done += piece
            }
            state.size = max(state.size, offset + Int64(bytes.count))
        }
    }

    private func change(_ page: Int64, _ state: inout State, _ body: (inout [UInt8]) -> Void) throws(FileError) {
        var contents: [UInt8]
        if let known = state.pages.removeValue(forKey: page) {
            contents = known
        } else {
            contents = [UInt8](repeating: 0, count: Int(Self.pageSize))
            var failure: FileError?
            contents.withUnsafeMutableBytes { buffer in
                do throws(FileError) {
                    try readBase(&state, into: buffer, at: page * Self.pageSize)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }
        body(&contents)
        state.pages[page] = contents
    }

    func truncate(to size: Int64) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            state.size = size
            state.baseSize = min(state.baseSize, size)
            let (page, start) = size.quotientAndRemainder(dividingBy: Self.pageSize)
            state.pages = state.pages.filter { $0.key <= page }
            if state.pages[page] != nil {
                try change(page, &state) { contents in
                    for index in Int(start)..<contents.count { contents[index] = 0 }
                }
            }
        }
    }
}
