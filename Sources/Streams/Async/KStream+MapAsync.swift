import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream where Key: Sendable, Value: Sendable {
    /// Makes another record of each record by an asynchronous call: a request to a service, a query of a database.
    ///
    ///     orders.mapValuesAsync(concurrency: 32, retry: .upTo(3)) { id, order in
    ///         try await prices.quote(for: order)
    ///     }
    ///
    /// Calls run side by side while the stream goes on, and their results are passed on in order. A commit waits for the
    /// calls under way, so results are seen exactly once; the calls themselves are repeated after a crash, and must bear
    /// that. Nothing comes out of order into the log because of a retry.
    ///
    /// - Parameters:
    ///   - concurrency: how many calls of a task run side by side, 1 or more; further records wait.
    ///   - order: in which order results are passed on.
    ///   - timeout: how long one try may take before it is cancelled and fails with `AsyncTimeout`. All tries of a call
    ///     together must take less than the application's `transactionTimeout`.
    ///   - retry: how a call that fails is tried again while others go on; then `onProcessingError` decides.
    ///   - clock: what time-outs and pauses go by.
    ///   - name: the operator's name.
    ///   - transform: the call. Since the key may change, grouping by key afterwards repartitions.
    public func mapAsync<NewKey: Sendable, NewValue: Sendable>(
        concurrency: Int = 16,
        order: AsyncOrder<Key> = .perPartition,
        timeout: Duration = .seconds(5),
        retry: AsyncRetry = .none,
        clock: any Clock<Duration> = SystemTime.clock,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) async throws -> (NewKey, NewValue)
    ) -> KStream<NewKey, NewValue> {
        let result: KStream<NewKey, NewValue> = changed("mapAsync", name, keys: nil, values: nil, isRekeyed: true)
        calling(result, concurrency, order, timeout, retry, clock, transform)
        return result
    }

    /// Makes another value of each record by an asynchronous call; the key stays. Otherwise as `mapAsync`.
    public func mapValuesAsync<NewValue: Sendable>(
        concurrency: Int = 16,
        order: AsyncOrder<Key> = .perPartition,
        timeout: Duration = .seconds(5),
        retry: AsyncRetry = .none,
        clock: any Clock<Duration> = SystemTime.clock,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) async throws -> NewValue
    ) -> KStream<Key, NewValue> {
        let result: KStream<Key, NewValue> = changed(
            "mapValuesAsync",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        calling(result, concurrency, order, timeout, retry, clock) { key, value in
            (key, try await transform(key, value))
        }
        return result
    }

    private func calling<NewKey: Sendable, NewValue: Sendable>(
        _ result: KStream<NewKey, NewValue>,
        _ concurrency: Int,
        _ order: AsyncOrder<Key>,
        _ timeout: Duration,
        _ retry: AsyncRetry,
        _ clock: any Clock<Duration>,
        _ transform: @escaping @Sendable (Key, Value) async throws -> (NewKey, NewValue)
    ) {
        let name = result.name
        func report(_ problem: String) { assembly.graph.report(.invalidArgument(operator: name, problem: problem)) }
        if concurrency < 1 { report("concurrency must be 1 or more, not \(concurrency)") }
        if timeout <= .zero { report("timeout must be positive, not \(timeout)") }
        let call = AsyncCall<AsyncCalls<Key, Value, NewKey, NewValue>.Input, (NewKey, NewValue)>(
            limit: timeout,
            retry: retry,
            clock: clock
        ) { input in try await transform(input.key, input.value) }
        let target = result.port
        port.add { context in
            let calls = AsyncCalls(
                name: name,
                concurrency: max(1, concurrency),
                order: order,
                call: call,
                in: context,
                next: target.compose(context)
            )
            context.enlist(calls)
            return Out { key, value, timestamp in try calls.push(key, value, timestamp) }
        }
    }
}
