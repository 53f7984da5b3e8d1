import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

/// A file system in memory that a test can crash, fill up and break.
///
/// It knows of every byte and every name whether it would survive power loss: contents do after `synchronize` of the
/// file, names after `synchronizeDirectory` of their directory. `crash` gives another file system, with what survived;
/// this one stays as it is, so that one moment can be crashed in many ways. Everything random follows from the seed and
/// from the order of calls. There is no current directory: a relative path starts at the root, which exists.
///
/// All state is under one mutex; any thread may call.
package final class SimulatedFileSystem: FileSystem {
    struct State: Sendable {
        var disk: SimulatedDisk
        var random: SeededRandom
        var faults = FaultPlan()
        var capacity: Int?
        var callCount = 0
        var trace: [SimulatedCall] = []
        var usage: [FilePath: SimulatedUsage] = [:]
        /// How many open files there are of each.
        var openCounts: [NodeID: Int] = [:]
        var locked: Set<NodeID> = []
    }

    /// So many calls are kept in the trace; older ones are dropped.
    package static let traceLengthMax = 10_000

    let state: Mutex<State>

    /// An empty disk; `seed` decides how a write is torn by a crash within it.
    package convenience init(seed: UInt64 = 0) {
        self.init(disk: SimulatedDisk(), seed: seed)
    }

    init(disk: SimulatedDisk, seed: UInt64) {
        state = Mutex(State(disk: disk, random: SeededRandom(seed: seed)))
    }

    package func open(_ path: FilePath, _ mode: FileOpenMode) throws(FileError) -> any File {
        let isCreating = mode == .create
        let node = try call(.open, path) { state throws(Refusal) in
            let node = try state.disk.file(at: path, creating: isCreating)
            state.openCounts[node, default: 0] += 1
            return node
        }
        return SimulatedFile(node, of: self, path: path, isWritable: mode != .readOnly)
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        try call(.createDirectory, path) { state throws(Refusal) in try state.disk.createDirectory(path) }
    }

    package func contents(of path: FilePath) throws(FileError) -> [DirectoryEntry] {
        try call(.list, path) { state throws(Refusal) in try state.disk.contents(of: path) }
    }

    package func kind(of path: FilePath) throws(FileError) -> FileKind? {
        try call(.inspect, path) { state in state.disk.kind(of: path) }
    }

    package func rename(_ path: FilePath, to newPath: FilePath) throws(FileError) {
        try call(.rename, path) { state throws(Refusal) in try state.disk.rename(path, to: newPath) }
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        try call(.remove, path) { state throws(Refusal) in try state.disk.removeFile(path) }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try call(.remove, path) { state throws(Refusal) in try state.disk.removeDirectory(path) }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        try call(.synchronize, path) { state throws(Refusal) in
            try state.disk.synchronizeDirectory(path)
            state.disk.forgetUnreachable(kept: state.openCounts.keys)
        }
    }

    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        let node = try call(.lock, path) { state throws(Refusal) in
            let node = try state.disk.file(at: path, creating: true)
            guard state.locked.insert(node).inserted else { throw Refusal(.locked) }
            state.openCounts[node, default: 0] += 1
            return node
        }
        return SimulatedLock(node, of: self)
    }

    /// Counts and traces a call, refuses it if a fault says so, and else does it.
    ///
    /// `whenRefused` runs instead if the call is refused, with `true` if the machine stops within it.
    func call<Result: Sendable>(
        _ operation: FileError.Operation,
        _ path: FilePath,
        bytes: SimulatedCall.Bytes? = nil,
        whenRefused: (inout State, Bool) -> Void = { _, _ in },
        _ body: (inout State) throws(Refusal) -> Result
    ) throws(FileError) -> Result {
        try state.withLock { state throws(FileError) in
            state.callCount += 1
            var call = SimulatedCall(number: state.callCount, operation: operation, path: path, bytes: bytes)
            defer { state.record(call) }
            do throws(Refusal) {
                switch state.faults.verdict(on: operation, path) {
                case .allowed:
                    break
                case .refused(.crashed):
                    // Nothing reaches a machine that has stopped, whatever the program goes on to try.
                    throw Refusal(.crashed)
                case .refused(let reason):
                    whenRefused(&state, false)
                    throw Refusal(reason)
                case .crashing:
                    whenRefused(&state, true)
                    throw Refusal(.crashed)
                }
                let result = try body(&state)
                if operation == .synchronize { state.usage[path, default: SimulatedUsage()].synchronizations += 1 }
                return result
            } catch {
                call.refusal = error.reason
                throw FileError(operation, path, error.reason)
            }
        }
    }
}

extension SimulatedFileSystem.State {
    /// Forgets one opening of a file.
    mutating func close(_ node: NodeID) {
        guard let count = openCounts[node] else { return }
        openCounts[node] = count > 1 ? count - 1 : nil
    }

    fileprivate mutating func record(_ call: SimulatedCall) {
        // Dropped by halves, so that a long run does not shift the array at every call.
        if trace.count >= 2 * SimulatedFileSystem.traceLengthMax {
            trace.removeFirst(trace.count - SimulatedFileSystem.traceLengthMax)
        }
        trace.append(call)
    }
}
