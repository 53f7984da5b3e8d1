import MillraceFileIO
import MillracePrimitives
import SystemPackage

/// The file `producer-ids` in a data directory: the first producer id that was never reserved. Written, durably, before
/// the first id of a block is used, so that no id is given twice whatever happens.
struct ProducerIdFile: Sendable {
    static let name = "producer-ids"

    private let path: FilePath
    private let fileSystem: any FileSystem

    init(in data: DataDirectory) {
        path = data.path.appending(Self.name)
        fileSystem = data.fileSystem
    }

    /// The first id that was never reserved; nil if the file is missing.
    func read() throws(BrokerError) -> Int64? {
        let contents: [UInt8]?
        do throws(FileError) {
            contents = try WholeFile.read(path, fileSystem)
        } catch {
            throw BrokerError(error)
        }
        guard let contents else { return nil }
        let lines = String(decoding: contents, as: UTF8.self).split(separator: "\n")
        guard lines.count == 2, lines[0] == "version: 0", let next = Int64(lines[1]), next >= 0 else {
            throw BrokerError(
                .storageError,
                "\(path) is damaged: it should hold \"version: 0\" and a number; restore it from a copy"
            )
        }
        return next
    }

    func write(next: Int64) throws(BrokerError) {
        do throws(FileError) {
            try WholeFile.replace(path, with: Array("version: 0\n\(next)\n".utf8), fileSystem)
        } catch {
            throw BrokerError(error)
        }
    }
}
