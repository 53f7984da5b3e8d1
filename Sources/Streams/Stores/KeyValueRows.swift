import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's key-value store for processors, in bytes: the rows, and their way to the changelog, at once or (with caching)
/// at the commit. The typed stores stand around it.
///
/// Owned by the task's thread. A store's contents follow from its committed changelog (invariant 6).
@usableFromInline
final class KeyValueRows: TaskStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    /// Whether rows have a timestamp, which comes before the value.
    @usableFromInline let isTimestamped: Bool
    let table: ByteTable
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    private let isCached: Bool
    private let changelog: ChangelogOutput?
    private var restoring = ByteWriter()

    init(_ definition: StoreDefinition, isTimestamped: Bool, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        self.isTimestamped = isTimestamped
        // Without a changelog there is nothing that caching could save.
        isCached = definition.isCached && definition.isLogged && context.cacheMaximumBytes > 0
        table = ByteTable(remembering: isCached ? .dirtyEntries : [], cacheBytesMax: context.cacheMaximumBytes)
        changelog = context.changelog(of: definition)
        record = context.record
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    // Reading

    /// The entry of a key; -1 if there is none.
    @usableFromInline
    func find(_ key: UnsafeRawBufferPointer) -> Int { table.find(key) }

    /// How many rows there are.
    @usableFromInline var count: Int { table.count }

    /// The key of an entry.
    @usableFromInline
    func key(at entry: Int) -> UnsafeRawBufferPointer { table.key(at: entry) }

    /// The value of an entry, without its timestamp.
    @usableFromInline
    func value(at entry: Int) -> UnsafeRawBufferPointer {
        let bytes = table.value(at: entry)
        return isTimestamped ? UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]) : bytes
    }

    /// The timestamp of an entry in milliseconds; -1 in a store without timestamps.
    @usableFromInline
    func timestampMs(at entry: Int) -> Int64 {
        isTimestamped ? TimestampedValue.timestampMs(table.value(at: entry)) ?? -1 : -1
    }

    /// The rows of some keys, in the order of their bytes.
    @usableFromInline
    func scan(
        from first: UnsafeRawBufferPointer?,
        through last: UnsafeRawBufferPointer?,
        descending: Bool
    ) -> RowScan {
        RowScan(table.range(from: first, through: last, descending: descending))
    }

    /// The rows whose keys begin with some bytes.
    @usableFromInline
    func scan(prefix: UnsafeRawBufferPointer) -> RowScan { RowScan(table.prefix(prefix)) }

    // Writing

    /// Sets the value of a key, or removes it.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, timestampMs: Int64) throws {
        guard let value else {
            let entry = table.find(key)
            // Kafka Streams writes a deletion to the changelog even if there is nothing to be deleted.
            return entry < 0 ? () : try remove(at: entry, key, timestampMs: timestampMs)
        }
        let entry = table.insertOrFind(key).entry
        if isTimestamped {
            table.setTimestampedValue(at: entry, timestampMs: timestampMs, value)
        } else {
            table.setValue(at: entry, value)
        }
        try log(entry, key, value, timestampMs)
    }

    /// Removes the row of an entry.
    ///
    /// - Parameter key: its key, which must not lie in the table.
    @usableFromInline
    func remove(at entry: Int, _ key: UnsafeRawBufferPointer, timestampMs: Int64) throws {
        table.remove(at: entry)
        try log(entry, key, nil, timestampMs)
    }

    private func log(
        _ entry: Int,
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        _ timestampMs: Int64
    ) throws {
        guard isCached else {
            try changelog?.append(key: key, value: value, timestamp: timestampMs)
            return
        }
        table.noteContext(at: entry, TouchContext(timestampMs: timestampMs))
        if table.isOverCacheBound { try flush() }
    }

    // As the task sees it

    @usableFromInline
    func flush() throws {
        guard isCached else { return }
        try table.flush { (dirty) throws in
            let value = dirty.newValue.map { bytes in
                isTimestamped ? UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]) : bytes
            }
            try changelog?.append(key: dirty.key, value: value, timestamp: dirty.context.timestampMs)
        }
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        guard let value, isTimestamped else { return table.load(key, value) }
        restoring.removeAll()
        restoring.append(timestamp)
        restoring.append(value)
        table.load(key, restoring.bytes)
    }
}

/// Walks the rows of a snapshot. A class, so that a cursor can be a closure around it.
@usableFromInline
final class RowScan {
    private var snapshot: EntrySnapshot

    init(_ snapshot: EntrySnapshot) {
        self.snapshot = snapshot
    }

    /// The entry of the next row that is still there.
    @usableFromInline
    func next() -> Int? { snapshot.next() }
}
