import MillracePrimitives
import MillraceRecordFormat
import Synchronization

/// The thread behind an asynchronous producer: it gathers what many tasks send into batches, and makes all calls of the
/// connection, which may block.
final class RecordSender: Sendable {
    private struct State {
        var accumulator: RecordAccumulator
        var commands: [Command] = []
        /// Senders that wait for memory.
        var waitingForSpace: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        /// The first failure since the last flush of a record that nobody waits for: who hands records over without
        /// waiting learns of it there.
        var failure: ClientError?
    }

    /// A call of the connection, made after everything that was sent before it.
    private struct Command: Sendable {
        var run: @Sendable (any ProducerConnection) -> Void
        var refuse: @Sendable (ClientError) -> Void
    }

    private let state: Mutex<State>
    private let bell = Wakeup()
    private let connection: any ProducerConnection
    private let settings: ProducerSettings
    private let time: any TimeSource
    private let thread = Mutex<PlatformThread?>(nil)

    init(_ connection: any ProducerConnection, settings: ProducerSettings, time: any TimeSource) {
        self.connection = connection
        self.settings = settings
        self.time = time
        state = Mutex(State(accumulator: RecordAccumulator(settings: settings)))
        let started = PlatformThread.start(name: settings.clientId) { [self] in work() }
        thread.withLock { $0 = started }
    }

    /// Sends a record and waits until it is stored as the settings ask.
    func send(_ record: ProducerRecord) async throws(ClientError) -> RecordReceipt {
        try await prepare(record)
        let outcome: Result<RecordReceipt, ClientError> = await withCheckedContinuation { continuation in
            do throws(ClientError) {
                try append(record, continuation)
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try outcome.get()
    }

    /// Hands a record over and returns as soon as there is room for it.
    func enqueue(_ record: ProducerRecord) async throws(ClientError) {
        try await prepare(record)
        try append(record, nil)
    }

    /// Checks a record, waits for room, and finds out how many partitions its topic has.
    private func prepare(_ record: ProducerRecord) async throws(ClientError) {
        let size = (record.key?.count ?? 0) + (record.value?.count ?? 0)
        guard size <= settings.maximumRequestSize else {
            throw ClientError(
                .recordTooLarge,
                "a record of \(size) bytes for topic \"\(record.topic)\" is larger than maximumRequestSize "
                    + "(\(settings.maximumRequestSize))"
            )
        }
        while state.withLock({ $0.accumulator.isFull && !$0.isClosed }) {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let mustWait = state.withLock { state in
                    guard state.accumulator.isFull, !state.isClosed else { return false }
                    state.waitingForSpace.append(continuation)
                    return true
                }
                bell.ring()
                if !mustWait { continuation.resume() }
            }
        }
        let known = state.withLock { $0.accumulator.partitionCount(of: record.topic) }
        if let known, record.partition ?? 0 < known { return }
        let topic = record.topic
        // Also asked again for a partition that there was none of: a topic's partitions can become more.
        let count = try await perform { (connection) throws(ClientError) in
            try connection.partitionCount(of: topic)
        }
        state.withLock { $0.accumulator.setPartitionCount(count, of: topic) }
    }

    private func append(
        _ record: ProducerRecord,
        _ continuation: CheckedContinuation<Result<RecordReceipt, ClientError>, Never>?
    ) throws(ClientError) {
        var headers = ByteWriter(capacity: 16)
        if !record.headers.isEmpty { record.headers.encode(into: &headers) }
        let encoded = headers.bytes
        let timestamp = record.timestamp ?? time.milliseconds
        let now = time.monotonicNanoseconds
        nonisolated(unsafe) let headerBytes = encoded  // read under the lock, on this thread
        let mustRing = try state.withLock { (state) throws(ClientError) in
            guard !state.isClosed else { throw ClientError(.closed, "the producer is closed") }
            let count = state.accumulator.partitionCount(of: record.topic) ?? 1
            let partition = try state.accumulator.partition(of: record, count: count)
            let wasEmpty = state.accumulator.isEmpty
            state.accumulator.append(
                record,
                to: partition,
                headers: headerBytes,
                timestamp: timestamp,
                now: now,
                continuation: continuation
            )
            return wasEmpty || state.accumulator.hasReadyBatch
        }
        withExtendedLifetime(headers) {}
        if mustRing { bell.ring() }
    }

    /// Makes a call of the connection on the sending thread, after everything that was sent before.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (any ProducerConnection) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let outcome: Result<Value, ClientError> = await withCheckedContinuation { continuation in
            let command = Command(
                run: { connection in
                    do throws(ClientError) {
                        continuation.resume(returning: .success(try body(connection)))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                },
                refuse: { continuation.resume(returning: .failure($0)) }
            )
            let isAccepted = state.withLock { state in
                guard !state.isClosed else { return false }
                state.commands.append(command)
                return true
            }
            if isAccepted { bell.ring() } else { command.refuse(ClientError(.closed, "the producer is closed")) }
        }
        return try outcome.get()
    }

