import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's session store for processors, in bytes: the rows, and their way to the changelog. The typed store stands around
/// it. It is never cached: which rows there are depends on the times of all that were put.
///
/// Owned by the task's thread. A store's contents follow from its committed changelog (invariant 6); the greatest end
/// that was put, which what is visible is measured from, is a register of the task, as a deletion may have had it.
@usableFromInline
final class SessionRows: ExpiringStore, LifecycleParticipant {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    let sessions: SessionTable
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let changelog: ChangelogOutput?
    /// What `record` lies in, however long the user's code keeps the store.
    private let memory: TaskMemory
    private let observedEnd: TaskRegister

    init(_ definition: StoreDefinition, retentionMs: Int64, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        sessions = SessionTable(retentionMs: retentionMs)
        changelog = context.changelog(of: definition)
        record = context.record
        memory = context.memory
        observedEnd = context.register(named: "\(definition.name).observed", initial: -1)
    }

    @usableFromInline var memoryBytes: Int { sessions.rows.memoryBytes }
    @usableFromInline var timedRows: TimedRows { sessions.rows }

    @usableFromInline
    func start() { sessions.rows.observe(observedEnd.value) }

    @usableFromInline
    func stop() {}

    // Writing

    /// Sets the value of a session, or removes it.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, _ window: Window, _ value: UnsafeRawBufferPointer?) throws {
        guard window.startMs >= 0 else { throw StoreError.negativeTime(store: name, timeMs: window.startMs) }
        guard window.endMs >= window.startMs else { throw StoreError.invalidSession(store: name, window) }
        try changelog?.check(keyCount: key.count + SessionTable.suffixCount, valueCount: value?.count ?? 0)
        observedEnd.raise(to: window.endMs)
        sessions.rows.observe(window.endMs)
        let bytes = sessions.rows.bytes
        let entry: Int
        if let value {
            let found = sessions.insertOrFind(key, startMs: window.startMs, endMs: window.endMs)
            entry = found.entry
            if entry >= 0 {
                bytes.setValue(at: entry, value)
                if found.isNew { sessions.rows.didAdd(entry, timeMs: window.endMs) }
            }
        } else {
            entry = find(key, window)
        }
        // What comes after its retention is put nowhere, and what is not there is not removed.
        guard entry >= 0 else { return }
        try changelog?.append(key: bytes.key(at: entry), value: value, timestamp: record.pointee.timestamp)
        if value == nil { sessions.rows.remove(at: entry) }
    }

    // Reading

    /// The entry of a session; -1 if there is none.
    @usableFromInline
    func find(_ key: UnsafeRawBufferPointer, _ window: Window) -> Int {
        sessions.find(key, startMs: window.startMs, endMs: window.endMs)
    }

    @usableFromInline
    func key(at entry: Int) -> UnsafeRawBufferPointer { sessions.rows.key(at: entry) }

    @usableFromInline
    func value(at entry: Int) -> UnsafeRawBufferPointer { sessions.rows.bytes.value(at: entry) }

    @usableFromInline
    func window(at entry: Int) -> Window {
        Window(startMs: sessions.startMs(at: entry), endMs: sessions.endMs(at: entry))
    }

    /// The sessions of a key that reach into a range of times.
    @usableFromInline
    func scan(
        _ key: UnsafeRawBufferPointer,
        earliestEndMs: Int64,
        latestStartMs: Int64,
        descending: Bool
    ) -> RowScan {
        RowScan(
            sessions.findSessions(
                key,
                earliestEndMs: earliestEndMs,
                latestStartMs: latestStartMs,
                descending: descending
            )
        )
    }

    /// The sessions of some keys that reach into a range of times.
    @usableFromInline
    func scan(_ bounds: KeyBounds, earliestEndMs: Int64, latestStartMs: Int64, descending: Bool) -> RowScan {
        RowScan(
            sessions.fetchRange(fromKey: bounds.first, throughKey: bounds.last, descending: descending),
            isVisible: { [sessions] entry in
                sessions.endMs(at: entry) >= earliestEndMs && sessions.startMs(at: entry) <= latestStartMs
            }
        )
    }

    // As the task sees it

    @usableFromInline
    func flush() {}

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        sessions.load(changelogKey: key, value)
    }
}

extension SessionRows: InspectableWindowStore {
    @usableFromInline
    func forEachRow(_ visit: (InspectedWindow) throws -> Void) throws {
        for entry in sessions.all() {
            let window = window(at: entry)
            try visit(
                InspectedWindow(
                    key: key(at: entry),
                    startMs: window.startMs,
                    endMs: window.endMs,
                    value: value(at: entry),
                    timestampMs: nil
                )
            )
        }
    }
}
