import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KGroupedStream {
    /// Gathers the values of each key, and passes them on together when there are so many of them, or when the first of
    /// them has waited for so long.
    ///
    ///     readings.groupByKey().batch(count: 100, within: .seconds(5))
    ///
    /// What waits is kept in a store, and survives restarts, as does the time up to which it waits. Records whose key or
    /// value is nil are left out.
    ///
    /// - Parameters:
    ///   - count: how many values make a batch, 1 or more.
    ///   - within: how long the first value of a batch waits at most, a millisecond or more.
    ///   - kind: the clock that the wait goes by. By the wall clock a batch comes when nothing else does, and where it ends
    ///     may differ when records are processed again after a crash; by stream time the same records give the same
    ///     batches.
    ///   - store: the store of the values that wait; their times are in a second one, `<operator>-timers`.
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
        let name = name ?? assembly.graph.unusedName("\(source.name)-batch")
        func report(_ problem: String) { assembly.graph.report(.invalidArgument(operator: name, problem: problem)) }
        if count < 1 { report("a batch needs a count of 1 or more, not \(count)") }
        if within < .milliseconds(1) { report("within must be a millisecond or more, not \(within)") }
        let withinMs = max(1, within.wholeMilliseconds)
        let keys = requiredKeys
        let waiting = Stores.keyValue(
            store.name ?? "\(name)-waiting",
            keys: keys,
            values: .list(of: assembly.require(source.values, "values", for: source.node)),
            isLogged: store.isLogged,
            isCached: store.isCached,
            changelogConfiguration: store.changelogConfiguration
        )
        let timers = Stores.timers("\(name)-timers", keys: keys, isLogged: store.isLogged)
        let isAbsent = (key: Absence.check(Key.self), value: Absence.check(Value.self))
        return source.processValues(stores: waiting, timers, named: name) { context, waiting, timers in
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
    }
}

/// Gathers values in one task.
struct Batching<Key, Value>: FixedKeyProcessor {
    let count: Int
    let withinMs: Int64
    let kind: TimeKind
    let isAbsent: (Key, Value) -> Bool
    let context: FixedKeyProcessorContext<Key, [Value]>
    let waiting: KeyValueStore<Key, [Value]>
    let timers: KeyTimers<Key>

    func start() {
        timers.onTimer { timer in
            guard let values = try waiting.delete(timer.key), !values.isEmpty else { return }
            try context.forward(timer.record(value: values))
        }
    }

    func process(_ record: FixedKeyRecord<Key, Value>) throws {
        if isAbsent(record.key, record.value) { return }
        let values = (try waiting.get(record.key) ?? []) + [record.value]
        guard values.count >= count else {
            try waiting.put(record.key, values)
            if values.count == 1 {
                let nowMs = kind == .wallClock ? context.wallClockMs : record.timestampMs
                try timers.set(record.key, at: nowMs + withinMs, kind)
            }
            return
        }
        try waiting.delete(record.key)
        try timers.cancel(record.key, kind)
        try context.forward(record.withValue(values))
    }
}
