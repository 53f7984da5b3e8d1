import MillraceFileIO
import Synchronization
import SystemPackage

/// An open file of a simulated file system. It stays usable when its name goes away, as on POSIX.
final class SimulatedFile: File {
    let path: FilePath
    private let node: NodeID
    private let fileSystem: SimulatedFileSystem
    private let isWritable: Bool
    private let isClosed = Atomic<Bool>(false)

    init(_ node: NodeID, of fileSystem: SimulatedFileSystem, path: FilePath, isWritable: Bool) {
        self.node = node
        self.fileSystem = fileSystem
        self.path = path
        self.isWritable = isWritable
    }

    deinit {
        close()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try call(.read, at: offset, count: buffer.count) { state throws(Refusal) in
            let start = try Self.checked(offset)
            let live = state.disk.contents(of: node).live
            let count = max(0, min(buffer.count, live.count - start))
            if count > 0 { live[start..<start + count].withUnsafeBytes { buffer.copyMemory(from: $0) } }
            state.usage[path, default: SimulatedUsage()].countRead(count)
            return count
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard isWritable else { throw FileError(.write, path, .notWritable) }
        try call(
            .write,
            at: offset,
            count: bytes.count,
            whenRefused: { state, isCrash in
                guard isCrash, offset >= 0 else { return }
                // The machine stops between two bytes of the copy to the page cache.
                let done = Int.random(in: 0...bytes.count, using: &state.random)
                let part = UnsafeRawBufferPointer(rebasing: bytes[..<done])
                state.disk.withContents(of: node) { $0.write(part, at: Int(offset)) }
            },
            { state throws(Refusal) in
                let start = try Self.checked(offset)
                var room = bytes.count
                if let capacity = state.capacity {
                    let sizeMax = state.disk.contents(of: node).live.count + max(0, capacity - state.disk.usedBytes)
                    room = max(0, min(bytes.count, sizeMax - start))
                }
                // A disk that fills up within a write keeps the part that had room.
                let part = UnsafeRawBufferPointer(rebasing: bytes[..<room])
                state.disk.withContents(of: node) { $0.write(part, at: start) }
                state.usage[path, default: SimulatedUsage()].countWrite(room)
                if room < bytes.count { throw Refusal(.noSpace) }
            }
        )
    }

    func size() throws(FileError) -> Int64 {
        try call(.size) { state in Int64(state.disk.contents(of: node).live.count) }
    }

    func truncate(to size: Int64) throws(FileError) {
        guard isWritable else { throw FileError(.truncate, path, .notWritable) }
        try call(.truncate) { state throws(Refusal) in
            let size = try Self.checked(size)
            state.disk.withContents(of: node) { $0.resize(to: size) }
        }
    }

    func synchronize() throws(FileError) {
        try call(
            .synchronize,
            whenRefused: { state, isCrash in
                if !isCrash { state.disk.withContents(of: node) { $0.forgetUnsyncedWrites() } }
            },
            { state in state.disk.withContents(of: node) { $0.synchronize() } }
        )
    }

    func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        fileSystem.state.withLock { $0.close(node) }
    }

    /// An offset or size that a disk can have.
    private static func checked(_ offset: Int64) throws(Refusal) -> Int {
        guard offset >= 0 else { throw Refusal(.inputOutput(Errno.invalidArgument.rawValue)) }
        return Int(offset)
    }

    private func call<Result: Sendable>(
        _ operation: FileError.Operation,
        at offset: Int64? = nil,
        count: Int = 0,
        whenRefused: (inout SimulatedFileSystem.State, Bool) -> Void = { _, _ in },
        _ body: (inout SimulatedFileSystem.State) throws(Refusal) -> Result
    ) throws(FileError) -> Result {
        if isClosed.load(ordering: .acquiring) { throw FileError(operation, path, .closed) }
        let bytes = offset.map { SimulatedCall.Bytes(offset: $0, count: count) }
        return try fileSystem.call(operation, path, bytes: bytes, whenRefused: whenRefused, body)
    }
}

/// A lock in a simulated file system.
final class SimulatedLock: FileLock {
    private let node: NodeID
    private let fileSystem: SimulatedFileSystem
    private let isReleased = Atomic<Bool>(false)

    init(_ node: NodeID, of fileSystem: SimulatedFileSystem) {
        self.node = node
        self.fileSystem = fileSystem
    }

    deinit {
        release()
    }

    func release() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        fileSystem.state.withLock { state in
            _ = state.locked.remove(node)
            state.close(node)
        }
    }
}
