import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's key-value store for processors, in bytes: the rows, and their way to the changelog, at once or (with caching)
/// at the commit. The typed stores stand around it.
///
/// With a time to live, each row has a timestamp, and those that are too old by the store's stream time are hidden from
/// every read at once and removed a few with each call.
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
    /// Whether only what feeds the store may write to it.
    private let isGlobal: Bool
    private let changelog: ChangelogOutput?
    /// What `record` lies in, however long the user's code keeps the store.
    private let memory: TaskMemory
    private let lifetime: RowLifetime?
    private var restoring = ByteWriter()

    init(
        _ definition: StoreDefinition,
        isTimestamped: Bool,
        timeToLiveMs: Int64?,
        in context: TaskContext
    ) {
        name = definition.name
        isLogged = definition.isLogged
        isGlobal = definition.isGlobal
        self.isTimestamped = isTimestamped || timeToLiveMs != nil
        // Without a changelog there is nothing that caching could save.
        isCached = definition.isCached && definition.isLogged && context.cacheMaximumBytes > 0
        let table = ByteTable(remembering: isCached ? .dirtyEntries : [], cacheBytesMax: context.cacheMaximumBytes)
        self.table = table
        changelog = context.changelog(of: definition)
        record = context.record
        memory = context.memory
        lifetime = timeToLiveMs.map { RowLifetime(of: table, timeToLiveMs: $0, in: context) }
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes + (lifetime?.memoryBytes ?? 0) }

    // Time

    /// The timestamp of the record under way.
    @usableFromInline var recordTimeMs: Int64 { record.pointee.timestamp }

    /// The time at which a row is written that is given none: that of the record under way. With a time to live it is the
    /// stream time, so that what was just written can be read.
    @usableFromInline var writeTimeMs: Int64 {
        lifetime == nil ? record.pointee.timestamp : record.pointee.streamTimeMs
    }

    /// Removes a few rows that are too old; to be called before each read and write.
    @usableFromInline
    func proceed() throws {
        // Who only reads a global store does not remove from it either.
        guard lifetime != nil, !isGlobal || record.pointee.feedsGlobalStore else { return }
        try removeExpired(countMax: RowLifetime.removedPerCall)
    }

    private func removeExpired(countMax: Int) throws {
        guard let lifetime else { return }
        var count = 0
        while count < countMax, let entry = lifetime.nextExpired() {
            // The changelog must not have the key from the table, which forgets it.
            let key = [UInt8](table.key(at: entry))
            let timestampMs = timestampMs(at: entry)
            try key.withUnsafeBytes { try drop(entry, $0, timestampMs: timestampMs) }
            count += 1
        }
    }

    func isVisible(_ entry: Int) -> Bool {
        guard let lifetime else { return true }
        return timestampMs(at: entry) > lifetime.expiredThroughMs
    }

    // Reading

    /// How many rows there are, those that are only hidden included.
    @usableFromInline var count: Int { table.count }

    /// The entry of a key; -1 if there is none.
    @usableFromInline
    func find(_ key: UnsafeRawBufferPointer) -> Int {
        let entry = table.find(key)
        return entry >= 0 && isVisible(entry) ? entry : -1
    }

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
    func scan(_ bounds: KeyBounds, descending: Bool) -> RowScan {
        RowScan(table.range(from: bounds.first, through: bounds.last, descending: descending), isVisible: isVisible)
    }

    /// The rows whose keys begin with some bytes.
    ///
    /// - Parameter limit: how many are wanted at most.
    @usableFromInline
    func scan(prefix: UnsafeRawBufferPointer, limit: Int = .max) -> RowScan {
        RowScan(table.prefix(prefix, limit: limit), isVisible: isVisible)
    }

    // Writing

    /// Sets the value of a key, or removes it. A value that is too old already removes it as well.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, timestampMs: Int64) throws {
        try checkWritable()
        guard let value, timestampMs > lifetime?.expiredThroughMs ?? Int64.min else {
            let entry = table.find(key)
            if entry >= 0 { try remove(at: entry, key, timestampMs: timestampMs) }
            return
        }
        try changelog?.check(keyCount: key.count, valueCount: value.count)
        let (entry, isNew) = table.insertOrFind(key)
        if isTimestamped {
            let oldMs = isNew ? nil : self.timestampMs(at: entry)
            table.setTimestampedValue(at: entry, timestampMs: timestampMs, value)
            lifetime?.didWrite(entry, timestampMs: timestampMs, oldMs: oldMs)
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
        try checkWritable()
        try drop(entry, key, timestampMs: timestampMs)
    }

    private func drop(_ entry: Int, _ key: UnsafeRawBufferPointer, timestampMs: Int64) throws {
        table.remove(at: entry)
        try log(entry, key, nil, timestampMs)
    }

    /// A global store follows from its topic alone: what another operator wrote would be in one thread's copy only.
    private func checkWritable() throws(StoreError) {
        if isGlobal, !record.pointee.feedsGlobalStore { throw .readOnly(store: name) }
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
    func restore(_ rows: UnsafeBufferPointer<ChangelogRow>) {
        guard isTimestamped, lifetime == nil else {
            for row in rows { restore(key: row.key, value: row.value, timestamp: row.timestampMs) }
            return
        }
        table.load(timestamped: rows)
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        guard let value, isTimestamped else { return table.load(key, value) }
        restoring.removeAll()
        restoring.append(timestamp)
        restoring.append(value)
        let old = table.find(key)
        let oldMs = old < 0 ? nil : timestampMs(at: old)
        table.load(key, restoring.bytes)
        lifetime?.didWrite(table.find(key), timestampMs: timestamp, oldMs: oldMs)
    }
}

extension KeyValueRows: InspectableStore {
    @usableFromInline
    func forEachEntry(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void) throws {
        let rows = scan((nil, nil), descending: false)
        while let entry = rows.next() { try visit(key(at: entry), value(at: entry), timestampMs(at: entry)) }
    }
}
