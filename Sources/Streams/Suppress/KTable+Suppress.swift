import MillraceStreamsRuntime
import MillraceTopology

extension KTable {
    /// Holds updates back for a time, so that of several updates of a row only the last is passed on. What Kafka Streams
    /// calls `suppress(untilTimeLimit(…))`.
    ///
    ///     table.suppress(until: .timeLimit(.seconds(10)), buffer: .bounded(maxRecords: 1_000, whenFull: .emitEarly))
    ///
    /// Time is that of the updates: a table that gets no updates lets nothing go.
    ///
    /// - Parameters:
    ///   - limit: how long.
    ///   - buffer: how much may be held back.
    ///   - store: the store of what is held back; caching and retention do not matter to it.
    ///   - name: the operator's name.
    @inlinable
    public func suppress(
        until limit: TimeLimit,
        buffer: SuppressionBuffer = .unbounded,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KTable<Key, Value> {
        let problem = limit.limitMs < 0 ? "the time limit must not be negative" : buffer.problem
        return suppressed(
            by: Suppressing(
                delayMs: limit.limitMs,
                dropsDeletions: false,
                buffer: buffer,
                dueMs: { _, timestamp in timestamp }
            ),
            problem: problem,
            store: store,
            named: name
        )
    }

    /// Holds results of windows back until they are final: one result a window, after its end and its grace. A window that
    /// is removed before leaves no trace. What Kafka Streams calls `suppress(untilWindowCloses(…))`.
    ///
    ///     counts.suppress(until: .windowCloses)
    ///
    /// - Parameters:
    ///   - close: `.windowCloses`.
    ///   - buffer: how much may be held back; results are not let go early.
    ///   - store: the store of what is held back; caching and retention do not matter to it.
    ///   - name: the operator's name.
    @inlinable
    public func suppress<WindowKey>(
        until close: WindowClose,
        buffer: SuppressionBuffer = .unbounded,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KTable<Key, Value> where Key == Windowed<WindowKey> {
        let delayMs = assembly.windowCloseDelay(upstreamOf: node)
        var problem = buffer.problem
        if buffer.whenFull == .emitEarly {
            problem = "results that are let go early are not final: let it shut down when its buffer is full"
        }
        if delayMs == nil {
            problem = "its table does not come from a windowed aggregation, so no window of it ever closes"
        }
        return suppressed(
            by: Suppressing(
                delayMs: delayMs ?? 0,
                dropsDeletions: true,
                buffer: buffer,
                dueMs: { key, _ in key.window.endMs }
            ),
            problem: problem,
            store: store,
            named: name
        )
    }

    @inlinable
    func suppressed(
        by suppressing: Suppressing<Key>,
        problem: String?,
        store options: StoreOptions,
        named name: String?
    ) -> KTable<Key, Value> {
        let id = assembly.add("suppress", named: name, after: [node])
        let operatorName = assembly.name(of: id)
        if let problem { assembly.graph.report(.invalidSuppression(operator: operatorName, problem: problem)) }
        let keys = assembly.require(keys, "keys", for: id)
        let values = assembly.require(values, "values", for: id)
        var options = options
        options.isCached = false
        let definition = assembly.addStore(
            options,
            format: StoreFormat(.keyValue, keys: keys.format, values: "suppressed(\(values.format))"),
            usedBy: id
        )
        let state: @Sendable (TaskContext) -> SuppressionState<Key, Value> = { context in
            context.store(named: definition.name) {
                SuppressionState(definition, of: operatorName, in: context, keys: keys, values: values)
            }
        }
        let parent = backing
        let table = KTable<Key, Value>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: values,
            backing: TableBacking(
                canSendOldValues: { isForced in parent.requestOldValues(isForced: isForced) },
                makeRows: {
                    // What a row was before it was held back is told by the updates.
                    parent.requestOldValues(isForced: true)
                    let rows = parent.rows()
                    return TableRows(stores: [definition.name] + rows.stores) { context in
                        rows.compose(context).suppressed(by: state(context))
                    }
                }
            ),
            queryableStoreName: nil
        )
        let target = table.port
        port.add { context in
            let next = target.compose(context)
            let held = state(context)
            let release = SuppressionRelease(operatorName, suppressing, in: context, held: held, to: next)
            context.enlist(release)
            let streamTime = release.streamTime
            return Out { key, change, timestamp in
                // An update of a versioned table that came out of order is no update of the row.
                guard change.isLatest else { return }
                streamTime.raise(to: timestamp)
                try held.hold(key, change, timestamp, dueMs: suppressing.dueMs(key, timestamp))
                try release.run()
            }
        }
        return table
    }
}

/// What a suppression holds back, and for how long.
@usableFromInline
struct Suppressing<Key>: Sendable {
    /// How long after it is due an update is passed on, in stream time.
    @usableFromInline let delayMs: Int64
    /// Whether rows that are gone when they are due leave without a trace.
    @usableFromInline let dropsDeletions: Bool
    @usableFromInline let buffer: SuppressionBuffer
    /// Takes a key and a timestamp.
    @usableFromInline let dueMs: @Sendable (Key, Int64) -> Int64

