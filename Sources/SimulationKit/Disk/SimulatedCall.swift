import MillraceFileIO
import SystemPackage

/// One call that a simulated file system got, for its trace.
package struct SimulatedCall: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of a file.
    package struct Bytes: Hashable, Sendable {
        package var offset: Int64
        package var count: Int
    }

    /// Its number, from 1.
    package var number: Int
    /// What was asked for; making a directory's names durable is `synchronize`, too.
    package var operation: FileError.Operation
    package var path: FilePath
    /// The bytes that were to be read or written.
    package var bytes: Bytes?
    /// Why it was refused; nil if it was not.
    package var refusal: FileError.Reason?

    package var description: String {
        let bytes = bytes.map { " \($0.count) bytes at \($0.offset)" } ?? ""
        let outcome = refusal.map { ", refused: \($0)" } ?? ""
        return "\(number) \(operation.rawValue) \(path)\(bytes)\(outcome)"
    }
}

/// How much a file, or all files, were used.
package struct SimulatedUsage: Hashable, Sendable {
    package var bytesRead: Int64 = 0
    package var bytesWritten: Int64 = 0
    package var reads = 0
    package var writes = 0
    /// Successful calls that made contents or names durable.
    package var synchronizations = 0

    package init() {}

    mutating func countRead(_ bytes: Int) {
        reads += 1
        bytesRead += Int64(bytes)
    }

    mutating func countWrite(_ bytes: Int) {
        writes += 1
        bytesWritten += Int64(bytes)
    }

    mutating func add(_ other: SimulatedUsage) {
        bytesRead += other.bytesRead
        bytesWritten += other.bytesWritten
        reads += other.reads
        writes += other.writes
        synchronizations += other.synchronizations
    }
}
