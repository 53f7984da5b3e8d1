import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// What becomes of the records of one task at which something fails.
///
/// Used by the task's thread alone.
public final class FailureHandling {
    private let task: TaskId
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let configuration: StreamsConfiguration
    private let outputs: any OutputProvider
    private let logger: Logger
    private let host: TaskHost
    /// The partition of the record under way; nil if there is none.
    package var partition: TopicPartition?
    /// Records that were left out, dead letters included.
    package private(set) var skippedRecords = 0
    /// What is to be written after the transaction that fails now.
    package private(set) var farewells: [DeadLetter] = []
    /// An error on its way out through the user's code, which is not that code's.
    private var escaping: (any Error)?

    package init(
        task: TaskId,
        record: UnsafeMutablePointer<CurrentRecord>,
        configuration: StreamsConfiguration,
        outputs: any OutputProvider,
        logger: Logger,
        host: TaskHost
    ) {
        self.task = task
        self.record = record
        self.configuration = configuration
        self.outputs = outputs
        self.logger = logger
        self.host = host
    }

    /// Notes the failure of something that an operator forwarded from within the user's code: it is not taken for one of
    /// that code, and cannot be swallowed by it (`throwIfEscaped`).
    public func noteEscaping(_ error: any Error) {
        escaping = escaping ?? error
    }

    /// Throws the failure of something that was forwarded, if the user's code has swallowed it.
    @inlinable
    public func throwIfEscaped() throws {
        if hasEscaped { try rethrow() }
    }

    @usableFromInline var hasEscaped: Bool { escaping != nil }

    @usableFromInline
    func rethrow() throws {
        if let escaping { throw escaping }
    }

    /// Passes on what a part of the task has held back, which belongs to no single record: what fails meanwhile is not the
    /// failure of the record under way, if there is one.
    ///
    /// - Parameter name: what held it back: an operator or a store.
    public func passOn(heldBy name: String, _ body: () throws -> Void) throws {
        let (partition, sourceHeaders) = (self.partition, record.pointee.sourceHeaders)
        defer {
            self.partition = partition
            record.pointee.sourceHeaders = sourceHeaders
        }
        self.partition = nil
        record.pointee.sourceHeaders = nil
        do {
            try body()
        } catch let error as OperatorError {
            throw StreamsError.flushing(task, part: name, underlying: error)
        }
    }

    /// What a source stops with at a record without a valid timestamp.
    public func failureWithoutTime() -> any Error {
        StreamsError.invalidTimestamp(
            partition ?? TopicPartition("", -1),
            offset: record.pointee.offset,
            timestampMs: record.pointee.timestamp
        )
    }

    /// Leaves out the record under way, because its source has no time for it; logs and counts it.
    public func leaveOutWithoutTime() {
        countSkipped()
        logger.warning(
            "left out a record without a valid timestamp",
            metadata: [
                "partition": "\(partition.map { "\($0)" } ?? "-")", "offset": "\(record.pointee.offset)",
                "timestamp": "\(record.pointee.timestamp)",
            ]
        )
    }

    /// Whether to try again; otherwise the work is left out. Throws if the task is to stop.
    @usableFromInline
    func shouldRetry(
        _ stage: FailedRecord.Stage,
        _ operatorName: String,
        after error: any Error,
        attempt: Int
    ) throws -> Bool {
        if let escaping { throw escaping }
        // What the log refused took the transaction with it: no record of it can be left out.
        if let failure = outputs.failure { throw failure }
        if case .production = stage, let error = error as? ClientError, !Self.isAboutTheRecord(error) { throw error }
        let failure = failedRecord(stage, operatorName, error, attempt)
        switch policy(for: stage).respond(failure) {
        case .retry(let duration):
            // A try that the shutdown cut short is none: the record is tried anew by who comes next.
            guard host.pause(duration) else { throw StoppedWhileRetrying() }
            return true
        case .skip:
            log(failure, to: nil)
        case .deadLetter(let topic):
            try send(failure, to: topic)
            log(failure, to: topic)
        case .fail(let topic):
            if let topic { farewells.append(deadLetter(failure, topic)) }
            throw stop(failure)
        }
        countSkipped()
        return false
    }

    private func countSkipped() {
        skippedRecords += 1
        host.didSkip()
    }

    /// What a policy is told. Copies the record's bytes, which is nothing beside a failure.
    private func failedRecord(
        _ stage: FailedRecord.Stage,
        _ operatorName: String,
        _ error: any Error,
        _ attempt: Int
    ) -> FailedRecord {
        let hasRecord = partition != nil
        let current = record.pointee
        return FailedRecord(
            stage: stage,
            operatorName: operatorName,
            error: error,
            attempt: attempt,
            task: task,
            partition: partition,
            offset: hasRecord ? current.offset : -1,
            timestampMs: hasRecord ? current.timestamp : -1,
            key: hasRecord ? current.key.map { [UInt8]($0) } : nil,
            value: hasRecord ? current.value.map { [UInt8]($0) } : nil,
            // Headers that cannot be read are none: the record has failed anyway.
            headers: hasRecord ? (try? RecordHeaders(decoding: current.sourceHeaders ?? current.headers)) ?? [] : []
        )
    }

    /// Sends the record to the dead letters. If that fails, the application stops with both errors.
    private func send(_ failure: FailedRecord, to topic: String) throws {
        do {
            try deadLetter(failure, topic).append(to: try outputs.output(to: topic))
        } catch let error where !error.concernsThread {
            throw StreamsError.deadLetterRefused(topic: topic, reason: "\(error)", failure: stop(failure))
        }
    }

    /// Whether the log refused one record, not the application.
    private static func isAboutTheRecord(_ error: ClientError) -> Bool {
        [.recordTooLarge, .unknownTopicOrPartition, .invalidArgument].contains(error.code)
    }

    private func policy(for stage: FailedRecord.Stage) -> ErrorPolicy {
        switch stage {
        case .decoding: configuration.onDecodingError
        case .processing: configuration.onProcessingError
        case .production: configuration.onProductionError
        }
    }

    private func stop(_ failure: FailedRecord) -> any Error {
        guard let partition else {
            return OperatorError(operatorName: failure.operatorName, underlying: failure.error)
        }
        switch failure.stage {
        case .decoding(let part):
            let reason = UndecodableRecord(part, failure.error).description
            return StreamsError.undecodableRecord(partition, offset: failure.offset, reason: reason)
        case .processing, .production:
            return StreamsError.processing(
                task,
                partition,
                offset: failure.offset,
                underlying: OperatorError(operatorName: failure.operatorName, underlying: failure.error)
            )
        }
    }

    private func deadLetter(_ failure: FailedRecord, _ topic: String) -> DeadLetter {
        DeadLetter(failure, topic: topic, wallClockMs: record.pointee.wallClockMs)
    }

    private func log(_ failure: FailedRecord, to topic: String?) {
        logger.warning(
            topic == nil ? "left out what failed" : "sent a record that failed to the dead letters",
            metadata: [
                "operator": "\(failure.operatorName)", "partition": "\(failure.partition.map { "\($0)" } ?? "-")",
                "offset": "\(failure.offset)", "reason": "\(DeadLetter.reason(failure))", "topic": "\(topic ?? "-")",
            ]
        )
    }
}
