import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

extension WindowedAggregation {
    /// Lets the records of a stream into their sessions.
    ///
    /// - Parameter merge: takes a key and the aggregates of two sessions and gives that of both together; the first may be
    ///   the initial aggregate.
    @inlinable
    func attach<Value>(
        _ input: KStream<Key, Value>,
        to windows: SessionWindows,
        registers: String,
        late: Port<Key, Value>?,
        _ folding: Folding<Key, Value, Aggregate>,
        merge: @escaping @Sendable (Key, Aggregate, Aggregate) throws -> Aggregate
    ) {
        let name = assembly.name(of: node)
        let target = table.port
        let (store, keys, values) = (store, keys, values)
        input.port.add { context in
            let next = target.compose(context)
            let late = LateRecords(late, in: context)
            let rows = store.sessions(in: context, keys: keys, values: values)
            rows.flush(to: next)
            let clock = WindowClock(
                name,
                registers: registers,
                in: context,
                completeAfterMs: windows.completeAfterMs
            )
            let emitsOnClose = !rows.sendsUpdates
            if emitsOnClose { clock.emit(rows.emission(to: next), in: context) }
            context.enlist(clock)
            let guarded = context.guarded(name)
            let streamTime = clock.streamTime
            let closeDelayMs = windows.retentionMinimumMs
            let gapMs = windows.gapMs
            return Out { key, value, timestamp in
                guard timestamp >= 0, try rows.begin(key) else { return }
                streamTime.raise(to: timestamp)
                guard let touched = try rows.touched(at: timestamp, gapMs: gapMs) else { return }
                var window = Window(startMs: timestamp, endMs: timestamp)
                for session in touched {
                    window.startMs = min(window.startMs, session.window.startMs)
                    window.endMs = max(window.endMs, session.window.endMs)
                }
                if window.endMs < streamTime.value.subtractingSaturated(closeDelayMs) {
                    try late.take(key, value, timestamp)
                } else {
                    // All that may fail first: when something throws, the sessions stay as they are.
                    let made = try guarded.attempt { () throws -> (aggregate: Aggregate?, hasValue: Bool) in
                        var aggregate = try folding.initial()
                        for session in touched {
                            aggregate = try aggregate.map { try merge(key, $0, session.value) } ?? session.value
                        }
                        let folded = try folding.fold(key, value, aggregate)
                        return (folded, try rows.encode(folded))
                    }
                    if let made {
                        if window != Window(startMs: timestamp, endMs: timestamp) {
                            for session in touched { try rows.remove(key, session, to: next) }
                        }
                        try rows.put(key, window, made.aggregate, hasValue: made.hasValue, to: next)
                    }
                }
                if emitsOnClose { try clock.check() }
            }
        }
    }
}

extension SessionState {
    /// What passes sessions on when they close.
    @inlinable
    func emission(to next: Target) -> WindowClock.Emission {
        // The task's context owns the store for as long as its operators run.
        WindowClock.Emission(
            run: { [unowned self] fromMs, throughMs in try emit(fromMs: fromMs, throughMs: throughMs, to: next) },
            hold: { [unowned self] fromMs in sessions.rows.hold(from: fromMs) }
        )
    }
}
