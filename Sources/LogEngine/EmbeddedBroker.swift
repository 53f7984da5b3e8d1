import Logging
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import Synchronization
import SystemPackage

/// A log with Kafka's semantics inside the application's process, in a directory, as SQLite lives in a file.
///
/// It hosts topics, producers, groups and transactions; everything it has acknowledged as durable survives loss of
/// power. One process at a time uses a directory. Close it when the application ends: a broker that was not closed is
/// recovered when it is next opened, which takes longer and loses nothing that was acknowledged.
///
///     let broker = try await EmbeddedBroker.open(at: "data")
///     defer { broker.close() }
public final class EmbeddedBroker: Sendable {
    /// How it works.
    public let configuration: BrokerConfiguration
    /// Where its time comes from.
    public let time: any TimeSource

    package let logger: Logger
    /// Runs blocking calls for the asynchronous clients.
    package let pool: BlockingPool
    /// Waits for the disk in several places at once.
    let crew: Crew
    let data: DataDirectory
    let topics = TopicRegistry()
    package let instances = InstanceNumbers()
    package let pulses = Pulses()
    package let transactions: TransactionRuntime
    package let groups: GroupRuntime
    /// Guards everything that changes which topics there are.
    private let administration = Mutex(())
    private let random: Mutex<SeededRandom>
    private let housekeeping: Housekeeping
    /// How often committed offsets and transactional ids that nobody uses are looked for. Kafka:
    /// `offsets.retention.check.interval.ms`.
    private let retention: Interval
    /// How often it is written down up to where the logs are durable, which bounds what a recovery reads. Kafka:
    /// `log.flush.offset.checkpoint.interval.ms`.
    private let checkpoint: Interval
    /// How often records are looked for that need not be kept. Kafka: `log.retention.check.interval.ms`.
    private let logRetention: Interval
    /// How often idle producers are forgotten. Kafka: `producer.id.expiration.check.interval.ms`.
    private let producerExpiry: Interval
    /// Compacts logs, on a thread of its own.
    private let cleaner: LogCleaner
    private let isClosed = Atomic<Bool>(false)

    /// Opens a data directory, which is made if there is none.
    ///
    /// - Parameters:
    ///   - path: the directory.
    ///   - configuration: how the broker works.
    ///   - logger: where it reports recoveries and what else an operator should know.
    /// - Throws: `BrokerError`, with code `directoryInUse` if another process has the directory.
    public static func open(
        at path: String,
        configuration: BrokerConfiguration = BrokerConfiguration(),
        logger: Logger = Logger(label: "millrace.broker")
    ) async throws(BrokerError) -> EmbeddedBroker {
        let opener = BlockingPool(name: "broker-open", threadCount: 1)
        defer { opener.close() }
        return try await opener.run { () throws(BrokerError) in
            try EmbeddedBroker(
                directory: FilePath(path),
                configuration: configuration,
                fileSystem: LocalFileSystem(),
                time: SystemTime(),
                random: .unpredictable(),
                logger: logger,
                keepsHouse: true
            )
        }
    }

    /// Opens a data directory to look at it, as it is now and beside the application that uses it: nothing is written
    /// there, and what is done to the broker that is returned goes nowhere. Members and transactions are shown as they
    /// stand in the logs; nothing is timed out or ended. Blocks.
    ///
    /// - Throws: `BrokerError` if there is no such directory, or files went away while they were being read.
    package static func observe(
        _ directory: FilePath,
        fileSystem: any FileSystem = LocalFileSystem(),
        logger: Logger
    ) throws(BrokerError) -> EmbeddedBroker {
        do throws(FileError) {
            guard try fileSystem.kind(of: directory) == .directory else {
                throw FileError(.open, directory, .notFound)
            }
        } catch {
            throw BrokerError(error)
        }
        return try EmbeddedBroker(
            directory: directory,
            fileSystem: OverlayFileSystem(over: fileSystem),
            time: SystemTime(),
            random: .unpredictable(),
            logger: logger,
            keepsHouse: false,
            isObserver: true
        )
    }