    /// Waits until everything sent before is stored as the settings ask; throws the first failure since the last flush.
    func flush() async throws(ClientError) {
        try await perform { (connection) throws(ClientError) in try connection.flush() }
        let failure = state.withLock { state in
            defer { state.failure = nil }
            return state.failure
        }
        if let failure { throw failure }
    }

    /// Lets the thread send everything, end the connection and end itself; returns at once.
    func finish() {
        state.withLock { $0.isClosed = true }
        bell.ring()
    }

    /// Sends everything, ends the connection and the thread.
    func close() async {
        finish()
        let running = thread.withLock { $0 }
        let joiner = BlockingPool(name: "producer-close", threadCount: 1)
        await joiner.run { running?.join() }
        joiner.close()
    }

    private func work() {
        while true {
            let now = time.monotonicNanoseconds
            let (batches, commands, isClosed) = state.withLock { state in
                let commands = state.commands
                state.commands = []
                // Those who wait for memory do not wait for a batch to linger.
                let sendsAll = !commands.isEmpty || state.isClosed || state.accumulator.isFull
                let batches = state.accumulator.drain(now: now, all: sendsAll)
                return (batches, commands, state.isClosed)
            }
            if !batches.isEmpty { send(batches) }
            for command in commands { command.run(connection) }
            if isClosed {
                // Nothing is accepted any more, so that what was drained now was the last.
                connection.close()
                let waiting = state.withLock { state in
                    defer { state.waitingForSpace = [] }
                    return state.waitingForSpace
                }
                for continuation in waiting { continuation.resume() }
                return
            }
            if batches.isEmpty, commands.isEmpty { bell.wait(for: timeUntilNextBatch) }
        }
    }

    private func send(_ batches: [PendingBatch]) {
        for batch in batches {
            // What fails is told to the batch's waiters, here or by the flush.
            try? connection.send(batch.builder, to: batch.partition) { [self] result in
                // First, so that who hears of the failure and sends again does not meet what led to it.
                if case .failure(let error) = result { note(error, of: batch) }
                batch.complete(result)
            }
        }
        try? connection.flush()
        let waiting = state.withLock { state in
            state.accumulator.recycle(batches)
            let waiting = state.accumulator.isFull ? [] : state.waitingForSpace
            if !state.accumulator.isFull { state.waitingForSpace = [] }
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func note(_ error: ClientError, of batch: PendingBatch) {
        let isReported = batch.waiters.count == batch.builder.recordCount
        state.withLock { state in
            if !isReported { state.failure = state.failure ?? error }
            // The topic may be another one by now.
            if error.code == .unknownTopicOrPartition {
                state.accumulator.forgetPartitionCount(of: batch.partition.topic)
            }
        }
    }

    private var timeUntilNextBatch: Duration {
        guard let deadline = state.withLock({ $0.accumulator.nextDeadline }) else { return .seconds(60) }
        return .nanoseconds(max(0, deadline - time.monotonicNanoseconds))
    }
}
