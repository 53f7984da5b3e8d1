import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Asking the stores of a running application.
extension StreamsApplication {
    /// How many partitions a store has; a global one has a single one, which every thread has.
    public func partitionCount(ofStore store: String) throws(QueryError) -> Int32 {
        try location(of: store).partitionCount
    }

    /// The partition of a store that holds a key, if its records are spread by their keys. In window and session stores
    /// the key is that of the records, without their times.
    ///
    /// - Parameter key: the key, as its serde writes it.
    public func partition(ofStore store: String, for key: [UInt8]) throws(QueryError) -> Int32 {
        let count = try partitionCount(ofStore: store)
        return key.withUnsafeBytes { Hashes.partition(forKey: $0, of: count) }
    }

    /// Asks one partition of a store: runs `body` on the thread that owns it, when no record is under way. It must be
    /// short, and copy what it wants.
    ///
    /// - Parameters:
    ///   - kind: the kind of store that is asked.
    ///   - isOrdered: whether `body` reads rows in order.
    package func ask<Answer: Sendable>(
        _ store: String,
        _ kind: StoreFormat.Kind,
        partition: Int32,
        _ options: QueryOptions,
        isOrdered: Bool = false,
        _ body: @escaping @Sendable (any QueriedStore) -> Answer
    ) async throws(QueryError) -> Answer {
        let location = try location(of: store)
        guard let format = topology.graph.stores[store]?.format, format.kind == kind else {
            throw .otherKind(store: store, topology.graph.stores[store]?.format.kind ?? kind)
        }
        guard partition >= 0, partition < location.partitionCount else {
            throw .invalidPartition(store: store, partition: partition, count: location.partitionCount)
        }
        let task = location.subtopology.map { TaskId(subtopology: $0, partition: partition) } ?? .global
        let bound = try bound(options, on: store, of: task)
        let number = queries.nextNumber()
        let (deadline, isEndless) = now.addingReportingOverflow(options.timeout.wholeNanoseconds)
        let result: Result<Answer, QueryError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = QueryRequest(
                    number: number,
                    task: task,
                    store: store,
                    isolation: options.isolation,
                    positions: bound.ownPositions,
                    deadline: isEndless ? .max : deadline,
                    prepare: { ($0 as? any QueriedStore).map { !isOrdered || $0.prepareOrder() } ?? true },
                    answer: { found in
                        let answer = (found as? any QueriedStore).map { body($0) }
                        continuation.resume(returning: answer.map { .success($0) } ?? .failure(.privateStore(store)))
                    },
                    refuse: { continuation.resume(returning: .failure($0)) }
                )
                send(request, bound)
                if Task.isCancelled { queries.cancel(number) }
            }
        } onCancel: {
            queries.cancel(number)
        }
        return try result.get()
    }

    private func send(_ request: QueryRequest, _ bound: UpstreamBound) {
        guard queries.admit(request) else { return }
        queryWatch.start()
        if bound.isUpstream {
            queryWatch.follow(request, bound)
        } else if let thread = queries.post(request) {
            wake(thread)
        }
    }

    /// The bound of a query as what must be reached, upstream and in the task itself.
    private func bound(
        _ options: QueryOptions,
        on store: String,
        of task: TaskId
    ) throws(QueryError) -> UpstreamBound {
        let positions = options.bound.mapValues { $0 < Int64.max ? $0 + 1 : $0 }
        let topics = Set(positions.keys.map(\.topic))
        let plan: BoundPlan
        do throws(BoundPlan.NoWay) {
            plan =
                task == .global
                ? try BoundPlan(from: topics, toGlobal: store, in: topology.graph)
                : try BoundPlan(from: topics, to: store, routing: routing, applicationId: id)
        } catch {
            let unrelated = positions.keys.sorted().first { $0.topic == error.topic }
            throw .unrelatedBound(store: store, unrelated ?? TopicPartition(error.topic, 0))
        }
        let upstream = positions.keys.sorted().first { input in plan.stages.contains { $0.topic == input.topic } }
        if let upstream, configuration.guarantee == .atMostOnce {
            throw .unsupportedBound(store: store, upstream)
        }
        return UpstreamBound(plan, positions: positions, partition: task == .global ? nil : task.partition)
    }
}
