import Foundation

/// The directory of one partition that Apache Kafka wrote, and what Kafka itself saw in it.
///
/// `Partitions/<name>` holds the files as the broker left them, `Partitions/<name>.json` what was seen.
package struct KafkaFixture: Sendable {
    /// The directory's name.
    package let name: String
    /// Where it is. Tests copy it before they change anything.
    package let directory: URL
    /// What Kafka saw.
    package let seen: KafkaObservation

    /// Where the fixtures of this repository are.
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Partitions")

    /// The directories in `root`, at any depth, that Kafka's observations stand beside: their paths from there, sorted.
    package static func names(in root: URL = root) throws -> [String] {
        let entries = Set(try FileManager.default.subpathsOfDirectory(atPath: root.path))
        return entries.filter { entries.contains($0 + ".json") }.sorted()
    }

    /// Reads the observations of one directory.
    package init(_ name: String, in root: URL = root) throws {
        self.name = name
        directory = root.appending(path: name)
        seen = try KafkaObservation(contentsOf: root.appending(path: name + ".json"))
    }

    /// The names of the files, sorted.
    package func fileNames() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    }

    /// A file's bytes.
    package func bytes(of file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appending(path: file)))
    }

    /// A batch's bytes.
    package func bytes(of batch: KafkaObservation.Batch) throws -> [UInt8] {
        Array(try bytes(of: batch.file).dropFirst(batch.position).prefix(batch.sizeInBytes))
    }

    /// The records that a consumer read from a batch.
    package func records(of batch: KafkaObservation.Batch) -> [KafkaObservation.Record] {
        let offsets = batch.baseOffset...batch.lastOffset
        return batch.isControl ? [] : seen.readUncommitted.filter { offsets.contains($0.offset) }
    }

    /// Whether the broker closed the log in order: it wrote a snapshot of its producers at the end, and nothing but whole
    /// batches is in the files.
    package func wasStoppedInOrder() throws -> Bool {
        let names = try fileNames()
        for name in names where name.hasSuffix(".log") {
            let known = seen.batches.filter { $0.file == name }.reduce(0) { $0 + $1.sizeInBytes }
            if try bytes(of: name).count != known { return false }
        }
        let digits = String(seen.logEndOffset)
        let snapshot = String(repeating: "0", count: 20 - digits.count) + digits + ".snapshot"
        return seen.batches.isEmpty || names.contains(snapshot)
    }

    /// The answers to look-ups by time, as they should be.
    ///
    /// Kafka 3.9 takes a file's modification time for the greatest timestamp of a segment that compaction has emptied. It
    /// looks there, finds nothing, and answers that there is no such record, though there are. Where it did, the right
    /// answer is taken from the records that its consumer read.
    package func timeQueries() throws -> [KafkaObservation.TimeQuery] {
        let logs = try fileNames().filter { $0.hasSuffix(".log") }
        guard try logs.dropLast().contains(where: { try bytes(of: $0).isEmpty }) else { return seen.offsetForTimestamp }
        let markers = seen.batches.flatMap { $0.control ?? [] }.map { (offset: $0.offset, timestamp: $0.timestamp) }
        let records = seen.readUncommitted.map { (offset: $0.offset, timestamp: $0.timestamp) } + markers
        let sorted = records.sorted { $0.offset < $1.offset }
        return seen.offsetForTimestamp.map { query in
            guard query.offset == nil, let first = sorted.first(where: { $0.timestamp >= query.timestamp }) else {
                return query
            }
            var right = query
            right.offset = first.offset
            right.recordTimestamp = first.timestamp
            return right
        }
    }
}
