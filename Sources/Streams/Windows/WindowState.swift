import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's window store with a timestamp for each value, typed: bytes in a `WindowTable`, changes to the changelog,
/// updates downstream, at once or (with caching) at the flush.
///
/// An operator calls `begin` for each record and then names windows only. Owned by the task's thread. What the store holds
/// follows from its committed changelog (invariant 6), as with `KeyValueState`.
@usableFromInline
final class WindowState<Key, Value>: ExpiringStore {
    @usableFromInline typealias Target = Out<Windowed<Key>, Change<Value>>

    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let isCached: Bool
    @usableFromInline let windows: WindowTable
    @usableFromInline let sizeMs: Int64
    @usableFromInline let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    /// Whether updates tell the value before them.
    @usableFromInline let sendsOldValues: Bool
    /// Whether updates are passed on at all: windows that are passed on when they close are read at that time.
    @usableFromInline let sendsUpdates: Bool
    @usableFromInline let scratch = Scratch()
    /// Runs the serdes, and the function that changes a row: when one throws, the row stays as it was.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let failures: FailureHandling
    @usableFromInline let held: HeldUpdates
    @usableFromInline var flushing: FlushAction<WindowState<Key, Value>>?

    @usableFromInline
    init(
        _ store: DeclaredWindowStore<Key, Value>,
        in context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>
    ) {
        let definition = store.definition
        name = definition.name
        guarded = context.guarded(store.operatorName)
        failures = context.failures
        isLogged = definition.isLogged
        isCached = definition.isCached && context.cacheMaximumBytes > 0
        windows = WindowTable(
            retentionMs: store.retentionMs,
            showsEdge: store.emits == .onWindowClose,
            cacheBytesMax: isCached ? context.cacheMaximumBytes : nil
        )
        sizeMs = store.sizeMs
        changelog = context.changelog(of: definition)
        self.keys = keys
        self.values = values
        sendsOldValues = store.sendsOldValues
        sendsUpdates = store.emits == .onWindowUpdate
        held = HeldUpdates(of: windows.rows.bytes, record: context.record)
    }

    @usableFromInline var memoryBytes: Int { windows.rows.memoryBytes }
    @usableFromInline var timedRows: TimedRows { windows.rows }

    @inlinable
    func window(from startMs: Int64) -> Window {
        Window(startMs: startMs, endMs: startMs.addingSaturated(sizeMs))
    }

    // Writing

    /// Takes the key of a record; false if its serde writes it as null or not at all, and the record is left out.
    @inlinable
    func begin(_ key: Key) throws -> Bool {
        try guarded.attempt {
            scratch.key.pointee.removeAll()
            return try keys.write(key, &scratch.key.pointee)
        } == true
    }

    /// Writes the new value of a row of the record's key to `scratch`, and sees whether the changelog takes the two; false
    /// for none.
    @inlinable
    func encode(_ value: Value?) throws -> Bool {
        scratch.value.pointee.removeAll()
        guard let value, try values.write(value, &scratch.value.pointee) else { return false }
        try changelog?.check(
            keyCount: scratch.key.pointee.count &+ WindowTable.changelogSuffixCount,
            valueCount: scratch.value.pointee.count
        )
        return true
    }

    /// Reads the row of the record's key in a window, lets `change` make the new value (nil inside removes the row, nil
    /// leaves all as it is), stores it and passes the update on.
    ///
    /// - Parameter change: takes the value; an aggregation that begins leaves its initial value there, which the update tells
    ///   as the value before it.
    @inlinable
    func update(
        _ key: Key,
        from startMs: Int64,
        _ timestamp: Int64,
        to next: Target,
        _ change: (inout Value?) throws -> Value?
    ) throws {
        let rows = windows.rows.bytes
        let (entry, isNew) = windows.insertOrFind(scratch.key.pointee.bytes, startMs: startMs)
        // The store's retention is no shorter than a window takes records, so this one is complete and gone.
        if entry < 0 { return }
        var value: Value?
        var newTimestamp = timestamp
        var hasValue = false
        let made: Value??
        do {
            made = try guarded.attempt {
                value = nil
                if !isNew {
                    let bytes = rows.value(at: entry)
                    newTimestamp = max(timestamp, TimestampedValue.timestampMs(bytes) ?? timestamp)
                    value = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
                }
                let new = try change(&value)
                hasValue = try encode(new)
                return new
            }
        } catch {
            if isNew { windows.rows.remove(at: entry) }
            throw error
        }
        guard let new = made else {
            if isNew { windows.rows.remove(at: entry) }
            return
        }
        let update = Change(new: new, old: value)
        try write(key, at: entry, isNew: isNew, hasValue: hasValue, from: startMs, update, newTimestamp, to: next)
    }

