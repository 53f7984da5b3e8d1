import MillraceFileIO
import Synchronization
import SystemPackage

/// What a test sees and does behind the back of the code under test. None of this counts as a call.
extension SimulatedFileSystem {
    /// The number of calls so far, refused ones included; closing a file is not one.
    package var callCount: Int { state.withLock { $0.callCount } }

    /// Counts the calls that may have changed what a crash leaves: between two moments with the same count, a crash leaves
    /// the same.
    package var changeCount: Int { state.withLock { $0.disk.changeCount } }

    /// How many calls met one of the faults that a test asked for.
    package var faultCount: Int { state.withLock { $0.faults.metCount } }

    /// The files in a directory, by name, with the bytes that a read would see; empty if there is no such directory.
    package func files(in directory: FilePath) -> [String: [UInt8]] {
        state.withLock { state in
            guard let node = try? state.disk.node(at: directory), let names = state.disk.directories[node]?.live else {
                return [:]
            }
            return names.compactMapValues { state.disk.files[$0]?.live }
        }
    }

    /// A number for all names and bytes, those that calls see and those that are durable: two runs that have the same
    /// have done the same.
    package var digest: UInt64 { state.withLock { $0.disk.digest } }

    /// The latest calls, oldest first, at most `traceLengthMax` of them. Print them joined by newlines.
    package var trace: [SimulatedCall] { state.withLock { $0.trace.suffix(Self.traceLengthMax) } }

    /// How much the file at a path was used, by the path with which it was opened.
    package func usage(of path: FilePath) -> SimulatedUsage {
        state.withLock { $0.usage[path] ?? SimulatedUsage() }
    }

    /// How much all files and directories were used.
    package var totalUsage: SimulatedUsage {
        state.withLock { state in
            state.usage.values.reduce(into: SimulatedUsage()) { $0.add($1) }
        }
    }

    /// Begins to count anew.
    package func resetUsage() {
        state.withLock { $0.usage = [:] }
    }

    /// The bytes that a read of the file would see; nil if there is no such file.
    package func bytes(of path: FilePath) -> [UInt8]? {
        state.withLock { state in
            guard let node = try? state.disk.node(at: path) else { return nil }
            return state.disk.files[node]?.live
        }
    }

    /// The bytes of the file that are surely on the disk, under a name that is; nil if the name may be lost.
    package func durableBytes(of path: FilePath) -> [UInt8]? {
        state.withLock { state in
            guard let node = state.disk.durableNode(at: path) else { return nil }
            return state.disk.files[node]?.durable
        }
    }

    /// The number of files open now; a test that ends with some has found a leak.
    package var openFileCount: Int {
        state.withLock { $0.openCounts.values.reduce(0, +) }
    }

    /// The number of files and directories kept, those included that have lost their names and might get them back
    /// by a crash, or are open.
    package var nodeCount: Int {
        state.withLock { $0.disk.files.count + $0.disk.directories.count }
    }

    /// Gives a file other bytes, in the page cache and on the disk, as if it had always had them; makes it if it is
    /// missing, but not its directory.
    package func overwrite(_ path: FilePath, with bytes: [UInt8]) throws(FileError) {
        try state.withLock { state throws(FileError) in
            do throws(Refusal) {
                let node = try state.disk.file(at: path, creating: true)
                state.disk.files[node] = SimulatedContents(durable: bytes)
            } catch {
                throw FileError(.write, path, error.reason)
            }
        }
    }

    /// Flips one bit of a file, in the page cache and on the disk: what a failing disk or memory does.
    package func flipBit(_ bit: Int, ofByteAt offset: Int, in path: FilePath) throws(FileError) {
        guard var bytes = bytes(of: path) else { throw FileError(.write, path, .notFound) }
        precondition(bytes.indices.contains(offset) && (0..<8).contains(bit), "the bit lies within the file")
        bytes[offset] ^= 1 << UInt8(bit)
        try overwrite(path, with: bytes)
    }

    /// Cuts a file short, in the page cache and on the disk.
    package func cut(_ path: FilePath, toBytes count: Int) throws(FileError) {
        guard let bytes = bytes(of: path) else { throw FileError(.truncate, path, .notFound) }
        try overwrite(path, with: [UInt8](bytes.prefix(count)))
    }
}
