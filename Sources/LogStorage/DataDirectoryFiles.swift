import MillraceFileIO
import MillracePrimitives
import SystemPackage

/// A file of a data directory that could not be understood.
package struct DataDirectoryFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: FilePath
    package var problem: Problem

    /// What is the matter.
    package enum Problem: Hashable, Sendable {
        case file(FileError)
        /// The contents are not what such a file holds; the text says what it should.
        case malformed(String)
    }

    package var description: String {
        switch problem {
        case .file(let error): error.description
        case .malformed(let expected):
            "\(path) is damaged, it should hold \(expected); remove or restore it and try again"
        }
    }

    /// Runs a file call in the terms of this error.
    static func wrap<Result>(
        _ path: FilePath,
        _ body: () throws(FileError) -> Result
    ) throws(DataDirectoryFileError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            throw DataDirectoryFileError(path: path, problem: .file(error))
        }
    }
}

/// One offset a partition, for all partitions of a data directory.
///
/// A text file: version 0, the number of entries, then a line `topic partition offset` each.
package struct OffsetCheckpointFile: Sendable {
    /// Up to where each log is known to be on disk: recovery need not look before it.
    package static let recoveryPoint = "recovery-point-offset-checkpoint"
    /// Where each log begins after records were deleted.
    package static let logStart = "log-start-offset-checkpoint"
    /// Up to where each log was compacted.
    package static let cleaner = "cleaner-offset-checkpoint"

    private let path: FilePath
    private let fileSystem: any FileSystem

    /// The checkpoint file called `name` in a data directory.
    package init(_ name: String, in directory: FilePath, _ fileSystem: any FileSystem) {
        path = directory.appending(name)
        self.fileSystem = fileSystem
    }

    /// The offsets; none if the file is missing.
    package func read() throws(DataDirectoryFileError) -> [TopicPartition: Int64] {
        let bytes = try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try WholeFile.read(path, fileSystem)
        }
        guard let bytes else { return [:] }
        guard let offsets = Self.decode(bytes) else {
            throw DataDirectoryFileError(path: path, problem: .malformed("lines of topic, partition and offset"))
        }
        return offsets
    }

    /// Replaces the file; it is durable on return.
    package func write(_ offsets: [TopicPartition: Int64]) throws(DataDirectoryFileError) {
        try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try WholeFile.replace(path, with: Self.encode(offsets), fileSystem)
        }
    }

    static func encode(_ offsets: [TopicPartition: Int64]) -> [UInt8] {
        var text = "0\n\(offsets.count)\n"
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            text += "\(partition.topic) \(partition.partition) \(offset)\n"
        }
        return [UInt8](text.utf8)
    }

    static func decode(_ bytes: [UInt8]) -> [TopicPartition: Int64]? {
        guard let lines = WholeFile.checkpointLines(bytes) else { return nil }
        var offsets: [TopicPartition: Int64] = [:]
        for line in lines {
            let fields = line.split(separator: " ")
            guard fields.count == 3, let partition = Int32(fields[1]), let offset = Int64(fields[2]), partition >= 0,
                offset >= 0,
                offsets.updateValue(offset, forKey: TopicPartition(String(fields[0]), partition)) == nil
            else { return nil }
        }
        return offsets
    }
}

/// `.kafka_cleanshutdown`: its presence says that all logs of the data directory were closed in order.
package struct CleanShutdownFile: Sendable {
    package static let name = ".kafka_cleanshutdown"

    private let path: FilePath
    private let fileSystem: any FileSystem

    package init(in directory: FilePath, _ fileSystem: any FileSystem) {
        path = directory.appending(Self.name)
        self.fileSystem = fileSystem
    }

    /// Whether the last stop was a clean one.
    package func exists() throws(DataDirectoryFileError) -> Bool {
        try DataDirectoryFileError.wrap(path) { () throws(FileError) in try fileSystem.kind(of: path) == .file }
    }

    /// Says that all logs were closed; durable on return. The last thing that a broker does.
    package func write(brokerEpoch: Int64 = -1) throws(DataDirectoryFileError) {
        let text = #"{"version":0,"brokerEpoch":\#(brokerEpoch)}"#
        try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try WholeFile.replace(path, with: [UInt8](text.utf8), fileSystem)
        }
    }

    /// Takes it back, durably, before the first log is opened for writing: what follows may end in a crash.
    package func remove() throws(DataDirectoryFileError) {
        try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try fileSystem.removeFile(path)
            try fileSystem.synchronizeDirectory(path.removingLastComponent())
        }
    }
}

/// `meta.properties`: what a data directory is and whose. Lines `key=value`; unknown keys are kept.
package struct MetaProperties: Hashable, Sendable {
    package static let fileName = "meta.properties"

    /// All properties; `version` is 1 in directories of KRaft brokers.
    package var properties: [String: String]

    package init(clusterId: String, nodeId: Int32, directoryId: Identifier128) {
        properties = [
            "version": "1", "cluster.id": clusterId, "node.id": "\(nodeId)", "directory.id": "\(directoryId)",
        ]
    }

    /// Reads the file's contents; nil if they are not properties.
    package init?(decoding bytes: [UInt8]) {
        guard let lines = WholeFile.lines(bytes) else { return nil }
        properties = [:]
        for line in lines where !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else { return nil }
            properties[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
    }

    package var clusterId: String? { properties["cluster.id"] }
    package var nodeId: Int32? { properties["node.id"].flatMap { Int32($0) } }
    package var directoryId: Identifier128? { properties["directory.id"].flatMap { Identifier128($0) } }

    package var encoded: [UInt8] {
        let lines = properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
        return [UInt8](lines.joined().utf8)
    }

    /// Reads the file of a data directory; nil if there is none.
    package static func read(
        in directory: FilePath,
        _ fileSystem: any FileSystem
    ) throws(DataDirectoryFileError) -> MetaProperties? {
        let path = directory.appending(fileName)
        let bytes = try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try WholeFile.read(path, fileSystem)
        }
        guard let bytes else { return nil }
        guard let properties = MetaProperties(decoding: bytes) else {
            throw DataDirectoryFileError(path: path, problem: .malformed("lines of key=value"))
        }
        return properties
    }

    /// Replaces the file of a data directory; it is durable on return.
    package func write(in directory: FilePath, _ fileSystem: any FileSystem) throws(DataDirectoryFileError) {
        let path = directory.appending(Self.fileName)
        try DataDirectoryFileError.wrap(path) { () throws(FileError) in
            try WholeFile.replace(path, with: encoded, fileSystem)
        }
    }
}
