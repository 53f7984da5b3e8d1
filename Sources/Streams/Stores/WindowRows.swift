import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's window store for processors, in bytes: the rows, and their way to the changelog. The typed store stands around
/// it. It is never cached: which rows there are depends on the times of all that were put.
///
/// Owned by the task's thread. A store's contents follow from its committed changelog (invariant 6); the greatest start
/// that was put, which what is visible is measured from, is a register of the task, as a deletion may have had it.
@usableFromInline
final class WindowRows: ExpiringStore, LifecycleParticipant {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    let windows: WindowTable
    private let sizeMs: Int64
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let changelog: ChangelogOutput?
    /// What `record` lies in, however long the user's code keeps the store.
    private let memory: TaskMemory
    private let observedStart: TaskRegister
    private var logKey = ByteWriter()

    init(
        _ definition: StoreDefinition,
        sizeMs: Int64,
        retentionMs: Int64,
        retainsDuplicates: Bool,
        in context: TaskContext
    ) {
        self.sizeMs = sizeMs
        name = definition.name
        isLogged = definition.isLogged
        windows = WindowTable(retentionMs: retentionMs, retainsDuplicates: retainsDuplicates)
        changelog = context.changelog(of: definition)
        record = context.record
        memory = context.memory
        observedStart = context.register(named: "\(definition.name).observed", initial: -1)
    }

    @usableFromInline var memoryBytes: Int { windows.rows.memoryBytes }
    @usableFromInline var timedRows: TimedRows { windows.rows }

    @usableFromInline
    func start() { windows.rows.observe(observedStart.value) }

    @usableFromInline
    func stop() {}

    // Writing

    /// Sets the value of a key in a window, or removes it; with duplicates a value is added, and nothing is removed.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, startMs: Int64, _ value: UnsafeRawBufferPointer?) throws {
        guard startMs >= 0 else { throw StoreError.negativeTime(store: name, timeMs: startMs) }
        let keyCount = key.count + WindowTable.changelogSuffixCount
        try changelog?.check(keyCount: keyCount, valueCount: value?.count ?? 0)
        observedStart.raise(to: startMs)
        windows.rows.observe(startMs)
        let entry: Int
        var isNew = true
        if windows.retainsDuplicates {
            guard let value else { return }
            entry = windows.append(key, startMs: startMs, value)
        } else if let value {
            (entry, isNew) = windows.insertOrFind(key, startMs: startMs)
            if entry >= 0 {
                windows.rows.bytes.setValue(at: entry, value)
                if isNew { windows.rows.didAdd(entry, timeMs: startMs) }
            }
        } else {
            entry = windows.find(key, startMs: startMs)
        }
        // What comes after its retention is put nowhere, and what is not there is not removed.
        guard entry >= 0 else { return }
        try log(rowKey: windows.rows.bytes.key(at: entry), value)
        if value == nil { windows.rows.remove(at: entry) }
    }

    private func log(rowKey: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) throws {
        guard let changelog else { return }
        logKey.removeAll()
        windows.appendChangelogKey(of: rowKey, to: &logKey)
        try changelog.append(key: logKey.bytes, value: value, timestamp: record.pointee.timestamp)
    }

    // Reading

    /// The entry of a key in a window, with duplicates the first one; -1 if there is none.
    @usableFromInline
    func find(_ key: UnsafeRawBufferPointer, startMs: Int64) -> Int {
        if !windows.retainsDuplicates { return windows.find(key, startMs: startMs) }
        return scan(key, from: startMs, through: startMs, descending: false).next() ?? -1
    }

    @usableFromInline
    func key(at entry: Int) -> UnsafeRawBufferPointer { windows.rows.key(at: entry) }

    @usableFromInline
    func value(at entry: Int) -> UnsafeRawBufferPointer { windows.rows.bytes.value(at: entry) }

    @usableFromInline
    func startMs(at entry: Int) -> Int64 { windows.startMs(at: entry) }

    @usableFromInline
    func window(at entry: Int) -> Window {
        let startMs = windows.startMs(at: entry)
        return Window(startMs: startMs, endMs: startMs.addingSaturated(sizeMs))
    }

    /// The rows of a key in a range of times.
    @usableFromInline
    func scan(_ key: UnsafeRawBufferPointer, from firstMs: Int64, through lastMs: Int64, descending: Bool) -> RowScan {
        RowScan(windows.fetch(key, fromMs: firstMs, throughMs: lastMs, descending: descending))
    }

    /// The rows of some keys in a range of times.
    @usableFromInline
    func scan(_ bounds: KeyBounds, from firstMs: Int64, through lastMs: Int64, descending: Bool) -> RowScan {
        RowScan(
            windows.fetchRange(
                fromKey: bounds.first,
                throughKey: bounds.last,
                fromMs: firstMs,
                throughMs: lastMs,
                descending: descending
            )
        )
    }

    // As the task sees it

    @usableFromInline
    func flush() {}

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        windows.load(changelogKey: key, value)
    }
}

extension WindowRows: InspectableWindowStore {
    @usableFromInline
    func forEachRow(_ visit: (InspectedWindow) throws -> Void) throws {
        for entry in windows.all() {
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
