import MillraceFileIO
import MillracePrimitives
import SystemPackage

/// What the broker knows of a topic beside its data.
package struct TopicRecord: Hashable, Sendable {
    package var name: String
    package var id: Identifier128
    package var partitionCount: Int32
    /// Set before the first directory of a deleted topic goes, so that a crash does not bring the topic back.
    package var isBeingDeleted = false
    /// The settings that were given, by Kafka's names.
    package var configuration: [String: String]

    package init(name: String, id: Identifier128, partitionCount: Int32, configuration: [String: String]) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.configuration = configuration
    }
}

/// The file `topics` in a data directory: one line a topic. It decides which topics there are; it is replaced as a whole,
/// so that creating or deleting a topic happens or does not.
///
///     version: 0
///     <name> <id> <partition count> <live|deleted> <setting>=<value> …
struct TopicsFile {
    let path: FilePath
    let fileSystem: any FileSystem

    func read() throws(BrokerError) -> [TopicRecord]? {
        let bytes: [UInt8]
        do throws(FileError) {
            guard let contents = try WholeFile.read(path, fileSystem) else { return nil }
            bytes = contents
        } catch {
            throw BrokerError(error)
        }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true)
        guard lines.first == "version: 0" else { throw damaged("its first line is not \"version: 0\"") }
        lines.removeFirst()
        var records: [TopicRecord] = []
        for line in lines { records.append(try record(line)) }
        return records
    }

    private func record(_ line: Substring) throws(BrokerError) -> TopicRecord {
        let fields = line.split(separator: " ")
        guard fields.count >= 4, let id = Identifier128(String(fields[1])), let count = Int32(fields[2]), count > 0,
            fields[3] == "live" || fields[3] == "deleted"
        else { throw damaged("the line \"\(line)\" is not a topic") }
        var configuration: [String: String] = [:]
        for setting in fields[4...] {
            guard let equals = setting.firstIndex(of: "=") else { throw damaged("\"\(setting)\" is not a setting") }
            configuration[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
        }
        var record = TopicRecord(
            name: String(fields[0]),
            id: id,
            partitionCount: count,
            configuration: configuration
        )
        record.isBeingDeleted = fields[3] == "deleted"
        return record
    }

    private func damaged(_ reason: String) -> BrokerError {
        BrokerError(
            .storageError,
            "\(path) cannot be read: \(reason); restore it from a copy, or remove it to take the "
                + "topics from their directories with default settings"
        )
    }

    func write(_ records: [TopicRecord]) throws(BrokerError) {
        var text = "version: 0\n"
        for record in records.sorted(by: { $0.name < $1.name }) {
            text += "\(record.name) \(record.id) \(record.partitionCount) \(record.isBeingDeleted ? "deleted" : "live")"
            for (key, value) in record.configuration.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
            text += "\n"
        }
        do throws(FileError) {
            try WholeFile.replace(path, with: Array(text.utf8), fileSystem)
        } catch {
            throw BrokerError(error)
        }
    }
}
