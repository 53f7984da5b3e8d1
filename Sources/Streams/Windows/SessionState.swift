import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's session store, typed: bytes in a `SessionTable`, changes to the changelog, updates downstream, at once or
/// (with caching) at the flush. A session's timestamp is its end.
///
/// Owned by the task's thread. What the store holds follows from its committed changelog (invariant 6).
@usableFromInline
final class SessionState<Key, Value>: ExpiringStore {
    @usableFromInline typealias Target = Out<Windowed<Key>, Change<Value>>

    /// A session that a record touches.
    @usableFromInline
    struct Touched {
        @usableFromInline let entry: Int
        @usableFromInline let window: Window
        @usableFromInline let value: Value

        @usableFromInline
        init(entry: Int, window: Window, value: Value) {
            self.entry = entry
            self.window = window
            self.value = value
        }
    }

    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let isCached: Bool
    @usableFromInline let sessions: SessionTable
    @usableFromInline let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    /// Whether updates tell the value before them.
    @usableFromInline let sendsOldValues: Bool
    /// Whether updates are passed on at all: sessions that are passed on when they close are read at that time.
    @usableFromInline let sendsUpdates: Bool
    @usableFromInline let scratch = Scratch()
    /// Runs the serdes, and the functions that change a session: when one throws, the sessions stay as they were.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let failures: FailureHandling
    @usableFromInline let held: HeldUpdates
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    @usableFromInline var flushing: FlushAction<SessionState<Key, Value>>?

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
        sessions = SessionTable(
            retentionMs: store.retentionMs,
            showsEdge: store.emits == .onWindowClose,
            cacheBytesMax: isCached ? context.cacheMaximumBytes : nil
        )
        changelog = context.changelog(of: definition)
        self.keys = keys
        self.values = values
        sendsOldValues = store.sendsOldValues
        sendsUpdates = store.emits == .onWindowUpdate
        record = context.record
        held = HeldUpdates(of: sessions.rows.bytes, record: context.record)
    }

    @usableFromInline var memoryBytes: Int { sessions.rows.memoryBytes }
    @usableFromInline var timedRows: TimedRows { sessions.rows }

    @inlinable
    func window(at entry: Int) -> Window {
        Window(startMs: sessions.startMs(at: entry), endMs: sessions.endMs(at: entry))
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

    /// The sessions of the record's key that a record touches, by end, then start; nil if the record is left out because
    /// one cannot be read.
    @inlinable
    func touched(at timestamp: Int64, gapMs: Int64) throws -> [Touched]? {
        let entries = sessions.findSessions(
            scratch.key.pointee.bytes,
            earliestEndMs: timestamp.subtractingSaturated(gapMs),
            latestStartMs: timestamp.addingSaturated(gapMs)
        )
        return try guarded.attempt {
            try entries.map { entry in
                let value = try values.read(sessions.rows.bytes.value(at: entry))
                return Touched(entry: entry, window: window(at: entry), value: value)
            }
        }
    }

    /// Writes the new value of a session of the record's key to `scratch`, and sees whether the changelog takes the two;
    /// false for none.
    @inlinable
    func encode(_ value: Value?) throws -> Bool {
        scratch.value.pointee.removeAll()
        guard let value, try values.write(value, &scratch.value.pointee) else { return false }
        try changelog?.check(
            keyCount: scratch.key.pointee.count &+ SessionTable.suffixCount,
            valueCount: scratch.value.pointee.count
        )
        return true
    }

    /// Removes a session of the record's key that is merged into another, and passes that on.
    @inlinable
    func remove(_ key: Key, _ session: Touched, to next: Target) throws {
        sessions.rows.remove(at: session.entry)
        try didWrite(key, at: session.entry, session.window, Change(new: nil, old: session.value), nil, to: next)
    }

    /// Stores a session of the record's key, whose value was encoded, and passes it on; one without is removed.
    @inlinable
    func put(_ key: Key, _ window: Window, _ value: Value?, hasValue: Bool, to next: Target) throws {
        let valueWriter = scratch.value
        let (entry, isNew) = sessions.insertOrFind(
            scratch.key.pointee.bytes,
            startMs: window.startMs,
            endMs: window.endMs
        )
        // The store's retention is no shorter than a session takes records, so this one is complete and gone.
        if entry < 0 { return }
        if hasValue {
            sessions.rows.bytes.setValue(at: entry, valueWriter.pointee.bytes)
            if isNew { sessions.rows.didAdd(entry, timeMs: window.endMs) }
        } else {
            sessions.rows.observe(window.endMs)
            sessions.rows.remove(at: entry)
            if isCached && isNew { return }
        }
        let bytes = hasValue ? valueWriter.pointee.bytes : nil
        try didWrite(key, at: entry, window, Change(new: hasValue ? value : nil, old: nil), bytes, to: next)
    }

    @inlinable
    func didWrite(
        _ key: Key,
        at entry: Int,
        _ window: Window,
        _ change: Change<Value>,
        _ bytes: UnsafeRawBufferPointer?,
        to next: Target
    ) throws {
        if isCached {
            held.hold(entry, window.endMs)
            if sessions.rows.bytes.isOverCacheBound { try failures.passOn(heldBy: name) { try flush() } }
            return
        }
        if let changelog {
            let keyWriter = scratch.key
            let keyCount = keyWriter.pointee.count
            keyWriter.pointee.append(window.endMs)
            keyWriter.pointee.append(window.startMs)
            try changelog.append(key: keyWriter.pointee.bytes, value: bytes, timestamp: window.endMs)
            keyWriter.pointee.truncate(to: keyCount)
        }
        guard sendsUpdates else { return }
        let update = Change(new: change.new, old: sendsOldValues ? change.old : nil)
        // A session is the work of many records: its updates carry the headers of none.
        let headers = record.pointee.headers
        defer { record.pointee.headers = headers }
        record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
        try next.push(Windowed(key: key, window: window), update, window.endMs)
    }

    // Reading

    /// Passes on the sessions that end in a range of times, by end, then key.
    @inlinable
    func emit(fromMs: Int64, throughMs: Int64, to next: Target) throws {
        for entry in sessions.ending(fromMs: fromMs, throughMs: throughMs) {
            let found = try guarded.attempt {
                (
                    key: try keys.read(sessions.rows.key(at: entry)),
                    value: try values.read(sessions.rows.bytes.value(at: entry))
                )
            }
            guard let (key, value) = found else { continue }
            let window = window(at: entry)
            try next.push(Windowed(key: key, window: window), Change(new: value, old: nil), window.endMs)
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
            let window = windowed.window
            writer.pointee.removeAll()
            return try store._withUnsafeGuaranteedRef { store in
                guard try store.keys.write(windowed.key, &writer.pointee) else { return nil }
                let entry = withExtendedLifetime(scratch) {
                    store.sessions.find(writer.pointee.bytes, startMs: window.startMs, endMs: window.endMs)
                }
                if entry < 0 { return nil }
                return (try store.values.read(store.sessions.rows.bytes.value(at: entry)), window.endMs)
            }
        }
    }

    // Restore and flush

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        sessions.load(changelogKey: key, value)
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
        try sessions.rows.flush { (dirty) throws in
            try changelog?.append(key: dirty.key, value: dirty.newValue, timestamp: dirty.context.timestampMs)
            let window = window(at: dirty.entry)
            let update = try guarded.attempt { () throws -> (key: Key, change: Change<Value>) in
                let change = Change(
                    new: try dirty.newValue.map(values.read),
                    old: sendsOldValues ? try dirty.oldValue.map(values.read) : nil
                )
                return (try keys.read(sessions.rows.key(at: dirty.entry)), change)
            }
            guard let update else { return held.drop(dirty.entry) }
            try held.release(dirty.entry) {
                try next.push(Windowed(key: update.key, window: window), update.change, window.endMs)
            }
        }
    }
}
