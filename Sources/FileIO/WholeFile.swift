import SystemPackage

/// Small files that are read and replaced as a whole.
package enum WholeFile {
    /// A file that is being written has this suffix until it takes the place of the one before.
    package static let temporarySuffix = ".tmp"

    /// The contents; nil if there is no such file.
    package static func read(_ path: FilePath, _ fileSystem: any FileSystem) throws(FileError) -> [UInt8]? {
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(path, .readOnly)
        } catch {
            if error.reason == .notFound { return nil }
            throw error
        }
        defer { file.close() }
        return try contents(of: file)
    }

    package static func contents(of file: any File) throws(FileError) -> [UInt8] {
        let size = Int(try file.size())
        guard size > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: size)
        var failure: FileError?
        let count = bytes.withUnsafeMutableBytes { buffer in
            do throws(FileError) {
                return try file.read(into: buffer, at: 0)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        bytes.removeLast(size - count)
        return bytes
    }

    /// Replaces a file so that at any moment, and after power loss, either the old or the new contents are there.
    package static func replace(
        _ path: FilePath,
        with bytes: [UInt8],
        _ fileSystem: any FileSystem
    ) throws(FileError) {
        let temporary = FilePath(path.string + temporarySuffix)
        try write(bytes, to: temporary, fileSystem)
        try fileSystem.rename(temporary, to: path)
        try fileSystem.synchronizeDirectory(path.removingLastComponent())
    }

    /// Writes a file in place and makes its contents, though not its name, durable.
    package static func write(_ bytes: [UInt8], to path: FilePath, _ fileSystem: any FileSystem) throws(FileError) {
        let file = try fileSystem.open(path, .create)
        defer { file.close() }
        var failure: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) {
                if buffer.count > 0 { try file.write(buffer, at: 0) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        // The file may be there already, and longer.
        try file.truncate(to: Int64(bytes.count))
        try file.synchronize()
    }

    /// The lines of a text file, without their ends; nil if it is not UTF-8.
    package static func lines(_ bytes: [UInt8]) -> [Substring]? {
        String(validating: bytes, as: UTF8.self)?.split(separator: "\n", omittingEmptySubsequences: true)
    }

    /// The lines after the two that Kafka's checkpoint files begin with: version 0, and how many lines follow.
    package static func checkpointLines(_ bytes: [UInt8]) -> ArraySlice<Substring>? {
        guard let lines = lines(bytes), lines.count >= 2, lines[0] == "0", let count = Int(lines[1]),
            count == lines.count - 2
        else { return nil }
        return lines[2...]
    }
}
