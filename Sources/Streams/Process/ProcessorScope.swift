import MillracePrimitives
import MillraceRecordFormat
import MillraceStreamsRuntime

/// What a processor knows of its task and can ask of it, whatever it forwards; see `ProcessorContext`.
///
/// Used by the task's thread alone, and only as long as the task.
public class ProcessorScope {
    /// The task.
    public let taskId: TaskId
    /// The application's id.
    public let applicationId: String
    /// The operator's name in the topology.
    public let operatorName: String

    @usableFromInline let current: UnsafeMutablePointer<CurrentRecord>
    @usableFromInline let failures: FailureHandling
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let headerScope: HeaderScope
    /// What `current` lies in, however long the user's code keeps this.
    private let memory: TaskMemory
    /// The task holds the processor, which holds this.
    private weak var task: TaskContext?
    private var scheduleCount = 0

    @usableFromInline
    init(_ operatorName: String, in context: TaskContext) {
        taskId = context.taskId
        applicationId = context.applicationId
        self.operatorName = operatorName
        current = context.record
        memory = context.memory
        failures = context.failures
        guarded = context.guarded(operatorName)
        headerScope = HeaderScope(context)
        task = context
    }

    // The time

    /// The task's stream time: the greatest timestamp of the records that it has processed, in milliseconds since 1970; -1
    /// before the first record.
    public final var streamTimeMs: Int64 { current.pointee.streamTimeMs }

    /// The wall clock, in milliseconds since 1970, as it was when the thread last looked, some milliseconds ago at most.
    public final var wallClockMs: Int64 { current.pointee.wallClockMs }

    /// Calls `punctuate` again and again, as one of the clocks reaches the next multiple of an interval; once however many
    /// intervals have passed. What it forwards needs a timestamp of its own.
    ///
    /// On the stream time the first call comes after the very next record, and the multiples count from 1970; when the
    /// schedule is made as the processor is, the next due time survives a restart. On the wall clock the first call comes
    /// after one interval, counted from now or from the task's beginning.
    ///
    /// - Parameters:
    ///   - interval: a millisecond or more.
    ///   - kind: which clock.
    ///   - startMs: where to count from instead, in milliseconds since 1970: the first call comes then, or if that is past,
    ///     at the next multiple of the interval after it.
    ///   - punctuate: gets the current time of that clock, not the time at which it was due.
    @discardableResult
    public final func schedule(
        every interval: Duration,
        _ kind: TimeKind,
        from startMs: Int64? = nil,
        _ punctuate: @escaping (_ nowMs: Int64) throws -> Void
    ) throws(ProcessorError) -> Punctuation {
        guard let task else { throw .taskEnded(operator: operatorName) }
        let intervalMs = interval.wholeMilliseconds
        guard intervalMs > 0 else {
            throw .invalidSchedule(
                operator: operatorName,
                problem: "the interval of \(interval) is under a millisecond"
            )
        }
        guard startMs ?? 0 >= 0 else {
            throw .invalidSchedule(operator: operatorName, problem: "its beginning is before 1970")
        }
        scheduleCount += 1
        return Punctuation(
            task.schedule(
                operatorName,
                number: scheduleCount,
                kind,
                intervalMs: intervalMs,
                startMs: startMs,
                run: { [guarded, failures] nowMs in
                    guard try guarded.attempt({ try punctuate(nowMs) }) != nil else { return }
                    try failures.throwIfEscaped()
                }
            )
        )
    }

    // The record under way

    /// Where the record under way was read; nil if there is none, as in a punctuation.
    public final var recordMetadata: RecordMetadata? {
        failures.partition.map {
            RecordMetadata(topic: $0.topic, partition: $0.partition, offset: current.pointee.offset)
        }
    }

    /// Asks for a commit as soon as possible, rather than at the next interval.
    public final func requestCommit() {
        current.pointee.isCommitRequested = true
    }

    /// Passes a record on. A failure further down is not one of the processor's own.
    @inlinable
    final func pass<Key, Value>(
        _ key: Key,
        _ value: Value,
        _ timestampMs: Int64,
        _ headers: RecordHeaders,
        to next: Out<Key, Value>
    ) throws {
        guard timestampMs >= 0 else {
            throw ProcessorError.negativeTimestamp(operator: operatorName, timestampMs: timestampMs)
        }
        do {
            if headers.isEmpty, current.pointee.headers.count == 0 {
                try next.push(key, value, timestampMs)
            } else {
                try headerScope.using(headers) { try next.push(key, value, timestampMs) }
            }
        } catch {
            failures.noteEscaping(error)
            throw error
        }
    }
}

/// A schedule that was made; see `ProcessorScope.schedule`.
public struct Punctuation {
    private let entry: ScheduledPunctuation

    init(_ entry: ScheduledPunctuation) {
        self.entry = entry
    }

    /// Ends it, for as long as the task lives: a processor that schedules it anew after a restart has it again.
    public func cancel() { entry.cancel() }
}

/// Where a record was read.
public struct RecordMetadata: Hashable, Sendable {
    /// The topic; an internal one after a repartition.
    public var topic: String
    /// The partition.
    public var partition: Int32
    /// The offset.
    public var offset: Int64
}
