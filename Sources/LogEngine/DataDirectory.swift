import Logging
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import SystemPackage

/// The directory that an embedded broker keeps everything in, in Kafka's layout: a directory a partition, and a few
/// small files. Held by one process at a time.
///
/// Changed by one thread at a time: the broker calls it under its own lock.
final class DataDirectory: Sendable {
    let path: FilePath
    let fileSystem: any FileSystem
    let wasCleanShutdown: Bool
    private let lock: any FileLock
    private let topicsFile: TopicsFile
    private let cleanShutdown: CleanShutdownFile
    private let recoveryPoints: OffsetCheckpointFile
    private let logStarts: OffsetCheckpointFile
    private let cleanedEnds: OffsetCheckpointFile

    static let lockFileName = ".lock"
    static let topicsFileName = "topics"
    /// What a partition's directory is renamed to before it is removed, so that a crash leaves no half of it.
    static let deletedSuffix = "-delete"

    /// Takes the directory, which is made if there is none; throws `BrokerError.Code.directoryInUse` if another process
    /// has it.
    init(
        at path: FilePath,
        fileSystem: any FileSystem,
        random: inout SeededRandom
    ) throws(BrokerError) {
        self.path = path
        self.fileSystem = fileSystem
        topicsFile = TopicsFile(path: path.appending(Self.topicsFileName), fileSystem: fileSystem)
        cleanShutdown = CleanShutdownFile(in: path, fileSystem)
        recoveryPoints = OffsetCheckpointFile(OffsetCheckpointFile.recoveryPoint, in: path, fileSystem)
        logStarts = OffsetCheckpointFile(OffsetCheckpointFile.logStart, in: path, fileSystem)
        cleanedEnds = OffsetCheckpointFile(OffsetCheckpointFile.cleaner, in: path, fileSystem)
        do throws(FileError) {
            try fileSystem.createDirectory(path)
            let isNew = try fileSystem.kind(of: path.appending(MetaProperties.fileName)) == nil
            if isNew { try Self.makeNamesDurable(upTo: path, fileSystem) }
            lock = try fileSystem.lock(path.appending(Self.lockFileName))
        } catch {
            guard error.reason == .locked else { throw BrokerError(error) }
            throw BrokerError(
                .directoryInUse,
                "the data directory \(path) is in use by another process, or by another broker of this one; "
                    + "close it first, or choose another directory"
            )
        }
        do throws(DataDirectoryFileError) {
            wasCleanShutdown = try cleanShutdown.exists()
            if try MetaProperties.read(in: path, fileSystem) == nil {
                let cluster = Identifier128.random(using: &random)
                try MetaProperties(
                    clusterId: "\(cluster)",
                    nodeId: 1,
                    directoryId: Identifier128.random(using: &random)
                ).write(in: path, fileSystem)
            }
            // From here on an end without `markClean` is an unclean one.
            if wasCleanShutdown { try cleanShutdown.remove() }
        } catch {
            lock.release()
            throw BrokerError(error)
        }
    }

    /// Makes the names on the way to a new directory durable: those that were just made, and those that were there,
    /// because an earlier start may have been killed after it had made them.
    private static func makeNamesDurable(upTo path: FilePath, _ fileSystem: any FileSystem) throws(FileError) {
        var parent = path.lexicallyNormalized()
        while parent.removeLastComponent() {
            do throws(FileError) {
                try fileSystem.synchronizeDirectory(parent.isEmpty ? "." : parent)
            } catch {
                // Who may not read a directory did not make anything in it, either.
                guard error.reason == .permissionDenied else { throw error }
            }
        }
    }

