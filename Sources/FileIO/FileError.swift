import SystemPackage

/// A file call that failed: what was tried, where, and why.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried.
    package enum Operation: String, Hashable, Sendable {
        case open, read, write, size, truncate, synchronize, close, list, inspect, rename, remove, lock
        case createDirectory = "create directory"
    }

    /// Why it failed, in the caller's terms.
    package enum Reason: Hashable, Sendable {
        case notFound
        case exists
        case noSpace
        case readOnly
        case permissionDenied
        case tooManyOpenFiles
        case isDirectory
        case notDirectory
        case locked
        /// The file was opened for reading only.
        case notWritable
        /// The file was closed before.
        case closed
        /// The disk or the kernel reported an error; the number is errno.
        case inputOutput(Int32)
        /// The simulated machine has crashed: nothing more happens.
        case crashed
    }

    package var operation: Operation
    package var path: FilePath
    package var reason: Reason

    package init(_ operation: Operation, _ path: FilePath, _ reason: Reason) {
        self.operation = operation
        self.path = path
        self.reason = reason
    }

    package var description: String {
        "cannot \(operation.rawValue) \(path): \(explanation)"
    }

    private var explanation: String {
        switch reason {
        case .notFound: "it does not exist"
        case .exists: "it exists already"
        case .noSpace: "no space is left on the device; free some and try again"
        case .readOnly: "the file system is read-only"
        case .permissionDenied: "permission denied; check owner and mode"
        case .tooManyOpenFiles: "too many open files; raise the limit (ulimit -n)"
        case .isDirectory: "it is a directory"
        case .notDirectory: "it is not a directory"
        case .locked: "another process holds its lock"
        case .notWritable: "it was opened for reading only"
        case .closed: "it was closed"
        case .inputOutput(let number): "input/output error (errno \(number))"
        case .crashed: "the simulated machine has crashed"
        }
    }
}