    /// Stores a row's new value, which is in `scratch` if there is one, and passes the update on or holds it back.
    @inlinable
    func write(
        _ key: Key,
        at entry: Int,
        isNew: Bool,
        hasValue: Bool,
        from startMs: Int64,
        _ change: Change<Value>,
        _ timestamp: Int64,
        to next: Target
    ) throws {
        let valueWriter = scratch.value
        if hasValue {
            windows.rows.bytes.setTimestampedValue(at: entry, timestampMs: timestamp, valueWriter.pointee.bytes)
            if isNew { windows.rows.didAdd(entry, timeMs: startMs) }
        } else {
            windows.rows.observe(startMs)
            windows.rows.remove(at: entry)
        }
        if isCached {
            // What was not there and is not there now has nothing to be written down.
            guard hasValue || !isNew else { return }
            held.hold(entry, timestamp)
            if windows.rows.bytes.isOverCacheBound { try failures.passOn(heldBy: name) { try flush() } }
            return
        }
        try log(from: startMs, hasValue ? valueWriter.pointee.bytes : nil, timestamp)
        guard sendsUpdates else { return }
        let update = Change(new: hasValue ? change.new : nil, old: sendsOldValues ? change.old : nil)
        try next.push(Windowed(key: key, window: window(from: startMs)), update, timestamp)
    }

    /// Writes a row of the record's key to the changelog, laid out as Kafka's.
    @inlinable
    func log(from startMs: Int64, _ value: UnsafeRawBufferPointer?, _ timestamp: Int64) throws {
        guard let changelog else { return }
        let keyWriter = scratch.key
        let keyCount = keyWriter.pointee.count
        keyWriter.pointee.append(startMs)
        keyWriter.pointee.append(UInt32(0))
        try changelog.append(key: keyWriter.pointee.bytes, value: value, timestamp: timestamp)
        keyWriter.pointee.truncate(to: keyCount)
    }

    // Reading

    /// A row's value and timestamp.
    @inlinable
    func row(at entry: Int) throws -> (value: Value, timestampMs: Int64) {
        let bytes = windows.rows.bytes.value(at: entry)
        let value = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
        return (value, TimestampedValue.timestampMs(bytes) ?? -1)
    }

    /// Passes on the rows of windows that begin in a range of times, by start, then key.
    @inlinable
    func emit(fromMs: Int64, throughMs: Int64, to next: Target) throws {
        for entry in windows.starting(fromMs: fromMs, throughMs: throughMs) {
            let found = try guarded.attempt { (key: try keys.read(windows.rows.key(at: entry)), try row(at: entry)) }
            guard let (key, (value, timestampMs)) = found else { continue }
            let window = window(from: windows.startMs(at: entry))
            try next.push(Windowed(key: key, window: window), Change(new: value, old: nil), timestampMs)
        }
    }

    /// Looks rows up for an operator of the same task, which must not keep the lookup longer than the task has the store.
    @inlinable
    func lookup() -> RowLookup<Windowed<Key>, Value> {
        // Not a reference, as in `KeyValueState.lookup`.
        let store = Unmanaged.passUnretained(self)
        let scratch = Scratch()
        return RowLookup { windowed in
            let writer = scratch.key
            writer.pointee.removeAll()
            return try store._withUnsafeGuaranteedRef { store in
                guard try store.keys.write(windowed.key, &writer.pointee) else { return nil }
                let entry = withExtendedLifetime(scratch) {
                    store.windows.find(writer.pointee.bytes, startMs: windowed.window.startMs)
                }
                return entry < 0 ? nil : try store.row(at: entry)
            }
        }
    }

    // Restore and flush

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        guard let value else { return windows.load(changelogKey: key, nil) }
        let writer = scratch.value
        writer.pointee.removeAll()
        writer.pointee.append(timestamp)
        writer.pointee.append(value)
        windows.load(changelogKey: key, writer.pointee.bytes)
    }

    /// Says where what a cache holds back goes at a flush.
    @inlinable
    func flush(to next: Target) {
        guard isCached else { return }
        flushing = FlushAction { store in try store.flushRows(to: next) }
    }

    @usableFromInline
    func flush() throws {
        guard isCached else { return }
        try flushing?.run(self)
    }

    @inlinable
    func flushRows(to next: Target) throws {
        // The key of a record under way is needed again after the flush.
        let logKey = Scratch()
        try windows.rows.flush { (dirty) throws in
            let timestamp = dirty.context.timestampMs
            let newBytes = dirty.newValue.map { UnsafeRawBufferPointer(rebasing: $0[TimestampedValue.headCount...]) }
            logKey.key.pointee.removeAll()
            windows.appendChangelogKey(of: dirty.key, to: &logKey.key.pointee)
            try changelog?.append(key: logKey.key.pointee.bytes, value: newBytes, timestamp: timestamp)
            let update = try guarded.attempt { () throws -> (key: Key, change: Change<Value>) in
                var change = Change(new: try newBytes.map(values.read), old: nil)
                if sendsOldValues, let old = dirty.oldValue {
                    change.old = try values.read(UnsafeRawBufferPointer(rebasing: old[TimestampedValue.headCount...]))
                }
                return (try keys.read(windows.rows.key(at: dirty.entry)), change)
            }
            guard let update else { return held.drop(dirty.entry) }
            let windowed = Windowed(key: update.key, window: window(from: windows.startMs(at: dirty.entry)))
            try held.release(dirty.entry) { try next.push(windowed, update.change, timestamp) }
        }
    }
}
