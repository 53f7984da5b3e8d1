import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's key-value store with a timestamp for each value, typed: bytes in a `ByteTable`, changes to the changelog,
/// updates downstream, at once or (with caching) at the flush.
///
/// Owned by the task's thread. A store's contents follow from its committed changelog (invariant 6): what is not
/// committed goes with the task when a transaction aborts, and the next owner restores.
@usableFromInline
final class KeyValueState<Key, Value>: TaskStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let isCached: Bool
    @usableFromInline let table: ByteTable
    @usableFromInline let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let next: Out<Key, Change<Value>>
    @usableFromInline let scratch = Scratch()
    /// `flushEntries`, specialised for the types where the operator was composed; a call through `TaskStore` would run
    /// unspecialised code for every entry.
    @usableFromInline let flushing: FlushAction<Key, Value>
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    /// The headers of the last write of each entry that is held back, if it had any; at most one for each dirty key.
    private var heldHeaders: [Int: [UInt8]] = [:]

    @usableFromInline
    init(
        _ definition: StoreDefinition,
        in context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>,
        next: Out<Key, Change<Value>>,
        flushing: FlushAction<Key, Value>
    ) {
        name = definition.name
        record = context.record
        isLogged = definition.isLogged
        isCached = definition.isCached && context.cacheMaximumBytes > 0
        table = ByteTable(remembering: isCached ? .dirtyEntries : [], cacheBytesMax: context.cacheMaximumBytes)
        changelog = context.changelog(of: definition)
        self.keys = keys
        self.values = values
        self.next = next
        self.flushing = flushing
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    /// Reads a key's value, lets `change` make the new one (nil inside removes the key, nil leaves all as it is), stores it
    /// and passes the update on. A key that its serde writes as null is left out, as Kafka Streams does.
    @inlinable
    func update(_ key: Key, _ timestamp: Int64, _ change: (Value?) throws -> Value??) throws {
        let keyWriter = scratch.key
        keyWriter.pointee.removeAll()
        guard try keys.write(key, &keyWriter.pointee) else { return }
        let (entry, isNew) = table.insertOrFind(keyWriter.pointee.bytes)
        var old: Value?
        var newTimestamp = timestamp
        let new: Value?
        do {
            if !isNew {
                let bytes = table.value(at: entry)
                newTimestamp = max(timestamp, TimestampedValue.timestampMs(bytes) ?? timestamp)
                old = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
            }
            guard let result = try change(old) else {
                if isNew { table.remove(at: entry) }
                return
            }
            new = result
        } catch {
            if isNew { table.remove(at: entry) }
            throw error
        }
        if isNew, new == nil {
            table.remove(at: entry)
            return
        }
        let valueWriter = scratch.value
        valueWriter.pointee.removeAll()
        var hasValue = false
        if let new { hasValue = try values.write(new, &valueWriter.pointee) }
        if hasValue {
            table.setTimestampedValue(at: entry, timestampMs: newTimestamp, valueWriter.pointee.bytes)
        }
        if !hasValue { table.remove(at: entry) }
        if isCached {
            hold(entry, newTimestamp)
            if table.isOverCacheBound { try flush() }
            return
        }
        try changelog?.append(
            key: keyWriter.pointee.bytes,
            value: hasValue ? valueWriter.pointee.bytes : nil,
            timestamp: newTimestamp
        )
        try next.push(key, Change(new: new, old: old), newTimestamp)
    }

    /// Makes a row what its topic says (nil removes it), and passes that on in any case, also when nothing was there to be
    /// removed: a source table repeats its topic. The timestamp is the record's, also when it is older than the row's.
    @inlinable
    func replace(_ key: Key, _ timestamp: Int64, with new: Value?) throws {
        let keyWriter = scratch.key
        keyWriter.pointee.removeAll()
        guard try keys.write(key, &keyWriter.pointee) else { return }
        let (entry, isNew) = table.insertOrFind(keyWriter.pointee.bytes)
        let valueWriter = scratch.value
        valueWriter.pointee.removeAll()
        var old: Value?
        var hasValue = false
        do {
            if !isNew {
                old = try values.read(
                    UnsafeRawBufferPointer(rebasing: table.value(at: entry)[TimestampedValue.headCount...])
                )
            }
            if let new { hasValue = try values.write(new, &valueWriter.pointee) }
        } catch {
            if isNew { table.remove(at: entry) }
            throw error
        }
        if hasValue {
            table.setTimestampedValue(at: entry, timestampMs: timestamp, valueWriter.pointee.bytes)
        }
        if !hasValue { table.remove(at: entry) }
        let isChange = hasValue || !isNew
        if isCached {
            guard isChange else { return }
            hold(entry, timestamp)
            if table.isOverCacheBound { try flush() }
            return
        }
        if isChange {
            try changelog?.append(
                key: keyWriter.pointee.bytes,
                value: hasValue ? valueWriter.pointee.bytes : nil,
                timestamp: timestamp
            )
        }
        try next.push(key, Change(new: new, old: old), timestamp)
    }

    /// Notes the write behind an update that is held back: its time, its place among all writes, and its headers.
    @inlinable
    func hold(_ entry: Int, _ timestamp: Int64) {
        record.pointee.cachedUpdates &+= 1
        table.noteContext(at: entry, TouchContext(timestampMs: timestamp, token: record.pointee.cachedUpdates))
        if record.pointee.headers.count > 0 || record.pointee.hasCachedHeaders { holdHeaders(entry) }
    }

    @usableFromInline
    func holdHeaders(_ entry: Int) {
        record.pointee.hasCachedHeaders = true
        let headers = record.pointee.headers
        heldHeaders[entry] = headers.count > 0 ? [UInt8](headers) : nil
    }

    /// Passes on what was held back, with the headers of its last write; the record under way, if there is one, keeps its
    /// own for the operators after this one.
    @inlinable
    func release(_ entry: Int, _ key: Key, _ change: Change<Value>, _ timestamp: Int64) throws {
        let headers = record.pointee.headers
        defer { record.pointee.headers = headers }
        record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
        guard record.pointee.hasCachedHeaders, let held = takeHeaders(entry) else {
            return try next.push(key, change, timestamp)
        }
        try held.withUnsafeBytes { bytes in
            record.pointee.headers = bytes
            try next.push(key, change, timestamp)
        }
    }

    @usableFromInline
    func takeHeaders(_ entry: Int) -> [UInt8]? { heldHeaders.removeValue(forKey: entry) }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        guard let value else {
            table.load(key, nil)
            return
        }
        let writer = scratch.value
        writer.pointee.removeAll()
        writer.pointee.append(timestamp)
        writer.pointee.append(value)
        table.load(key, writer.pointee.bytes)
    }

    @usableFromInline
    func flush() throws {
        guard isCached else { return }
        table.sortDirtyByToken()
        try flushing.run(self)
    }

    @inlinable
    func flushEntries() throws {
        try table.flush { (dirty) throws in
            let timestamp = dirty.context.timestampMs
            let newBytes = dirty.newValue.map { UnsafeRawBufferPointer(rebasing: $0[TimestampedValue.headCount...]) }
            let oldBytes = dirty.oldValue.map { UnsafeRawBufferPointer(rebasing: $0[TimestampedValue.headCount...]) }
            try changelog?.append(key: dirty.key, value: newBytes, timestamp: timestamp)
            let key = try keys.read(dirty.key)
            let change = Change(new: try newBytes.map(values.read), old: try oldBytes.map(values.read))
            try release(dirty.entry, key, change, timestamp)
        }
    }
}

/// A store's flush as a closure, in a struct so that it is wrapped in no further thunk.
@usableFromInline
struct FlushAction<Key, Value> {
    @usableFromInline let run: (KeyValueState<Key, Value>) throws -> Void

    @inlinable
    init(_ run: @escaping (KeyValueState<Key, Value>) throws -> Void) {
        self.run = run
    }
}
