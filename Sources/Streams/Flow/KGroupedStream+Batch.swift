import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KGroupedStream {
    /// Gathers the values of each key, and passes them on together when there are so many of them, or when the first of
    /// them has waited for so long.
    ///
    ///     readings.groupByKey().batch(count: 100, within: .seconds(5))
    ///
    /// What waits is kept in a store, a row for each value, and survives restarts, as does the time up to which it waits.
    /// Records whose key or value is nil are left out.
    ///
    /// - Parameters:
    ///   - count: how many values make a batch, 1 or more.
    ///   - within: how long the first value of a batch waits at most, a millisecond or more.
    ///   - kind: the clock that the wait goes by. By the wall clock a batch comes when nothing else does, and where it ends
    ///     may differ when records are processed again after a crash; by stream time the same records give the same
    ///     batches.
    ///   - store: the store of the values that wait; their times are in a second one, whose name has `-timers` after it.
    ///   - name: the operator's name.
    /// - Returns: batches, each with the timestamp of its last value, or if it waited long enough with the time then.
    public func batch(
        count: Int,
        within: Duration,
        by kind: TimeKind = .wallClock,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KStream<Key, [Value]> {
        let source = grouped()
        let assembly = source.assembly
        let stores = OperatorStores(store, of: "batch", named: name, after: source)
        let keys = requiredKeys
        let values = assembly.require(source.values, "values", for: source.node)
        let waiting = stores.first { Stores.waitingValues($0, keys: keys, values: values, store, renamedFrom: $1) }
        let timers = stores.further("timers") { storeName, formerName in
            Stores.timers(
                storeName,
                keys: keys,
                isLogged: store.isLogged,
                changelogConfiguration: store.changelogConfiguration,
                renamedFrom: formerName
            )
        }
        let withinMs = max(1, within.wholeMilliseconds)
        let isAbsent = (key: Absence.check(Key.self), value: Absence.check(Value.self))
        let result: KStream<Key, [Value]> = source.worked(
            "batch",
            named: name,
            stores: waiting,
            timers,
            by: { context, waiting, timers in
                Batching(
                    count: count,
                    withinMs: withinMs,
                    kind: kind,
                    isAbsent: { isAbsent.key.test($0) || isAbsent.value.test($1) },
                    context: context,
                    waiting: waiting,
                    timers: timers
                )
            }
        )
        assembly.graph.deriveNames(after: result.node, ofStore: stores.name)
        func report(_ problem: String) {
            assembly.graph.report(.invalidArgument(operator: result.name, problem: problem))
        }
        if count < 1 { report("a batch needs a count of 1 or more, not \(count)") }
        if within < .milliseconds(1) { report("within must be a millisecond or more, not \(within)") }
        result.check(stores, without: .historyRetention, .timeToLive, .retention)
        return result
    }
}

/// Gathers values in one task.
struct Batching<Key, Value>: FixedKeyProcessor {
    let count: Int
    let withinMs: Int64
    let kind: TimeKind
    let isAbsent: (Key, Value) -> Bool
    let context: FixedKeyProcessorContext<Key, [Value]>
    let waiting: WaitingValues<Key, Value>
    let timers: KeyTimers<Key>

    func start() {
        timers.onTimer { timer in
            let values = try waiting.take(timer.key)
            if !values.isEmpty { try context.forward(timer.record(value: values)) }
        }
    }

    func process(_ record: FixedKeyRecord<Key, Value>) throws {
        if isAbsent(record.key, record.value) { return }
        let before = try waiting.count(of: record.key)
        guard before + 1 >= count else {
            try waiting.add(record.key, record.value, after: before)
            if before == 0 {
                let nowMs = kind == .wallClock ? context.wallClockMs : record.timestampMs
                try timers.set(record.key, at: nowMs.addingSaturated(withinMs), kind)
            }
            return
        }
        let values = try waiting.take(record.key) + [record.value]
        try timers.cancel(record.key, kind)
        try context.forward(record.withValue(values))
    }
}
