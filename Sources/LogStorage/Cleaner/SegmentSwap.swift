import MillraceFileIO
import SystemPackage

/// The replacement of some neighbouring segments by one, so that a crash at any point leaves the old ones or the new one
/// (LE-85).
///
/// 1. The new segment's files are written as `.cleaned`, contents durable. A crash leaves them to be removed.
/// 2. They are renamed to `.swap`, the log last and after the others' names are durable. `<base>.log.swap` *is* the
///    decision: a crash after it finishes the replacement when the log is opened.
/// 3. The old segments' files go, the new ones get their final names, the log again last and after everything else is
///    durable. So as long as anything is left to be done there is a `.log.swap` that says so.
///
/// Every step can be done again after any part of it.
struct SegmentSwap: Sendable {
    /// The new segment's first offset, which is the first old one's.
    let baseOffset: Int64
    /// The first offsets of the other old segments.
    let replaced: [Int64]
    let directory: FilePath
    let fileSystem: any FileSystem

    private static let indexes: [SegmentFileKind] = [.offsetIndex, .timeIndex, .transactionIndex]

    private func path(_ kind: SegmentFileKind, _ suffix: SegmentFileSuffix) -> FilePath {
        directory.appending(kind.fileName(baseOffset) + suffix.rawValue)
    }

    /// Step 2, up to the decision. If this fails, nothing has happened, and `abandon` tidies up.
    func decide() throws(FileError) {
        for kind in Self.indexes { try fileSystem.rename(path(kind, .cleaned), to: path(kind, .swap)) }
        try fileSystem.synchronizeDirectory(directory)
        try fileSystem.rename(path(.log, .cleaned), to: path(.log, .swap))
    }

    /// Step 2, the rest: makes the decision one that power loss does not undo. Nothing of the old may go before. If this
    /// fails, it is open which of the two a crash leaves.
    func makeDecisionDurable() throws(FileError) {
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Step 3.
    func complete() throws(FileError) {
        for base in replaced {
            for kind in SegmentFileKind.allCases {
                try fileSystem.removeFile(directory.appending(kind.fileName(base)))
            }
        }
        for kind in Self.indexes { try rename(kind) }
        try fileSystem.synchronizeDirectory(directory)
        try rename(.log)
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Removes what was written for a replacement that was not decided; what cannot be removed now is when the log is
    /// opened.
    func abandon() {
        for kind in Self.indexes + [.log] {
            try? fileSystem.removeFile(path(kind, .cleaned))
            try? fileSystem.removeFile(path(kind, .swap))
        }
    }

    private func rename(_ kind: SegmentFileKind) throws(FileError) {
        do throws(FileError) {
            try fileSystem.rename(path(kind, .swap), to: path(kind, .none))
        } catch {
            // An earlier try came as far as here, or Kafka was stopped between two files.
            guard error.reason == .notFound else { throw error }
        }
    }
}