    /// Opens a data directory in a world that is handed in. Blocks.
    ///
    /// - Parameters:
    ///   - keepsHouse: whether a thread looks after time-outs; otherwise `keepHouse()` has to be called.
    ///   - isObserver: whether groups and transactions are left as the logs say, because their owners may live.
    package init(
        directory: FilePath,
        configuration: BrokerConfiguration = BrokerConfiguration(),
        fileSystem: any FileSystem,
        time: any TimeSource,
        random: SeededRandom,
        logger: Logger = Logger(label: "millrace.broker"),
        keepsHouse: Bool,
        isObserver: Bool = false
    ) throws(BrokerError) {
        var random = random
        var logger = logger
        logger[metadataKey: "directory"] = "\(directory)"
        self.configuration = configuration
        self.time = time
        self.logger = logger
        let data = try DataDirectory(at: directory, fileSystem: fileSystem, random: &random)
        self.data = data
        let crew = Crew(name: "broker-crew", threadCount: keepsHouse ? Self.crewSize : 0)
        self.crew = crew
        do throws(BrokerError) {
            try Self.openTopics(
                in: data,
                registry: topics,
                configuration: configuration,
                time: time,
                crew: crew,
                random: &random,
                logger: logger
            )
            groups = GroupRuntime(
                topics: topics,
                time: time,
                settings: configuration.groupSettings,
                seed: random.next()
            )
            transactions = TransactionRuntime(
                topics: topics,
                groups: groups,
                data: data,
                time: time,
                configuration: configuration,
                crew: crew,
                logger: logger
            )
            try groups.load(isObserver: isObserver)
            for record in topics.deletions { try Self.finishDeletion(of: record, topics, data, groups) }
            try transactions.load(isObserver: isObserver)
            try Self.writeCheckpoints(topics, to: data)
        } catch {
            for topic in topics.all {
                for partition in topic.partitions { partition.abandon() }
            }
            crew.close()
            data.release()
            throw error
        }
        self.random = Mutex(random)
        pool = BlockingPool(name: "broker", threadCount: 2)
        housekeeping = Housekeeping(every: configuration.housekeepingInterval)
        retention = Interval(.seconds(600), from: time.monotonicNanoseconds)
        checkpoint = Interval(.seconds(60), from: time.monotonicNanoseconds)
        logRetention = Interval(configuration.retentionCheckInterval, from: time.monotonicNanoseconds)
        producerExpiry = Interval(.seconds(600), from: time.monotonicNanoseconds)
        cleaner = LogCleaner(topics: topics, configuration: configuration, logger: logger)
        if keepsHouse {
            housekeeping.start { [weak self] in self?.keepHouse() }
            cleaner.start { [weak self] in self?.cleanLogs() }
        }
    }

