import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// The topics of a driver, in memory: everything that was piped in or that the tasks wrote, in the order in which it came.
///
/// Owned by the driver and used by its thread alone.
final class CapturedLog {
    /// One partition: its batches for the tasks, the records in them for the test.
    private struct Partition {
        var batches: [(startOffset: Int64, bytes: [UInt8])] = []
        var records: [RawTestRecord] = []
        var committedBatches = 0
        var committedRecords = 0
    }

    /// How many partitions topics have; those that are not named have one.
    var partitionCounts: [String: Int32]
    private var partitions: [TopicPartition: Partition] = [:]
    private var decompressor = Decompressor()
    /// What the tasks wrote, across all topics: where, and the record's place there.
    private(set) var writes: [(partition: TopicPartition, index: Int)] = []
    private var committedWrites = 0
    /// The topics that tasks have written; which they are may be known only while records are processed.
    private var writtenTopics: Set<String> = []

    init(partitionCounts: [String: Int32]) {
        self.partitionCounts = partitionCounts
    }

    func partitionCount(of topic: String) -> Int32 { partitionCounts[topic] ?? 1 }

    /// All partitions of a topic, the empty ones too.
    func partitions(of topic: String) -> [TopicPartition] {
        (0..<partitionCount(of: topic)).map { TopicPartition(topic, $0) }
    }

    func records(of partition: TopicPartition) -> [RawTestRecord] { partitions[partition]?.records ?? [] }

    func recordCount(of partition: TopicPartition) -> Int { partitions[partition]?.records.count ?? 0 }

    func batchCount(of partition: TopicPartition) -> Int { partitions[partition]?.batches.count ?? 0 }

    /// Appends a sealed batch, which gets its place in the partition as a broker would give it.
    ///
    /// - Parameter isWrite: whether a task wrote it; otherwise the test did.
    func append(
        _ batch: UnsafeMutableRawBufferPointer,
        to partition: TopicPartition,
        isWrite: Bool
    ) throws {
        if isWrite { writtenTopics.insert(partition.topic) }
        let startOffset = Int64(recordCount(of: partition))
        batch.storeBytes(of: startOffset.bigEndian, as: Int64.self)
        let bytes = [UInt8](batch)
        partitions[partition, default: Partition()].batches.append((startOffset, bytes))
        try fetched(partition, batch: batchCount(of: partition) - 1)?.withEach { record in
            let captured = RawTestRecord(
                key: record.key.map { [UInt8]($0) },
                value: record.value.map { [UInt8]($0) },
                timestampMs: record.timestamp,
                headers: record.hasHeaders ? try RecordHeaders(decoding: record.headers) : [],
                topic: partition.topic,
                partition: partition.partition,
                offset: record.offset
            )
            partitions[partition]?.records.append(captured)
            if isWrite { writes.append((partition, Int(record.offset))) }
        }
    }

    /// A batch as a consumer's poll would bring it.
    func fetched(_ partition: TopicPartition, batch index: Int) throws -> FetchedRecords? {
        guard let batches = partitions[partition]?.batches, index < batches.count else { return nil }
        let fetched = FetchedRecords(partition: partition, startOffset: batches[index].startOffset)
        fetched.fill { $0.append(batches[index].bytes) }
        try fetched.index(aborted: [], decompressor: &decompressor)
        return fetched
    }

    /// Makes everything written so far stay, whatever comes.
    func commit() {
        partitions = partitions.mapValues { partition in
            var partition = partition
            partition.committedBatches = partition.batches.count
            partition.committedRecords = partition.records.count
            return partition
        }
        committedWrites = writes.count
    }

    /// Forgets what tasks wrote since the last commit. What the test piped in stays: it is not part of a transaction.
    func abort() {
        for (partition, state) in partitions where writtenTopics.contains(partition.topic) {
            partitions[partition]?.batches.removeSubrange(state.committedBatches...)
            partitions[partition]?.records.removeSubrange(state.committedRecords...)
        }
        writes.removeSubrange(committedWrites...)
    }
}
