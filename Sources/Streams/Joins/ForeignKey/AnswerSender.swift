import MillracePrimitives
import MillraceStreamsRuntime

/// Writes what the right rows of one task answer in a foreign-key join, and holds the memory to write it in.
///
/// A right row that changes is encoded once, however many left rows it is sent to.
///
/// Used by the task's thread alone.
@usableFromInline
final class AnswerSender {
    private let scratch = Scratch()
    private let row = Scratch()
    private let output: TopicOutput
    private let guarded: OperatorGuard
    private let record: UnsafeMutablePointer<CurrentRecord>

    @usableFromInline
    init(_ operatorName: String, to output: TopicOutput, in context: TaskContext) {
        self.output = output
        guarded = context.guardedProduction(operatorName, to: output.topic)
        record = context.record
    }

    /// Where the right row's key is to be written.
    @usableFromInline
    func beginKey() -> UnsafeMutablePointer<ByteWriter> {
        scratch.key.pointee.removeAll()
        return scratch.key
    }

    /// The right row's key.
    @usableFromInline var key: UnsafeRawBufferPointer { scratch.key.pointee.bytes }

    /// Where the right row is to be written.
    @usableFromInline
    func beginRow() -> UnsafeMutablePointer<ByteWriter> {
        row.value.pointee.removeAll()
        return row.value
    }

    /// Answers a left row.
    @usableFromInline
    func send(
        to key: UnsafeRawBufferPointer,
        in partition: Int32,
        _ hash: Hash128?,
        hasRow: Bool,
        _ timestamp: Int64
    ) throws {
        let writer = scratch.value
        writer.pointee.removeAll()
        SubscriptionAnswer.write(hash, row: hasRow ? row.value.pointee.bytes : nil, to: &writer.pointee)
        _ = try guarded.attempt {
            try output.append(
                to: partition,
                key: key,
                value: writer.pointee.bytes,
                timestamp: timestamp,
                headers: record.pointee.headers
            )
        }
    }
}
