import Logging
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives

extension EmbeddedBroker {
    /// Opens every log of a data directory, with recovery after an unclean stop, and makes the internal topics if they
    /// are missing.
    static func openTopics(
        in data: DataDirectory,
        registry: TopicRegistry,
        configuration: BrokerConfiguration,
        time: any TimeSource,
        crew: Crew,
        random: inout SeededRandom,
        logger: Logger
    ) throws(BrokerError) {
        var records = try data.readTopics(random: &random)
        let missing = [
            (InternalTopic.offsets, configuration.offsetsTopicPartitions),
            (InternalTopic.transactions, configuration.transactionTopicPartitions),
        ].filter { name, _ in !records.contains { $0.name == name } }
        for (name, count) in missing {
            records.append(
                TopicRecord(
                    name: name,
                    id: Identifier128.random(using: &random),
                    partitionCount: max(1, count),
                    configuration: ["cleanup.policy": "compact", "segment.bytes": "\(100 << 20)"]
                )
            )
        }
        if !missing.isEmpty { try data.writeTopics(records) }
        let checkpoints = try data.readCheckpoints()
        for record in records where record.isBeingDeleted { registry.beginDeletion(record) }
        for record in records where !record.isBeingDeleted {
            let log = try logConfiguration(record, configuration)
            let ids = (0..<record.partitionCount).map { TopicPartition(record.name, $0) }
            // After an unclean stop each waits for the disk several times.
            let opened = crew.collect(ids.count) { index -> Result<Partition, BrokerError> in
                let id = ids[index]
                return Result { () throws(BrokerError) in
                    try openPartition(
                        id,
                        record,
                        log,
                        in: data,
                        time: time,
                        recoveryPoint: checkpoints.recoveryPoints[id] ?? 0,
                        logStart: checkpoints.logStarts[id],
                        cleanedEnd: checkpoints.cleanedEnds[id] ?? 0,
                        wasClean: data.wasCleanShutdown
                    )
                }
            }
            var partitions: [Partition] = []
            for result in opened {
                let partition = try result.get()
                report(partition.log.recovery, of: partition.id, logger)
                partitions.append(partition)
            }
            registry.set(Topic(record: record, partitions: partitions))
        }
    }

    /// Removes what is left of a topic whose deletion was written down. The record goes last, so that a crash or a full
    /// disk in between leaves the rest to the next try.
    static func finishDeletion(
        of record: TopicRecord,
        _ topics: TopicRegistry,
        _ data: DataDirectory,
        _ groups: GroupRuntime
    ) throws(BrokerError) {
        do throws(FileError) {
            for number in 0..<record.partitionCount {
                try data.removePartition(TopicPartition(record.name, number))
            }
        } catch {
            throw BrokerError(error)
        }
        try groups.forget(topic: record.name)
        // What was written down of its partitions must not be taken for that of a topic made anew under its name.
        try writeCheckpoints(topics, to: data)
        try data.writeTopics(topics.records.filter { $0.name != record.name })
        topics.endDeletion(of: record.name)
    }

    static func openPartition(
        _ id: TopicPartition,
        _ record: TopicRecord,
        _ log: LogConfiguration,
        in data: DataDirectory,
        time: any TimeSource,
        recoveryPoint: Int64,
        logStart: Int64?,
        cleanedEnd: Int64,
        wasClean: Bool
    ) throws(BrokerError) -> Partition {
        do throws(LogError) {
            return Partition(
                id: id,
                log: try PartitionLog.open(
                    directory: data.directory(of: id),
                    partition: id,
                    configuration: log,
                    fileSystem: data.fileSystem,
                    time: time,
                    topicId: record.id,
                    recoveryPoint: recoveryPoint,
                    wasCleanShutdown: wasClean,
                    logStartOffset: logStart,
                    cleanedEndOffset: cleanedEnd
                )
            )
        } catch {
            throw BrokerError(error)
        }
    }

    /// A topic's settings: the broker's defaults, then the topic's own.
    static func logConfiguration(
        _ record: TopicRecord,
        _ configuration: BrokerConfiguration
    ) throws(BrokerError) -> LogConfiguration {
        var log = LogConfiguration()
        log.deliberateFaults = configuration.deliberateFaults
        do throws(LogConfigurationError) {
            for (key, value) in configuration.topicDefaults.sorted(by: { $0.key < $1.key }) { try log.set(key, value) }
            for (key, value) in record.configuration.sorted(by: { $0.key < $1.key }) { try log.set(key, value) }
            try log.validate()
        } catch {
            throw BrokerError(error)
        }
        return log
    }

    /// Writes down up to where each log is durable and where it begins, so that the next opening need not look before.
    static func writeCheckpoints(_ topics: TopicRegistry, to data: DataDirectory) throws(BrokerError) {
        var checkpoints = DataDirectory.Checkpoints()
        for partition in topics.all.flatMap(\.partitions) {
            checkpoints.recoveryPoints[partition.id] = partition.log.durableEndOffset
            let start = partition.log.logStartOffset
            if start > 0 { checkpoints.logStarts[partition.id] = start }
            let cleanedEnd = partition.log.cleanedEndOffset
            if cleanedEnd > 0 { checkpoints.cleanedEnds[partition.id] = cleanedEnd }
        }
        try data.writeCheckpoints(checkpoints)
    }

    private static func report(_ report: RecoveryReport, of partition: TopicPartition, _ logger: Logger) {
        if let cut = report.truncation {
            logger.warning(
                "cut the end of a log that was never known to be durable",
                metadata: [
                    "partition": "\(partition)", "file": "\(cut.file)", "offset": "\(cut.offset)",
                    "bytes": "\(cut.bytesRemoved)", "reason": "\(cut.reason)",
                ]
            )
        }
        for repair in report.repairs where report.wasCleanShutdown {
            logger.warning(
                "made a file anew that was missing or damaged",
                metadata: ["partition": "\(partition)", "file": "\(repair.file)", "reason": "\(repair.reason)"]
            )
        }
        for file in report.foreignFiles {
            logger.warning(
                "left a file alone that is not a log's",
                metadata: ["partition": "\(partition)", "file": "\(file)"]
            )
        }
    }
}
