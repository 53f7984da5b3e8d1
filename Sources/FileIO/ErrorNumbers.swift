import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension FileError.Reason {
    /// What an error number of the operating system means to the caller.
    package init(_ number: Errno) {
        switch number {
        case .noSuchFileOrDirectory: self = .notFound
        case .fileExists, .directoryNotEmpty: self = .exists
        case .noSpace, Errno(rawValue: EDQUOT): self = .noSpace
        case .readOnlyFileSystem: self = .readOnly
        case .permissionDenied, .notPermitted: self = .permissionDenied
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: self = .tooManyOpenFiles
        case .isDirectory: self = .isDirectory
        case .notDirectory: self = .notDirectory
        default: self = .inputOutput(number.rawValue)
        }
    }
}

/// Runs `body`, whose errors are error numbers, and adds to them what was tried where.
func attempt<Result>(
    _ operation: FileError.Operation,
    _ path: FilePath,
    _ body: () throws -> Result
) throws(FileError) -> Result {
    do {
        return try body()
    } catch {
        throw FileError(operation, path, FileError.Reason(error as? Errno ?? .ioError))
    }
}