    /// The topics that there are: those of the topics file, and those whose directories were put here by somebody else.
    /// Those whose deletion a crash interrupted are among them; the broker finishes it.
    func readTopics(random: inout SeededRandom) throws(BrokerError) -> [TopicRecord] {
        var records = Dictionary(
            (try topicsFile.read() ?? []).map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        do throws(FileError) {
            try adoptDirectories(&records, random: &random)
        } catch {
            throw BrokerError(error)
        }
        let result = records.values.sorted { $0.name < $1.name }
        try topicsFile.write(result)
        return result
    }

    private func adoptDirectories(
        _ records: inout [String: TopicRecord],
        random: inout SeededRandom
    ) throws(FileError) {
        for entry in try fileSystem.contents(of: path) where entry.kind == .directory {
            if Self.isDeleted(entry.name) {
                try fileSystem.removeDirectory(path.appending(entry.name))
                continue
            }
            guard let found = Self.partition(ofDirectory: entry.name) else { continue }
            var record: TopicRecord
            if let known = records[found.topic] {
                if known.isBeingDeleted { continue }
                record = known
            } else {
                // Other directories may have names that look like partitions, such as `photos-2024`.
                guard try holdsLog(path.appending(entry.name)) else { continue }
                let metadata = try PartitionMetadata.read(in: path.appending(entry.name), fileSystem)
                record = TopicRecord(
                    name: found.topic,
                    id: metadata?.topicId ?? Identifier128.random(using: &random),
                    partitionCount: 1,
                    configuration: [:]
                )
            }
            record.partitionCount = max(record.partitionCount, found.partition + 1)
            records[found.topic] = record
        }
    }

    func writeTopics(_ records: [TopicRecord]) throws(BrokerError) {
        try topicsFile.write(records)
    }

    func directory(of partition: TopicPartition) -> FilePath {
        path.appending(partition.description)
    }

    /// Removes a partition's directory; a missing one is fine.
    func removePartition(_ partition: TopicPartition) throws(FileError) {
        let live = directory(of: partition)
        let deleted = FilePath(live.string + Self.deletedSuffix)
        if try fileSystem.kind(of: live) != nil {
            try fileSystem.removeDirectory(deleted)
            try fileSystem.rename(live, to: deleted)
            try fileSystem.synchronizeDirectory(path)
        }
        try fileSystem.removeDirectory(deleted)
    }

    /// What is written down of the logs of a data directory, each by partition.
    struct Checkpoints: Equatable {
        /// Up to where each was known to be durable.
        var recoveryPoints: [TopicPartition: Int64] = [:]
        /// Where each begins, if records were deleted.
        var logStarts: [TopicPartition: Int64] = [:]
        /// Up to where each was compacted, if it was.
        var cleanedEnds: [TopicPartition: Int64] = [:]
    }

    func readCheckpoints() throws(BrokerError) -> Checkpoints {
        do throws(DataDirectoryFileError) {
            return Checkpoints(
                recoveryPoints: try recoveryPoints.read(),
                logStarts: try logStarts.read(),
                cleanedEnds: try cleanedEnds.read()
            )
        } catch {
            throw BrokerError(error)
        }
    }

    func writeCheckpoints(_ checkpoints: Checkpoints) throws(BrokerError) {
        do throws(DataDirectoryFileError) {
            try recoveryPoints.write(checkpoints.recoveryPoints)
            try logStarts.write(checkpoints.logStarts)
            try cleanedEnds.write(checkpoints.cleanedEnds)
        } catch {
            throw BrokerError(error)
        }
    }

    /// Says that every log was closed in order: the last thing that a broker writes.
    func markClean() throws(BrokerError) {
        do throws(DataDirectoryFileError) {
            try cleanShutdown.write()
        } catch {
            throw BrokerError(error)
        }
    }

    /// Gives the directory up.
    func release() {
        lock.release()
    }

    /// The partition that a directory's name stands for.
    static func partition(ofDirectory name: String) -> TopicPartition? {
        guard let dash = name.lastIndex(of: "-"), let number = Int32(name[name.index(after: dash)...]), number >= 0
        else { return nil }
        let partition = TopicPartition(String(name[..<dash]), number)
        return NameRule.problem(with: partition.topic) == nil && partition.description == name ? partition : nil
    }

    /// Whether a directory is what an interrupted deletion left: `<topic>-<partition>-delete`, in Kafka with an id of 32
    /// digits before the suffix. Anything else of that ending is not ours to remove.
    private static func isDeleted(_ name: String) -> Bool {
        guard name.hasSuffix(deletedSuffix) else { return false }
        let renamed = String(name.dropLast(deletedSuffix.count))
        if partition(ofDirectory: renamed) != nil { return true }
        guard let dot = renamed.lastIndex(of: "."), renamed[renamed.index(after: dot)...].utf8.count == 32 else {
            return false
        }
        return partition(ofDirectory: String(renamed[..<dot])) != nil
    }

    private func holdsLog(_ directory: FilePath) throws(FileError) -> Bool {
        try fileSystem.contents(of: directory).contains { entry in
            entry.name == PartitionMetadata.fileName
                || entry.name.hasSuffix(".log") && entry.name.utf8.count == "00000000000000000000.log".utf8.count
        }
    }
}