    @usableFromInline
    init(
        delayMs: Int64,
        dropsDeletions: Bool,
        buffer: SuppressionBuffer,
        dueMs: @escaping @Sendable (Key, Int64) -> Int64
    ) {
        self.delayMs = delayMs
        self.dropsDeletions = dropsDeletions
        self.buffer = buffer
        self.dueMs = dueMs
    }
}

/// Lets go in one task what a suppression has held back for long enough, or has no room for. Its stream time, the greatest
/// timestamp of the updates, is kept in a register and survives restarts.
///
/// Owned by the task's thread.
@usableFromInline
final class SuppressionRelease<Key, Value>: StreamTimeParticipant {
    @usableFromInline let name: String
    @usableFromInline let streamTime: TaskRegister
    @usableFromInline let suppressing: Suppressing<Key>
    @usableFromInline let held: SuppressionState<Key, Value>
    @usableFromInline let next: Out<Key, Change<Value>>
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    @usableFromInline let failures: FailureHandling

    @usableFromInline
    init(
        _ name: String,
        _ suppressing: Suppressing<Key>,
        in context: TaskContext,
        held: SuppressionState<Key, Value>,
        to next: Out<Key, Change<Value>>
    ) {
        self.name = name
        self.suppressing = suppressing
        self.held = held
        self.next = next
        // Named after the store, as what outlives the program is.
        streamTime = context.register(named: "\(held.name).time", initial: -1)
        record = context.record
        failures = context.failures
    }

    @usableFromInline
    package func advance(streamTimeMs: Int64) throws {
        streamTime.raise(to: streamTimeMs)
        try run()
    }

    /// Passes on what is due, then what there is no room for.
    @inlinable
    func run() throws {
        let dueMs = streamTime.value.subtractingSaturated(suppressing.delayMs)
        while let first = held.firstDueMs, first <= dueMs { try failures.passOn(heldBy: name) { try passOnFirst() } }
        while isOverBound {
            guard suppressing.buffer.whenFull == .emitEarly else {
                throw SuppressionBufferFull(operatorName: name, records: held.count, bytes: held.byteCount)
            }
            try failures.passOn(heldBy: name) { try passOnFirst() }
        }
    }

    @inlinable var isOverBound: Bool {
        held.count > suppressing.buffer.maxRecords ?? Int.max || held.byteCount > suppressing.buffer.maxBytes ?? Int.max
    }

    /// Passes on one update with the headers of its record; the record under way keeps its own.
    @inlinable
    func passOnFirst() throws {
        guard let due = try held.takeFirst() else { return }
        if suppressing.dropsDeletions, due.change.new == nil { return }
        let headers = record.pointee.headers
        defer { record.pointee.headers = headers }
        try due.headers.withUnsafeBytes { bytes in
            record.pointee.headers = bytes
            try next.push(due.key, due.change, due.timestampMs)
        }
    }
}

extension RowLookup {
    /// The rows as those see them who come after a suppression: of what is held back, the value before.
    @inlinable
    func suppressed(by held: SuppressionState<Key, Value>) -> RowLookup<Key, Value> {
        let latest = latest
        let scratch = Scratch()
        // Not a reference, as in `KeyValueState.lookup`.
        let held = Unmanaged.passUnretained(held)
        return RowLookup { key in
            guard let prior = try held._withUnsafeGuaranteedRef({ try $0.prior(of: key, scratch) }) else {
                return try latest(key)
            }
            // The buffer does not know when the value before was written.
            return prior.map { ($0, -1) }
        }
    }
}
