import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

/// One partition's log: batches in order, in Kafka's files, with what is known of their producers and transactions.
///
/// Keeps invariants 3 (ordered and gap-free), 4 (fenced, as far as one partition can) and 7 (recovery is idempotent).
///
/// Any thread may call. `state` guards everything that changes, and the writes of appends happen under it; it is never
/// held while data are synchronised or read. `flushing` is held through a synchronisation, so that concurrent flushes
/// share one; whoever takes both takes `flushing` first. The one rule that recovery leans on: *a segment file is made only
/// when everything before it is durable*, so that bytes can be missing at the end of the last segment alone.
package final class PartitionLog: Sendable {
    /// Which partition this is.
    package let partition: TopicPartition
    /// Where its files are.
    package let directory: FilePath
    /// What opening it found and did.
    package let recovery: RecoveryReport

    let fileSystem: any FileSystem
    let time: any TimeSource
    let state: Mutex<LogState>
    let flushing: Mutex<Void>
    /// Held while the log is cleaned; taken before the others.
    let cleaning = Mutex(())
    /// A replacement of segments that was decided and whose files do not have their final names yet. Changes while
    /// `flushing` is held.
    let pendingSwap = Mutex<SegmentSwap?>(nil)
    let deliberateFaults: DeliberateFaults

    private init(
        partition: TopicPartition,
        directory: FilePath,
        recovery: RecoveryReport,
        fileSystem: any FileSystem,
        time: any TimeSource,
        state: sending LogState
    ) {
        self.partition = partition
        self.directory = directory
        self.recovery = recovery
        self.fileSystem = fileSystem
        self.time = time
        deliberateFaults = state.configuration.deliberateFaults
        self.state = Mutex(state)
        flushing = Mutex(())
    }

    /// Opens a partition's log, or makes an empty one.
    ///
    /// - Parameters:
    ///   - directory: the partition's own directory, `<topic>-<partition>` in a data directory.
    ///   - topicId: written to a new `partition.metadata`; an existing one must have the same.
    ///   - recoveryPoint: up to where the log is known to be on disk, from the data directory's checkpoint; 0 if unknown.
    ///   - wasCleanShutdown: whether the log was closed in order, so that what its files say may be trusted.
    ///   - logStartOffset: from the data directory's checkpoint, if records were deleted.
    ///   - cleanedEndOffset: from the data directory's checkpoint, up to where the log was compacted; 0 if unknown.
    /// - Throws: `LogError.corruptBatch` for damage below the recovery point, or anywhere after a clean stop.
    package static func open(
        directory: FilePath,
        partition: TopicPartition,
        configuration: LogConfiguration,
        fileSystem: any FileSystem,
        time: any TimeSource,
        topicId: Identifier128?,
        recoveryPoint: Int64,
        wasCleanShutdown: Bool,
        logStartOffset: Int64?,
        cleanedEndOffset: Int64 = 0
    ) throws(LogError) -> PartitionLog {
        var loader = LogLoader(
            directory: directory,
            partition: partition,
            configuration: configuration,
            fileSystem: fileSystem,
            now: time.milliseconds,
            wasCleanShutdown: wasCleanShutdown
        )
        var state = try loader.load(recoveryPoint: recoveryPoint, logStartOffset: logStartOffset)
        state.cleanedEndOffset = min(max(cleanedEndOffset, 0), state.logEndOffset)
        let log = PartitionLog(
            partition: partition,
            directory: directory,
            recovery: loader.report,
            fileSystem: fileSystem,
            time: time,
            state: state
        )
        if let topicId { try log.claim(topicId) }
        return log
    }

    private func claim(_ topicId: Identifier128) throws(LogError) {
        let metadata = try attempt { () throws(FileError) in
            let found = try PartitionMetadata.read(in: directory, fileSystem)
            if found == nil { try PartitionMetadata(topicId: topicId).write(in: directory, fileSystem) }
            return found
        }
        if let metadata, metadata.topicId != topicId {
            throw .inconsistentTopicId(partition, expected: topicId, found: metadata.topicId)
        }
    }

    /// The first offset that may be read.
    package var logStartOffset: Int64 { state.withLock { $0.logStartOffset } }
    /// The offset that the next record gets.
    package var logEndOffset: Int64 { state.withLock { $0.logEndOffset } }
    /// What all replicas have; with a single one, the log's end.
    package var highWatermark: Int64 { logEndOffset }
    /// Before this offset, every record's transaction is decided (LE-60).
    package var lastStableOffset: Int64 { state.withLock { $0.lastStableOffset } }
    /// Every record before this offset survives power loss. The recovery point to write to the checkpoint.
    package var durableEndOffset: Int64 { state.withLock { $0.durableEndOffset } }
    /// The settings in force.
    package var configuration: LogConfiguration { state.withLock { $0.configuration } }
    /// The size of all segments' `.log` files in bytes.
    package var sizeInBytes: Int64 {
        state.withLock { state in state.sealed.reduce(state.active.size) { $0 + $1.size } }
    }
    /// How many segments there are.
    package var segmentCount: Int { state.withLock { $0.sealed.count + 1 } }
    /// The base offsets of the segments, ascending.
    package var segmentBaseOffsets: [Int64] {
        state.withLock { state in state.sealed.map(\.baseOffset) + [state.active.baseOffset] }
    }

    /// Up to where the log was compacted; to be written to the data directory's checkpoint.
    package var cleanedEndOffset: Int64 { state.withLock { $0.cleanedEndOffset } }

    /// Changes the settings, for appends from now on.
    package func updateConfiguration(_ configuration: LogConfiguration) {
        state.withLock { $0.configuration = configuration }
    }

    /// The producers known here, by id.
    package func describeProducers() -> [ProducerDescription] {
        let producers = state.withLock { $0.producers }
        return producers.states.values.map { ProducerDescription($0) }
            .sorted { $0.producer.id < $1.producer.id }
    }

    /// The transactions that no marker has ended, in the order in which they began.
    package var openTransactions: [OpenTransaction] { state.withLock { $0.producers.openTransactions } }

    /// Forgets producers that have been idle for `producer.id.expiration.ms`; returns how many (LE-29).
    package func removeExpiredProducers() -> Int {
        let now = time.milliseconds
        return state.withLock { state in
            state.producers.removeExpired(now: now, expirationMs: state.configuration.producerIdExpirationMs)
        }
    }

    /// Takes note that a leader epoch begins at the log's end; older and equal ones change nothing.
    package func assignLeaderEpoch(_ epoch: Int32) {
        state.withLock { state in
            if state.epochs.assign(epoch, startOffset: state.logEndOffset) { state.epochsHaveChanged = true }
        }
    }

    /// The latest leader epoch; nil if there is none.
    package var latestLeaderEpoch: Int32? { state.withLock { $0.epochs.latest } }

    /// Where a leader epoch ends: the greatest epoch known that is not beyond the one asked for, and the offset at which
    /// the next one begins. Nil for an epoch that is not known yet (KIP-101).
    package func endOffset(forLeaderEpoch epoch: Int32) -> (epoch: Int32, endOffset: Int64)? {
        state.withLock { $0.epochs.endOffset(for: epoch, logEnd: $0.logEndOffset) }
    }

    /// Fails if the log takes no writes.
    func checkWritable(_ state: borrowing LogState) throws(LogError) {
        if state.isClosed || state.isClosing { throw .closed(partition) }
        let failure = state.failure
        if let failure { throw .writesStopped(partition, failure) }
    }

    /// Runs file calls in the terms of this log's errors.
    func attempt<Result>(_ body: () throws(FileError) -> Result) throws(LogError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
