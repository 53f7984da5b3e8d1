import MillraceLogClient
import MillracePrimitives

/// Asking the stores of a running application.
extension StreamsApplication {
    /// How many partitions a store has.
    public func partitionCount(ofStore store: String) throws(QueryError) -> Int32 {
        try location(of: store).partitionCount
    }

    /// The partition of a store that holds a key, if its records are spread by their keys.
    ///
    /// - Parameter key: the key, as its serde writes it.
    public func partition(ofStore store: String, for key: [UInt8]) throws(QueryError) -> Int32 {
        let count = try partitionCount(ofStore: store)
        return key.withUnsafeBytes { Hashes.partition(forKey: $0, of: count) }
    }

    /// Asks one partition of a store: runs `body` on the thread that owns it, when no record is under way. It must be
    /// short, and copy what it wants.
    package func ask<Answer: Sendable>(
        _ store: String,
        partition: Int32,
        _ options: QueryOptions,
        _ body: @escaping @Sendable (any TaskStore) -> Result<Answer, QueryError>
    ) async throws(QueryError) -> Answer {
        let location = try location(of: store)
        guard partition >= 0, partition < location.partitionCount else {
            throw .invalidPartition(store: store, partition: partition, count: location.partitionCount)
        }
        let (deadline, isEndless) = now.addingReportingOverflow(options.timeout.wholeNanoseconds)
        let number = queries.nextNumber()
        let result: Result<Answer, QueryError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = QueryRequest(
                    number: number,
                    task: TaskId(subtopology: location.subtopology, partition: partition),
                    store: store,
                    isolation: options.isolation,
                    bound: options.bound,
                    deadline: isEndless ? .max : deadline,
                    answer: { continuation.resume(returning: body($0)) },
                    fail: { continuation.resume(returning: .failure($0)) }
                )
                if let thread = queries.post(request) { wake(thread) }
                if Task.isCancelled { queries.cancel(number) }
            }
        } onCancel: {
            queries.cancel(number)
        }
        return try result.get()
    }
}
