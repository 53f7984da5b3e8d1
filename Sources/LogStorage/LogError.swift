import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// Why a partition's log refused or failed to do something. Unless a case says otherwise, nothing has changed.
package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The log holds no such offset; valid ones are from `first` up to and including `end`, where the next record goes.
    case outOfRange(TopicPartition, offset: Int64, first: Int64, end: Int64)
    /// A batch, or the batches of one append, are greater than a setting allows.
    case recordTooLarge(TopicPartition, sizeInBytes: Int, limit: Int, setting: String)
    /// What a producer sent is not a batch that can be stored.
    case invalidBatch(TopicPartition, RecordFormatError)
    /// What a producer sent is well-formed, but not allowed in this log.
    case invalidRecord(TopicPartition, InvalidRecordReason)
    /// A record's timestamp is too far from the broker's clock.
    case invalidTimestamp(TopicPartition, timestamp: Int64, earliest: Int64, latest: Int64)
    /// A stored batch is damaged. `offset` is the first one that cannot be read, `position` where it stands in the file.
    case corruptBatch(file: FilePath, offset: Int64, position: Int64, reason: BatchDefect)
    /// An idempotent producer's batch leaves a hole, or repeats one too old to be remembered (LE-22, LE-23).
    case outOfOrderSequence(TopicPartition, ProducerIdentity, expected: Int32, got: Int32)
    /// A newer owner of the producer id exists (LE-25).
    case invalidProducerEpoch(TopicPartition, ProducerIdentity, current: Int16)
    /// The producer writes outside of the transaction that it has open here (LE-28).
    case invalidTransactionState(TopicPartition, ProducerIdentity)
    /// The batch would begin the producer's transaction here, and nobody has asked the coordinator whether the partition
    /// takes part in it (LE-52).
    case unverifiedTransaction(TopicPartition, ProducerIdentity)
    /// A newer coordinator has written a marker for this producer (LE-48).
    case coordinatorFenced(TopicPartition, ProducerIdentity, coordinatorEpoch: Int32, current: Int32)
    /// A file call failed; what the log holds is as before.
    case file(FileError)
    /// A synchronisation failed before, so the kernel may have dropped bytes that this log believes written. Reading
    /// goes on; everything else needs the log to be opened anew, which looks at what the disk really has.
    case writesStopped(TopicPartition, FileError)
    /// The directory belongs to another topic of the same name.
    case inconsistentTopicId(TopicPartition, expected: Identifier128, found: Identifier128)
    /// The log was closed or deleted.
    case closed(TopicPartition)

    package var description: String {
        switch self {
        case .outOfRange(let partition, let offset, let first, let end):
            "\(partition) has no offset \(offset): it holds \(first) up to \(end); "
                + "start from its first or its next offset"
        case .recordTooLarge(let partition, let size, let limit, let setting):
            "\(size) bytes are too many for \(partition): \(setting) allows \(limit); "
                + "send smaller batches or raise the setting"
        case .invalidBatch(let partition, let reason):
            "the batch cannot be stored in \(partition): \(reason)"
        case .invalidRecord(let partition, let reason):
            "the batch cannot be stored in \(partition): \(reason)"
        case .invalidTimestamp(let partition, let timestamp, let earliest, let latest):
            "the timestamp \(timestamp) is refused by \(partition), which takes \(earliest) to \(latest); correct the "
                + "producer's clock or message.timestamp.before.max.ms and message.timestamp.after.max.ms"
        case .corruptBatch(let file, let offset, let position, let reason):
            "\(file) is damaged at byte \(position), where offset \(offset) was expected: \(reason); "
                + "restore the file from a copy, or truncate the log to that offset and lose what follows"
        case .outOfOrderSequence(let partition, let producer, let expected, let got):
            "producer \(producer) sent sequence \(got) to \(partition), where \(expected) comes next: "
                + "batches in between were lost, or this one was stored long ago"
        case .invalidProducerEpoch(let partition, let producer, let current):
            "producer \(producer) was replaced in \(partition) by epoch \(current); initialise it anew"
        case .invalidTransactionState(let partition, let producer):
            "producer \(producer) has a transaction open in \(partition) and sent a batch outside of it; "
                + "end the transaction first"
        case .unverifiedTransaction(let partition, let producer):
            "\(partition) was not added to the transaction of \(producer); add it before its first batch"
        case .coordinatorFenced(let partition, let producer, let epoch, let current):
            "the coordinator of epoch \(epoch) was replaced by epoch \(current) for producer \(producer) in \(partition)"
        case .file(let error):
            error.description
        case .writesStopped(let partition, let error):
            "\(partition) takes no more writes, because bytes may have been lost when this failed: \(error); "
                + "check the disk and open the log again"
        case .inconsistentTopicId(let partition, let expected, let found):
            "the directory of \(partition) belongs to the topic with id \(found), not \(expected); move it away"
        case .closed(let partition):
            "the log of \(partition) is closed"
        }
    }
}

/// What makes a well-formed batch unwelcome.
package enum InvalidRecordReason: Hashable, Sendable, CustomStringConvertible {
    /// There is nothing to append.
    case empty
    /// Producers may not write control records.
    case controlBatch
    /// A compacted log keeps records by key, and this one, counted from 0 within the batch, has none.
    case missingKey(index: Int)
    /// The number of records is not that of the offsets which the batch takes.
    case recordCount(Int32, lastOffsetDelta: Int32)
    /// The batches of one append take more offsets than a segment has room for.
    case tooManyOffsets
    /// An idempotent producer's batch needs an epoch and a sequence number.
    case producerFields

    package var description: String {
        switch self {
        case .empty: "it is empty"
        case .controlBatch: "control records are written by the broker only"
        case .missingKey(let index): "record \(index) has no key, which a compacted topic needs"
        case .recordCount(let count, let delta): "it says it has \(count) records for \(Int64(delta) + 1) offsets"
        case .tooManyOffsets: "its batches have more than 2,147,483,648 records"
        case .producerFields: "its producer id, epoch and sequence number do not go together"
        }
    }
}

/// What is wrong with a stored batch.
package enum BatchDefect: Hashable, Sendable, CustomStringConvertible {
    /// The file ends before the batch does.
    case incomplete(needed: Int, available: Int)
    /// The bytes are not a batch, or were altered.
    case format(RecordFormatError)
    /// Its offset is smaller than the one that has to come next.
    case offsetTooSmall(Int64)
    /// Its offset is too far from the segment's first for an index entry to tell.
    case offsetTooLarge(Int64)
    /// The file ends cleanly, but what was known to be on disk, up to this offset, is not in it.
    case endsBefore(durable: Int64)

    package var description: String {
        switch self {
        case .incomplete(let needed, let available):
            "the batch needs \(needed) bytes and \(available) are there"
        case .format(let error): error.description
        case .offsetTooSmall(let offset): "the batch has offset \(offset), which an earlier one has taken"
        case .offsetTooLarge(let offset): "the batch has offset \(offset), which does not belong into this segment"
        case .endsBefore(let durable): "the log ends here, but everything before offset \(durable) was stored durably"
        }
    }
}
