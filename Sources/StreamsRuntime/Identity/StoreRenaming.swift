import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceTopology

/// Copies a store's changelog to that of the name that the store has now.
///
/// Done before the manifest names the new store: after a crash in between it is done again, which leaves every key with
/// the same last value.
struct StoreRenaming {
    let backend: any LogBackend
    let applicationId: String
    let batchSize: Int

    /// How many records one transaction copies.
    private static let transactionRecordsMaximum = 10_000

    /// Copies; returns the number of records.
    func copy(
        _ renaming: TopologyComparison.Renaming,
        partitions: Int32,
        with producer: any ProducerConnection
    ) throws -> Int {
        let from = "\(applicationId)-\(StoreDefinition.changelogTopic(of: renaming.from))"
        let to = "\(applicationId)-\(StoreDefinition.changelogTopic(of: renaming.to))"
        let output = TopicOutput(topic: to, partitionCount: partitions, producer: producer, batchSize: batchSize)
        var copied = 0
        try producer.beginTransaction()
        let reader = CommittedReader(backend: backend, clientId: "\(applicationId)-rename")
        let isDecided = try reader.read((0..<partitions).map { TopicPartition(from, $0) }) { partition, record in
            try output.append(
                to: partition.partition,
                key: record.key,
                value: record.value,
                timestamp: record.timestamp,
                headers: record.hasHeaders ? record.headers : UnsafeRawBufferPointer(start: nil, count: 0)
            )
            copied += 1
            if copied % Self.transactionRecordsMaximum == 0 {
                try output.flush()
                try producer.commitTransaction()
                try producer.beginTransaction()
            }
        }
        guard isDecided else {
            throw ClientError(
                .concurrentTransactions,
                "the changelog \(from) cannot be copied: a transaction is open on it. Stop the other instances, or wait "
                    + "until it has timed out"
            )
        }
        try output.flush()
        try producer.commitTransaction()
        return copied
    }
}
