import Logging
import MillraceCoordination
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import SystemPackage

/// Reads all that a data directory holds, compares its parts with each other, and says what is wrong and what to do.
/// Changes nothing, and works beside the application that uses the directory.
package struct DirectoryCheck {
    private let directory: FilePath
    private let fileSystem: any FileSystem

    /// What one partition holds.
    package struct PartitionSummary: Hashable, Sendable {
        package var partition: TopicPartition
        package var segments: Int
        package var batches: Int
        package var records: Int
        package var bytes: Int64
        package var offsets: Range<Int64>
        package var openTransactions: [OpenTransaction]
    }

    package private(set) var findings: [Finding] = []
    package private(set) var partitions: [PartitionSummary] = []

    package init(of directory: FilePath, in fileSystem: any FileSystem = LocalFileSystem()) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    /// The worst that was found.
    package var worst: Finding.Severity? { findings.map(\.severity).max() }

    /// Checks everything. May be called once.
    ///
    /// - Parameter willCheck: told of each partition before it is read.
    package mutating func run(willCheck: (TopicPartition) -> Void = { _ in }) throws(BrokerError) {
        do throws(FileError) {
            guard try fileSystem.kind(of: directory) == .directory else {
                throw FileError(.open, directory, .notFound)
            }
            try checkFiles(willCheck)
        } catch {
            throw BrokerError(error)
        }
        guard worst != .damage else { return }
        try checkCoordinators()
    }

    // Files

    private mutating func checkFiles(_ willCheck: (TopicPartition) -> Void) throws(FileError) {
        let wasClean = try fileSystem.kind(of: directory.appending(CleanShutdownFile.name)) == .file
        if !wasClean {
            findings.append(
                Finding(
                    .notice,
                    directory,
                    "it is in use, or was not closed in order",
                    advice: "if no application uses it, nothing: it is recovered when it is opened"
                )
            )
        }
        let topics = readTopics()
        let recoveryPoints = readCheckpoint(OffsetCheckpointFile.recoveryPoint)
        let logStarts = readCheckpoint(OffsetCheckpointFile.logStart)
        checkMetaProperties()

        var found: Set<TopicPartition> = []
        for entry in try fileSystem.contents(of: directory) where entry.kind == .directory {
            guard let partition = DataDirectory.partition(ofDirectory: entry.name) else { continue }
            let path = directory.appending(entry.name)
            if let topics, topics[partition.topic] == nil {
                findings.append(
                    Finding(
                        .notice,
                        path,
                        "no topic of the file \(DataDirectory.topicsFileName) has this partition",
                        advice: "nothing, if it was put here to be adopted: opening the directory takes it over"
                    )
                )
            }
            found.insert(partition)
            willCheck(partition)
            try check(
                partition,
                at: path,
                recoveryPoint: recoveryPoints[partition] ?? 0,
                logStart: logStarts[partition],
                wasClean: wasClean
            )
        }
        for (name, record) in (topics ?? [:]).sorted(by: { $0.key < $1.key }) where !record.isBeingDeleted {
            for number in 0..<record.partitionCount where !found.contains(TopicPartition(name, number)) {
                let path = directory.appending("\(TopicPartition(name, number))")
                let wasWritten = recoveryPoints[TopicPartition(name, number)] ?? 0 > 0
                findings.append(
                    Finding(
                        wasWritten ? .damage : .repairable,
                        path,
                        "the partition's directory is missing",
                        advice: wasWritten
                            ? "restore it from a copy; it held records" : "opening the directory makes an empty one"
                    )
                )
            }
        }
    }

    private mutating func check(
        _ partition: TopicPartition,
        at path: FilePath,
        recoveryPoint: Int64,
        logStart: Int64?,
        wasClean: Bool
    ) throws(FileError) {
        var check = PartitionCheck(
            of: path,
            in: fileSystem,
            recoveryPoint: recoveryPoint,
            wasClean: wasClean
        )
        try check.run()
        findings += check.findings
        if let logStart, logStart > check.offsets.upperBound {
            findings.append(
                Finding(
                    .notice,
                    path,
                    "records were deleted up to \(logStart), and the log ends at \(check.offsets.upperBound)",
                    advice: "nothing: it goes on at \(logStart) when it is opened"
                )
            )
        }
        partitions.append(
            PartitionSummary(
                partition: partition,
                segments: check.segments,
                batches: check.batches,
                records: check.records,
                bytes: check.bytes,
                offsets: check.offsets,
                openTransactions: check.openTransactions
            )
        )
    }

    /// The topics by name; nil if the file is missing or damaged.
    private mutating func readTopics() -> [String: TopicRecord]? {
        let path = directory.appending(DataDirectory.topicsFileName)
        do throws(BrokerError) {
            guard let records = try TopicsFile(path: path, fileSystem: fileSystem).read() else {
                findings.append(
                    Finding(
                        .notice,
                        path,
                        "there is no such file",
                        advice: "nothing: topics are taken from the directories, with default settings"
                    )
                )
                return nil
            }
            return Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        } catch {
            findings.append(Finding(.damage, path, error.message, advice: "restore it, or remove it"))
            return nil
        }
    }

    private mutating func readCheckpoint(_ name: String) -> [TopicPartition: Int64] {
        do throws(DataDirectoryFileError) {
            return try OffsetCheckpointFile(name, in: directory, fileSystem).read()
        } catch {
            findings.append(
                Finding(
                    .damage,
                    error.path,
                    error.description,
                    advice: "remove it: the logs are then read from their beginning"
                )
            )
            return [:]
        }
    }

    private mutating func checkMetaProperties() {
        do throws(DataDirectoryFileError) {
            if try MetaProperties.read(in: directory, fileSystem) != nil { return }
            findings.append(
                Finding(
                    .notice,
                    directory.appending(MetaProperties.fileName),
                    "there is no such file",
                    advice: "opening the directory makes one; check that this is a data directory"
                )
            )
        } catch {
            findings.append(Finding(.damage, error.path, error.description, advice: "restore or remove it"))
        }
    }

    // Coordinators

    /// Compares what groups and transactions say with the partitions, on an overlay.
    private mutating func checkCoordinators() throws(BrokerError) {
        var quiet = Logger(label: "millrace.check")
        quiet.logLevel = .critical
        let broker = try EmbeddedBroker.observe(directory, fileSystem: fileSystem, logger: quiet)
        defer { broker.close() }
        checkTransactions(broker)
        checkOffsets(broker)
    }

    private mutating func checkTransactions(_ broker: EmbeddedBroker) {
        let known = broker.transactions.list()
        for transaction in known {
            switch transaction.state {
            case .prepareCommit, .prepareAbort, .prepareEpochFence:
                findings.append(
                    Finding(
                        .repairable,
                        directory.appending("\(InternalTopic.transactions)"),
                        "the transaction of \(transaction.transactionalId) is decided (\(transaction.state)), and not all "
                            + "of its markers are known to be written",
                        advice: "opening the directory finishes it"
                    )
                )
            case .empty, .ongoing, .completeCommit, .completeAbort, .dead: continue
            }
        }
        for partition in broker.allTopics.flatMap(\.partitions) {
            for open in partition.log.openTransactions {
                let owner = known.first { $0.producer.id == open.producer.id }
                let isOngoing = owner.map { $0.state == .ongoing && $0.partitions.contains(partition.id) } ?? false
                let isPending = owner.map { $0.state != .ongoing && $0.partitions.contains(partition.id) } ?? false
                let path = directory.appending("\(partition.id)")
                if isOngoing, let owner {
                    findings.append(
                        Finding(
                            .notice,
                            path,
                            "a transaction of \(owner.transactionalId) is open from offset \(open.firstOffset) on",
                            advice: "nothing, if its producer works; readers of committed data wait there"
                        )
                    )
                } else if !isPending {
                    findings.append(
                        Finding(
                            .repairable,
                            path,
                            "a transaction of producer \(open.producer) is open from offset \(open.firstOffset) on, of "
                                + "which no coordinator knows",
                            advice: "opening the directory ends it"
                        )
                    )
                }
            }
        }
    }

    private mutating func checkOffsets(_ broker: EmbeddedBroker) {
        for group in broker.groups.list() {
            for (partition, committed) in broker.groups.committedOffsets(of: group.groupId).sorted(by: {
                $0.key < $1.key
            }) {
                guard let log = try? broker.partition(partition).log else {
                    findings.append(
                        Finding(
                            .notice,
                            directory.appending("\(partition)"),
                            "group \(group.groupId) has committed \(committed.offset) in it, but there is no such partition",
                            advice: "delete the group's offset if the topic is gone for good"
                        )
                    )
                    continue
                }
                guard committed.offset > log.logEndOffset else { continue }
                findings.append(
                    Finding(
                        .damage,
                        directory.appending("\(partition)"),
                        "group \(group.groupId) has read up to \(committed.offset), but the log ends at "
                            + "\(log.logEndOffset): records were lost",
                        advice: "restore the partition from a copy, or set the group's offset to the log's end"
                    )
                )
            }
        }
    }
}