    /// Finishes what is under way, marks the directory as closed in order, and gives it up. Blocks for file calls; may be
    /// called more than once.
    public func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        housekeeping.stop()
        cleaner.stop()
        look("a transaction that a producer left open could not be aborted") { () throws(BrokerError) in
            try transactions.abandonInProcess()
        }
        pool.close()
        administration.withLock { _ in
            do {
                try closeLogs()
                try Self.writeCheckpoints(topics, to: data)
                try data.markClean()
            } catch {
                logger.error(
                    "the broker could not be closed in order; it recovers when it is opened again",
                    metadata: ["error": "\(error)"]
                )
            }
            crew.close()
            data.release()
        }
    }

    /// Closes all logs in order; throws the first failure when all are closed.
    private func closeLogs() throws(LogError) {
        let partitions = topics.all.flatMap(\.partitions)
        let failures = crew.collect(partitions.count) { index -> LogError? in
            do throws(LogError) {
                try partitions[index].close()
                return nil
            } catch {
                partitions[index].abandon()
                return error
            }
        }
        for case let failure? in failures { throw failure }
    }

    /// How many threads help with waits for the disk, of which they are almost all of their time.
    private static let crewSize = 7

    deinit {
        close()
    }

    /// Looks for what has timed out, and acts on it. Called by the housekeeping thread, or by a test.
    package func keepHouse() {
        guard !isClosed.load(ordering: .acquiring) else { return }
        let now = time.milliseconds
        // Before the sessions that they extend.
        pulses.beat(time.monotonicNanoseconds)
        groups.expire(now)
        look("a timed-out transaction could not be aborted") { () throws(BrokerError) in
            try transactions.expire(now)
        }
        if retention.isDue(time.monotonicNanoseconds) {
            look("what is kept for a while only could not be removed") { () throws(BrokerError) in
                try groups.expireOffsets(now)
                try transactions.expireIds(now)
            }
        }
        if logRetention.isDue(time.monotonicNanoseconds) { retainLogs() }
        if producerExpiry.isDue(time.monotonicNanoseconds) {
            for partition in topics.all.flatMap(\.partitions) { _ = partition.log.removeExpiredProducers() }
        }
        if checkpoint.isDue(time.monotonicNanoseconds) {
            look("it could not be written down how far the logs are durable") { () throws(BrokerError) in
                try administer { () throws(BrokerError) in try Self.writeCheckpoints(topics, to: data) }
            }
        }
    }

    /// Removes the records that the topics' settings do not keep, and seals segments that have been quiet for long.
    /// Called by the housekeeping, or by a test.
    package func retainLogs() {
        let now = time.milliseconds
        for topic in topics.all {
            for partition in topic.partitions {
                look("old records could not be removed") { () throws(BrokerError) in
                    do throws(LogError) {
                        try partition.log.rollIfDue(now: now)
                        // What the coordinators need is not a matter of age.
                        if !topic.isInternal { try partition.log.applyRetention(now: now) }
                    } catch {
                        // A topic that is deleted meanwhile has nothing left to remove.
                        if case .closed = error { return }
                        throw BrokerError(error)
                    }
                }
            }
        }
    }

    /// Compacts the logs that need it, the neediest first, and writes down how far that is. Called by the cleaner's
    /// thread, or by a simulation: it depends on nothing but the logs and the clock.
    @discardableResult
    package func cleanLogs() -> [TopicPartition: CleaningReport] {
        guard !isClosed.load(ordering: .acquiring) else { return [:] }
        let reports = cleaner.cleanOnce(now: time.milliseconds)
        if !reports.isEmpty {
            look("it could not be written down how far logs are compacted") { () throws(BrokerError) in
                try administer { () throws(BrokerError) in try Self.writeCheckpoints(topics, to: data) }
            }
        }
        return reports
    }

    private func look(_ failure: Logger.Message, _ work: () throws(BrokerError) -> Void) {
        do throws(BrokerError) {
            try work()
        } catch {
            logger.error(failure, metadata: ["error": "\(error)"])
        }
    }

    // Topics

    /// The topics that there are, by name.
    package var allTopics: [Topic] { topics.all }

    /// Another number after each change of the topics.
    package var topicsVersion: UInt64 { topics.version }

    /// A topic; nil if there is none of this name.
    package func topic(_ name: String) -> Topic? { topics.topic(name) }

    /// A partition of a topic.
    package func partition(_ id: TopicPartition) throws(BrokerError) -> Partition {
        try checkOpen()
        return try topics.partition(id)
    }

    /// Makes a topic.
    package func createTopic(
        _ name: String,
        partitions: Int32,
        configuration settings: [String: String]
    ) throws(BrokerError) {
        try checkOpen()
        if let problem = NameRule.problem(with: name) {
            throw BrokerError(.invalidTopic, "\"\(name)\" cannot be a topic's name: \(problem)")
        }
        guard !InternalTopic.names.contains(name) else {
            throw BrokerError(.invalidTopic, "\"\(name)\" is the broker's own; choose another name")
        }
        try Self.checkPartitionCount(partitions, of: name)
        try administer { () throws(BrokerError) in
            if let leftover = topics.deletion(of: name) {
                try Self.finishDeletion(of: leftover, topics, data, groups)
            }
            guard topics.topic(name) == nil else {
                throw BrokerError(.topicAlreadyExists, "there is a topic \"\(name)\" already")
            }
            let record = TopicRecord(
                name: name,
                id: random.withLock { Identifier128.random(using: &$0) },
                partitionCount: partitions,
                configuration: settings
            )
            let log = try Self.logConfiguration(record, configuration)
            try data.writeTopics(topics.records + [record])
            do throws(BrokerError) {
                topics.set(try openNew(record, log, keeping: []))
            } catch {
                // Half a topic is none. What cannot be taken back now is when the name is used again.
                var leftover = record
                leftover.isBeingDeleted = true
                topics.beginDeletion(leftover)
                try? Self.finishDeletion(of: leftover, topics, data, groups)
                throw error
            }
        }
    }

    /// Deletes a topic with all of its data.
    package func deleteTopic(_ name: String) throws(BrokerError) {
        try checkOpen()
        try administer { () throws(BrokerError) in
            if let topic = topics.topic(name), !topic.isInternal {
                var record = topic.record
                record.isBeingDeleted = true
                try data.writeTopics(topics.records.filter { $0.name != name } + [record])
                topics.beginDeletion(record)
                for partition in topic.partitions { partition.abandon() }
            }
            guard let record = topics.deletion(of: name) else {
                throw BrokerError(.unknownTopicOrPartition, "there is no topic \"\(name)\" to delete")
            }
            try Self.finishDeletion(of: record, topics, data, groups)
        }
    }

    /// More would exhaust the files that a process may have open.
    private static let partitionCountMaximum: Int32 = 10_000

    private static func checkPartitionCount(_ count: Int32, of topic: String) throws(BrokerError) {
        guard (1...partitionCountMaximum).contains(count) else {
            throw BrokerError(
                .invalidPartitions,
                "topic \"\(topic)\" can have from 1 to \(partitionCountMaximum) partitions, not \(count)"
            )
        }
    }

    /// Raises the number of a topic's partitions.
    package func createPartitions(of name: String, total: Int32) throws(BrokerError) {
        try checkOpen()
        try administer { () throws(BrokerError) in
            guard let topic = topics.topic(name), !topic.isInternal else {
                throw BrokerError(.unknownTopicOrPartition, "there is no topic \"\(name)\"")
            }
            guard total > topic.record.partitionCount else {
                throw BrokerError(
                    .invalidPartitions,
                    "topic \"\(name)\" has \(topic.record.partitionCount) partitions; their number can only be raised, "
                        + "and \(total) is not more"
                )
            }
            try Self.checkPartitionCount(total, of: name)
            var record = topic.record
            record.partitionCount = total
            let log = try Self.logConfiguration(record, configuration)
            try data.writeTopics(topics.records.filter { $0.name != name } + [record])
            topics.set(try openNew(record, log, keeping: topic.partitions))
        }
    }

    /// Changes a topic's settings; nil sets one back to its default.
    package func alterTopic(_ name: String, _ changes: [String: String?]) throws(BrokerError) {
        try checkOpen()
        try administer { () throws(BrokerError) in
            guard let topic = topics.topic(name) else {
                throw BrokerError(.unknownTopicOrPartition, "there is no topic \"\(name)\"")
            }
            var changed = topic
            for (key, value) in changes { changed.record.configuration[key] = value }
            let log = try Self.logConfiguration(changed.record, configuration)
            try data.writeTopics(topics.records.filter { $0.name != name } + [changed.record])
            for partition in changed.partitions { partition.log.updateConfiguration(log) }
            topics.set(changed)
        }
    }

    /// Drops the records before an offset; -1 stands for the end.
    package func deleteRecords(_ id: TopicPartition, before offset: Int64) throws(BrokerError) {
        let partition = try partition(id)
        let policy = partition.log.configuration.cleanupPolicy
        guard policy.contains(.delete), !InternalTopic.names.contains(id.topic) else {
            throw BrokerError(
                .policyViolation,
                "records of \(id) cannot be deleted: its log keeps the last record of each key; write tombstones, or add "
                    + "delete to cleanup.policy"
            )
        }
        do throws(LogError) {
            try partition.log.deleteRecords(before: offset == -1 ? partition.log.highWatermark : offset)
        } catch {
            throw BrokerError(error)
        }
        try administer { () throws(BrokerError) in try Self.writeCheckpoints(topics, to: data) }
    }

    private func administer<Result>(
        _ body: () throws(BrokerError) -> Result
    ) throws(BrokerError) -> Result {
        try administration.withLock { _ throws(BrokerError) in
            try checkOpen()
            return try body()
        }
    }

    /// Throws if the broker is closed.
    package func checkOpen() throws(BrokerError) {
        guard !isClosed.load(ordering: .acquiring) else {
            throw BrokerError(.closed, "the broker is closed")
        }
    }

    private func openNew(
        _ record: TopicRecord,
        _ log: LogConfiguration,
        keeping existing: [Partition]
    ) throws(BrokerError) -> Topic {
        var partitions = existing
        do throws(BrokerError) {
            for number in Int32(existing.count)..<record.partitionCount {
                partitions.append(
                    try Self.openPartition(
                        TopicPartition(record.name, number),
                        record,
                        log,
                        in: data,
                        time: time,
                        recoveryPoint: 0,
                        logStart: nil,
                        cleanedEnd: 0,
                        wasClean: true
                    )
                )
            }
        } catch {
            for partition in partitions[existing.count...] { partition.abandon() }
            throw error
        }
        return Topic(record: record, partitions: partitions)
    }
}
