import MillraceFileIO
import MillracePrimitives
import SystemPackage

/// A partition directory's `partition.metadata`: the id of the topic that it belongs to (KIP-516).
package struct PartitionMetadata: Hashable, Sendable {
    package static let fileName = "partition.metadata"

    /// The topic's id.
    package var topicId: Identifier128

    package init(topicId: Identifier128) { self.topicId = topicId }

    /// Reads the file's contents; nil if they are not what they should be.
    package init?(decoding bytes: [UInt8]) {
        guard let lines = WholeFile.lines(bytes), lines.first == "version: 0", lines.count == 2,
            lines[1].hasPrefix("topic_id: "), let id = Identifier128(String(lines[1].dropFirst(10)))
        else { return nil }
        topicId = id
    }

    /// Two lines, the second without an end, as Kafka writes them.
    package var encoded: [UInt8] { [UInt8]("version: 0\ntopic_id: \(topicId)".utf8) }

    /// Reads the file of a partition directory; nil if there is none, or none that makes sense.
    package static func read(
        in directory: FilePath,
        _ fileSystem: any FileSystem
    ) throws(FileError) -> PartitionMetadata? {
        try WholeFile.read(directory.appending(fileName), fileSystem).flatMap { PartitionMetadata(decoding: $0) }
    }

    func write(in directory: FilePath, _ fileSystem: any FileSystem) throws(FileError) {
        try WholeFile.replace(directory.appending(Self.fileName), with: encoded, fileSystem)
    }
}
