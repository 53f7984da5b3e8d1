import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The starts of the tumbling or hopping windows that a timestamp lies in, from the earliest on; of unlimited windows,
/// the one.
@usableFromInline
struct WindowStarts: Sendable {
    @usableFromInline let sizeMs: Int64
    @usableFromInline let advanceMs: Int64
    @usableFromInline let firstMs: Int64

    /// Sliding windows have no starts of their own.
    @usableFromInline
    init?(_ windows: TimeWindows) {
        switch windows.kind {
        case .aligned(let sizeMs, let advanceMs):
            self.sizeMs = sizeMs
            // What is wrong with a window is reported when the topology is built; here it must only not divide by zero.
            self.advanceMs = max(1, advanceMs)
            firstMs = 0
        case .unlimited(let startMs):
            sizeMs = Int64.max
            advanceMs = Int64.max
            firstMs = startMs
        case .sliding:
            return nil
        }
    }

    /// Whether a timestamp lies in more than one window.
    @inlinable var overlap: Bool { advanceMs < sizeMs }

    @inlinable
    func forEach(at timestamp: Int64, _ visit: (_ startMs: Int64, _ endMs: Int64) throws -> Void) rethrows {
        if timestamp < firstMs { return }
        if advanceMs == Int64.max { return try visit(firstMs, Int64.max) }
        // Windows begin at multiples of the advance from 0 on; the first that is not over yet.
        var startMs = max(0, timestamp &- sizeMs &+ advanceMs) / advanceMs &* advanceMs
        while startMs <= timestamp {
            try visit(startMs, startMs.addingSaturated(sizeMs))
            startMs = startMs.addingSaturated(advanceMs)
            if startMs == Int64.max { return }
        }
    }
}

extension WindowedAggregation {
    /// Lets the records of a stream into their windows.
    @inlinable
    func attach<Value>(
        _ input: KStream<Key, Value>,
        to windows: TimeWindows,
        registers: String,
        late: Port<Key, Value>?,
        _ folding: Folding<Key, Value, Aggregate>
    ) {
        if let starts = WindowStarts(windows) {
            attachAligned(input, to: starts, of: windows, registers: registers, late: late, folding)
        } else {
            attachSliding(input, to: windows, registers: registers, late: late, folding)
        }
    }

    /// Lets the records of a stream into their tumbling, hopping or unlimited windows.
    @inlinable
    func attachAligned<Value>(
        _ input: KStream<Key, Value>,
        to starts: WindowStarts,
        of windows: TimeWindows,
        registers: String,
        late: Port<Key, Value>?,
        _ folding: Folding<Key, Value, Aggregate>
    ) {
        let name = assembly.name(of: node)
        let target = table.port
        let (store, keys, values) = (store, keys, values)
        input.port.add { context in
            let next = target.compose(context)
            let late = LateRecords(late, in: context)
            let rows = store.windows(in: context, keys: keys, values: values)
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
            let streamTime = clock.streamTime
            let graceMs = windows.graceMs
            if starts.overlap {
                let updates = WindowUpdates(of: rows)
                let guarded = context.guarded(name)
                return Out { key, value, timestamp in
                    guard try rows.begin(key) else { return }
                    streamTime.raise(to: timestamp)
                    let closedMs = streamTime.value &- graceMs
                    var isLate = false
                    let done: Void? = try guarded.attempt {
                        isLate = false
                        updates.begin()
                        try starts.forEach(at: timestamp) { startMs, endMs in
                            guard endMs > closedMs else {
                                isLate = true
                                return
                            }
                            try updates.plan(from: startMs, timestamp) { try folding.apply(key, value, &$0) }
                        }
                    }
                    if done != nil {
                        if isLate, updates.updates.isEmpty { try late.take(key, value, timestamp) }
                        try updates.store(key, to: next)
                    }
                    if emitsOnClose { try clock.check() }
                }
            }
            return Out { key, value, timestamp in
                guard try rows.begin(key) else { return }
                streamTime.raise(to: timestamp)
                let closedMs = streamTime.value &- graceMs
                try starts.forEach(at: timestamp) { startMs, endMs in
                    guard endMs > closedMs else { return try late.take(key, value, timestamp) }
                    try rows.update(key, from: startMs, timestamp, to: next) { try folding.apply(key, value, &$0) }
                }
                if emitsOnClose { try clock.check() }
            }
        }
    }
}

extension WindowState {
    /// What passes windows on when they close.
    @inlinable
    func emission(to next: Target) -> WindowClock.Emission {
        // The task's context owns the store for as long as its operators run.
        WindowClock.Emission(
            run: { [unowned self] fromMs, throughMs in try emit(fromMs: fromMs, throughMs: throughMs, to: next) },
            hold: { [unowned self] fromMs in windows.rows.hold(from: fromMs) }
        )
    }
}
