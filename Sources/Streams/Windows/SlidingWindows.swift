import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

extension WindowedAggregation {
    /// Lets the records of a stream into sliding windows of a length.
    @inlinable
    func attachSliding<Value>(
        _ input: KStream<Key, Value>,
        to windows: TimeWindows,
        registers: String,
        late: Port<Key, Value>?,
        _ folding: Folding<Key, Value, Aggregate>
    ) {
        let name = assembly.name(of: node)
        let target = table.port
        let (store, keys, values) = (store, keys, values)
        let isAbsent = Absence.check(Value.self)
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
            let (graceMs, differenceMs) = (windows.graceMs, windows.sizeMs)
            let guarded = context.guarded(name)
            let updates = WindowUpdates(of: rows)
            return Out { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(value) { return }
                guard timestamp >= 0, try rows.begin(key) else { return }
                streamTime.raise(to: timestamp)
                let closedMs = streamTime.value &- graceMs
                if timestamp.addingSaturated(differenceMs) < closedMs {
                    return try late.take(key, value, timestamp)
                }
                let sliding = SlidingUpdate(updates, timestamp, differenceMs, closedMs) {
                    try folding.apply(key, value, &$0)
                }
                let isEarly = timestamp < differenceMs
                let done: Void? = try guarded.attempt {
                    updates.begin()
                    if isEarly { try sliding.runEarly() } else { try sliding.run() }
                }
                if done != nil { try updates.store(key, to: next) }
                if emitsOnClose, !isEarly { try clock.check() }
            }
        }
    }
}

/// One record on its way into sliding windows.
///
/// A record at `t` belongs to every window that begins between `t - difference` and `t`. There are windows that end at
/// each record (its *left* window) and windows that begin right after each record (its *right* one), as far as they are
/// not empty. So a record may bring three new ones: its left window, the right window of the record before it, and its
/// own right window, which others have filled already.
///
/// Windows cannot begin before 0: all records before `difference` share the window from 0 on.
@usableFromInline
struct SlidingUpdate<Key, Aggregate> {
    @usableFromInline let updates: WindowUpdates<Key, Aggregate>
    @usableFromInline let timestamp: Int64
    @usableFromInline let differenceMs: Int64
    @usableFromInline let closedMs: Int64
    @usableFromInline let change: (inout Aggregate?) throws -> Aggregate?

    @inlinable var rows: WindowState<Key, Aggregate> { updates.rows }

    /// What the windows that are there tell about the records around this one.
    @usableFromInline
    struct Neighbours {
        /// The time of the last record before this one, as far as it matters.
        @usableFromInline var previousMs: Int64?
        /// The aggregate of the records that are in the left window already.
        @usableFromInline var left: Aggregate?
        /// The aggregate of the records after this one that its right window has, with the time of the last of them.
        @usableFromInline var right: (value: Aggregate, timestampMs: Int64)?
        @usableFromInline var hasLeft = false
        @usableFromInline var hasRight = false
        /// Whether there is a window right after `previousMs`.
        @usableFromInline var startsMs: [Int64] = []

        @inlinable
        init() {}
    }

    @inlinable
    init(
        _ updates: WindowUpdates<Key, Aggregate>,
        _ timestamp: Int64,
        _ differenceMs: Int64,
        _ closedMs: Int64,
        _ change: @escaping (inout Aggregate?) throws -> Aggregate?
    ) {
        self.updates = updates
        self.timestamp = timestamp
        self.differenceMs = differenceMs
        self.closedMs = closedMs
        self.change = change
    }

    /// A record whose left window begins at 0 or later.
    @inlinable
    func run() throws {
        var found = Neighbours()
        // From the latest window on: once one ends before the record, none before it matters.
        for entry in fetch(fromMs: timestamp - differenceMs - differenceMs, descending: true) {
            let startMs = rows.windows.startMs(at: entry)
            let endMs = startMs.addingSaturated(differenceMs)
            found.startsMs.append(startMs)
            if startMs > timestamp {
                found.hasRight = true
                continue
            }
            let row = try rows.row(at: entry)
            if endMs < timestamp {
                found.previousMs = row.timestampMs
                found.left = row.value
                break
            }
            if endMs == timestamp {
                found.hasLeft = true
                if row.timestampMs < timestamp { found.previousMs = row.timestampMs }
            } else if found.right == nil {
                found.right = row
            }
            try update(from: startMs)
        }
        try addWindowAfterPrevious(found)
        if !found.hasLeft {
            let leftStartMs = timestamp - differenceMs
            let isShared = found.previousMs.map { $0 >= leftStartMs } ?? false
            try update(from: leftStartMs, seed: isShared ? found.left : nil)
        }
        try addRightWindow(found)
    }

    /// A record whose left window would begin before 0: it goes to the window from 0 on.
    @inlinable
    func runEarly() throws {
        var found = Neighbours()
        var shared: (value: Aggregate, timestampMs: Int64)?
        for entry in fetch(fromMs: 0, descending: false) {
            let startMs = rows.windows.startMs(at: entry)
            found.startsMs.append(startMs)
            if startMs > timestamp {
                found.hasRight = true
            } else if startMs == 0 {
                let row = try rows.row(at: entry)
                shared = row
                if row.timestampMs < timestamp { found.previousMs = row.timestampMs }
            } else {
                found.right = try rows.row(at: entry)
                try update(from: startMs)
            }
        }
        // Without a window in between, all that the shared one has after this record is in its right window.
        if found.right == nil, let shared, shared.timestampMs > timestamp { found.right = shared }
        try addRightWindow(found)
        try addWindowAfterPrevious(found)
        try update(from: 0)
    }

    /// The windows of the key that begin up to right after the record.
    @inlinable
    func fetch(fromMs: Int64, descending: Bool) -> EntrySnapshot {
        rows.windows.fetch(
            rows.scratch.key.pointee.bytes,
            fromMs: max(0, fromMs),
            throughMs: timestamp.addingSaturated(1),
            descending: descending
        )
    }

    @inlinable
    func addWindowAfterPrevious(_ found: Neighbours) throws {
        guard let previousMs = found.previousMs else { return }
        let startMs = previousMs + 1
        if found.startsMs.contains(startMs) || startMs.addingSaturated(differenceMs) < timestamp { return }
        try update(from: startMs)
    }

    @inlinable
    func addRightWindow(_ found: Neighbours) throws {
        guard !found.hasRight, let right = found.right, right.timestampMs > timestamp else { return }
        try updates.plan(from: timestamp + 1, known: right.value, right.timestampMs)
    }

    /// Lets the record into a window, if that takes records still.
    @inlinable
    func update(from startMs: Int64, seed: Aggregate? = nil) throws {
        guard startMs.addingSaturated(differenceMs) >= closedMs else { return }
        try updates.plan(from: startMs, timestamp, seed: seed, change)
    }
}
