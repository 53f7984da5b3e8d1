import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// Reads what is committed in some partitions from their beginning, once.
struct CommittedReader {
    let backend: any LogBackend
    let clientId: String

    /// Visits the records of each partition in their order, up to the last one that is decided at the end.
    ///
    /// - Returns: whether everything is decided; otherwise there is an open transaction, which hides what comes after its
    ///   beginning.
    func read(
        _ partitions: [TopicPartition],
        _ visit: (TopicPartition, RecordView) throws -> Void
    ) throws -> Bool {
        var settings = ConsumerSettings()
        settings.clientId = clientId
        settings.isolation = .readCommitted
        settings.autoCommitInterval = nil
        let consumer = try backend.connectConsumer(settings)
        defer { consumer.close() }
        try consumer.assign(partitions)
        for (partition, offset) in try consumer.beginningOffsets(of: partitions) {
            try consumer.seek(partition, to: offset)
        }
        while true {
            let ends = try consumer.endOffsets(of: partitions)
            let written = try consumer.writtenOffsets(of: partitions)
            var isAtEnd = true
            for partition in partitions where try consumer.position(of: partition) < ends[partition] ?? 0 {
                isAtEnd = false
            }
            if isAtEnd { return ends == written }
            for records in try consumer.poll(timeout: .milliseconds(20)) {
                try records.withEach { record in try visit(records.partition, record) }
            }
        }
    }
}
