import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceStreamsRuntime

/// Writes what the left rows of one task ask for in a foreign-key join, and holds the memory to write it in.
///
/// Used by the task's thread alone.
@usableFromInline
final class SubscriptionSender {
    /// The key of the left row and its value, once they are encoded.
    @usableFromInline let row = Scratch()
    /// The key of the right row that the left row named before (`key`), and of the one that it names now (`value`).
    @usableFromInline let foreignKeys = Scratch()
    private let message = Scratch()
    private let output: TopicOutput
    private let guarded: OperatorGuard
    private let partition: Int32
    private let record: UnsafeMutablePointer<CurrentRecord>

    @usableFromInline
    init(_ operatorName: String, to output: TopicOutput, in context: TaskContext) {
        self.output = output
        guarded = context.guardedProduction(operatorName, to: output.topic)
        partition = context.taskId.partition
        record = context.record
    }

    /// Makes room for the next left row.
    @usableFromInline
    func begin() {
        for scratch in [row, foreignKeys] {
            scratch.key.pointee.removeAll()
            scratch.value.pointee.removeAll()
        }
    }

    /// What a change is to be told, with the foreign keys encoded.
    ///
    /// - Parameters:
    ///   - hasOldRow: whether there was a row before the change; `hasOldKey`, whether it named a right row.
    ///   - hasNewRow: the same for the row after it.
    @usableFromInline
    func plan(
        isLeft: Bool,
        hasOldRow: Bool,
        hasOldKey: Bool,
        hasNewRow: Bool,
        hasNewKey: Bool
    ) -> SubscriptionPlan {
        let isSameKey = foreignKeys.key.pointee.bytes.elementsEqual(foreignKeys.value.pointee.bytes)
        let old: ForeignKeyState = hasOldKey ? .key : hasOldRow ? .noKey : .noRow
        let new: ForeignKeyState = hasNewKey ? .key : hasNewRow ? .noKey : .noRow
        return isLeft
            ? .left(from: old, to: new, isSameKey: isSameKey) : .inner(from: old, to: new, isSameKey: isSameKey)
    }

    /// Which partition of the right table a key belongs to; nil for that which Kafka's default partitioner gives it.
    @inlinable
    func partition<RightKey>(
        of key: RightKey,
        _ timestamp: Int64,
        by partitioner: StreamPartitioner<RightKey, Void>
    ) throws -> Int32? {
        let asked = Record(key: key, value: (), timestampMs: timestamp, headers: [])
        return try single(try partitioner.choose(asked, topic))
    }

    @usableFromInline var topic: PartitionedTopic {
        PartitionedTopic(name: output.topic, partitionCount: output.partitionCount)
    }

    @usableFromInline
    func single(_ choice: PartitionChoice) throws(ClientError) -> Int32? {
        switch choice {
        case .byKey: return nil
        case .partition(let partition): return partition
        case .partitions(let partitions):
            if let partition = partitions.first, partitions.count == 1 { return partition }
        case .all, .drop: break
        }
        throw ClientError(
            .invalidArgument,
            "the partitioner of a foreign-key join says \(choice): a right row lies in one partition"
        )
    }

    /// Writes a subscription of the left row.
    ///
    /// - Parameters:
    ///   - foreignKey: the right row's key, encoded; nil if the left row names none.
    ///   - partition: where that row is; nil for the partition of its key.
    @usableFromInline
    func send(
        _ instruction: Subscription.Instruction,
        _ hash: Hash128?,
        to foreignKey: UnsafeRawBufferPointer?,
        in partition: Int32?,
        _ timestamp: Int64
    ) throws {
        let writer = message.value
        writer.pointee.removeAll()
        Subscription(instruction: instruction, hash: hash, partition: self.partition, key: row.key.pointee.bytes)
            .write(to: &writer.pointee)
        let (value, headers) = (writer.pointee.bytes, record.pointee.headers)
        _ = try guarded.attempt {
            if let partition {
                try output.append(to: partition, key: foreignKey, value: value, timestamp: timestamp, headers: headers)
            } else {
                try output.append(key: foreignKey, value: value, timestamp: timestamp, headers: headers)
            }
        }
    }
}
