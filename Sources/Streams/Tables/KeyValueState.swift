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
    @usableFromInline let sourceTopic: String?
    @usableFromInline let isCached: Bool
    @usableFromInline let table: ByteTable
    @usableFromInline let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    /// Whether updates tell the value before them.
    @usableFromInline let sendsOldValues: Bool
    @usableFromInline let scratch = Scratch()
    /// Runs the serdes, and the function that changes a row: when one throws, the row stays as it was.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let failures: FailureHandling
    /// What passes on at a flush; set by the operator that writes to the store, as the others only read it.
    @usableFromInline var flushing: FlushAction<KeyValueState<Key, Value>>?
    /// How long rows live; nil for ever.
    @usableFromInline let lifetime: RowLifetime?
    /// What removes rows past their time when time goes on without records.
    @usableFromInline var expiring: FlushAction<KeyValueState<Key, Value>>?
    @usableFromInline let held: HeldUpdates
    /// Whether results are made of rows as they are found: those that were found in the cache are then noted, and when they
    /// are gone by the flush, without ever having been passed on, they are passed on as gone.
    @usableFromInline var notesFound = false
    @usableFromInline var found: Set<Int> = []

    @usableFromInline
    init(
        _ definition: StoreDefinition,
        of operatorName: String,
        in context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>,
        sendsOldValues: Bool,
        timeToLiveMs: Int64? = nil
    ) {
        name = definition.name
        guarded = context.guarded(operatorName)
        failures = context.failures
        isLogged = definition.isLogged
        sourceTopic = definition.sourceTopic
        isCached = definition.isCached && context.cacheMaximumBytes > 0
        let table = ByteTable(remembering: isCached ? .dirtyEntries : [], cacheBytesMax: context.cacheMaximumBytes)
        self.table = table
        held = HeldUpdates(of: table, record: context.record)
        lifetime = timeToLiveMs.map { RowLifetime(of: table, timeToLiveMs: $0, in: context) }
        changelog = context.changelog(of: definition)
        self.keys = keys
        self.values = values
        self.sendsOldValues = sendsOldValues
    }

    /// Says where what a cache holds back goes at a flush, and what is removed because of its age.
    @inlinable
    func flush(to next: Out<Key, Change<Value>>) {
        if lifetime != nil { expiring = FlushAction { store in try store.expire(countMax: Int.max, to: next) } }
        guard isCached else { return }
        flushing = FlushAction { store in try store.flushEntries(to: next) }
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes + (lifetime?.memoryBytes ?? 0) }

    /// Reads a key's value, lets `change` make the new one (nil inside removes the key, nil leaves all as it is), stores it
    /// and passes the update on. A key that its serde writes as null is left out, as Kafka Streams does.
    ///
    /// - Parameter change: takes the value; an aggregation that begins leaves its initial value there, which the update
    ///   tells as the value before it.
    @inlinable
    func update(
        _ key: Key,
        _ timestamp: Int64,
        to next: Out<Key, Change<Value>>,
        _ change: (inout Value?) throws -> Value?
    ) throws {
        if lifetime != nil { try expire(countMax: RowLifetime.removedPerCall, to: next) }
        guard try guarded.attempt({ try encode(key) }) == true else { return }
        if lifetime != nil { try expire(scratch.key.pointee.bytes, to: next) }
        let (entry, isNew) = table.insertOrFind(scratch.key.pointee.bytes)
        if isNew, let lifetime, timestamp <= lifetime.expiredThroughMs {
            // It comes too late to be the beginning of a row.
            return table.remove(at: entry)
        }
        var old: Value?
        var newTimestamp = timestamp
        var hasValue = false
        let made: Value??
        do {
            made = try guarded.attempt {
                old = nil
                if !isNew {
                    let bytes = table.value(at: entry)
                    newTimestamp = max(timestamp, TimestampedValue.timestampMs(bytes) ?? timestamp)
                    old = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
                }
                let new = try change(&old)
                hasValue = try encode(new)
                return new
            }
        } catch {
            if isNew { table.remove(at: entry) }
            throw error
        }
        guard let new = made else {
            if isNew { table.remove(at: entry) }
            return
        }
        try write(
            key,
            at: entry,
            isNew: isNew,
            hasValue: hasValue,
            Change(new: new, old: old),
            newTimestamp,
            recordTimestamp: timestamp,
            to: next
        )
    }

    /// Makes a row what it is said to be (nil removes it) and passes that on. The timestamp is the record's, also when it
    /// is older than the row's.
    ///
    /// - Parameter isSilent: whether to pass on nothing when there is no row before or after; a source table repeats its
    ///   topic in any case.
    @inlinable
    func replace(
        _ key: Key,
        _ timestamp: Int64,
        with new: Value?,
        to next: Out<Key, Change<Value>>,
        isSilent: Bool = false
    ) throws {
        var new = new
        var isSilent = isSilent
        if let lifetime {
            try expire(countMax: RowLifetime.removedPerCall, to: next)
            // A value that is past its time already is a deletion, of a row that there is.
            if timestamp <= lifetime.expiredThroughMs { (new, isSilent) = (nil, true) }
        }
        guard try guarded.attempt({ try encode(key) }) == true else { return }
        if lifetime != nil { try expire(scratch.key.pointee.bytes, to: next) }
        let (entry, isNew) = table.insertOrFind(scratch.key.pointee.bytes)
        if isNew, isSilent, new == nil {
            table.remove(at: entry)
            return
        }
        var old: Value?
        let encoded: Bool?
        do {
            encoded = try guarded.attempt {
                if !isNew, sendsOldValues, !isCached {
                    let bytes = table.value(at: entry)
                    old = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
                }
                return try encode(new)
            }
        } catch {
            if isNew { table.remove(at: entry) }
            throw error
        }
        guard let hasValue = encoded else {
            if isNew { table.remove(at: entry) }
            return
        }
        try write(
            key,
            at: entry,
            isNew: isNew,
            hasValue: hasValue,
            Change(new: new, old: old),
            timestamp,
            recordTimestamp: timestamp,
            to: next
        )
    }

    /// Writes a key to `scratch`; false if its serde writes it as null.
    @inlinable @inline(__always)
    func encode(_ key: Key) throws -> Bool {
        scratch.key.pointee.removeAll()
        return try keys.write(key, &scratch.key.pointee)
    }

    /// Writes the new value of the key in `scratch` there, and sees whether the changelog takes the two; false for none.
    @inlinable @inline(__always)
    func encode(_ value: Value?) throws -> Bool {
        scratch.value.pointee.removeAll()
        guard let value, try values.write(value, &scratch.value.pointee) else { return false }
        try changelog?.check(keyCount: scratch.key.pointee.count, valueCount: scratch.value.pointee.count)
        return true
    }

    /// Stores the new value in `scratch`, if there is one, under the key there, and passes the update on or holds it back.
    @inlinable @inline(__always)
    func write(
        _ key: Key,
        at entry: Int,
        isNew: Bool,
        hasValue: Bool,
        _ change: Change<Value>,
        _ timestamp: Int64,
        recordTimestamp: Int64,
        to next: Out<Key, Change<Value>>
    ) throws {
        let valueWriter = scratch.value
        // What was not there and is not there now has nothing to be written down, or held back unless something is already.
        let isChange = hasValue || !isNew || (isCached && table.isDirty(at: entry))
        if hasValue {
            let oldMs = lifetime == nil || isNew ? nil : TimestampedValue.timestampMs(table.value(at: entry))
            table.setTimestampedValue(at: entry, timestampMs: timestamp, valueWriter.pointee.bytes)
            lifetime?.didWrite(entry, timestampMs: timestamp, oldMs: oldMs)
        } else {
            table.remove(at: entry)
        }
        if isCached {
            guard isChange else { return }
            held.hold(entry, hasValue ? timestamp : recordTimestamp)
            if table.isOverCacheBound { try failures.passOn(heldBy: name) { try flush() } }
            return
        }
        if isChange {
            try changelog?.append(
                key: scratch.key.pointee.bytes,
                value: hasValue ? valueWriter.pointee.bytes : nil,
                timestamp: timestamp
            )
        }
        let update = Change(new: hasValue ? change.new : nil, old: sendsOldValues ? change.old : nil)
        try next.push(key, update, timestamp)
    }

    /// Looks rows up for an operator of the same task, which must not keep the lookup longer than the task has the store.
    @inlinable
    func lookup() -> RowLookup<Key, Value> {
        // The store passes on to operators that look up in other stores, and those to operators that look up in this one:
        // references would make a ring. The task's context owns all stores for as long as its operators run.
        let store = Unmanaged.passUnretained(self)
        let scratch = Scratch()
        var lookup = RowLookup<Key, Value> { key in
            let writer = scratch.key
            writer.pointee.removeAll()
            return try store._withUnsafeGuaranteedRef { store in
                guard try store.keys.write(key, &writer.pointee) else { return nil }
                return try withExtendedLifetime(scratch) { try store.row(writer.pointee.bytes) }
            }
        }
        lookup.willAnswer = { store._withUnsafeGuaranteedRef { $0.notesFound = $0.isCached } }
        return lookup
    }

    /// The row of a key.
    @inlinable
    func row(_ key: UnsafeRawBufferPointer) throws -> (value: Value, timestampMs: Int64)? {
        let entry = table.find(key)
        guard entry >= 0 else { return nil }
        let bytes = table.value(at: entry)
        guard let timestampMs = TimestampedValue.timestampMs(bytes) else { return nil }
        if let lifetime, timestampMs <= lifetime.expiredThroughMs { return nil }
        if notesFound, table.isDirty(at: entry) { found.insert(entry) }
        let value = try values.read(UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]))
        return (value, timestampMs)
    }

    /// The rows that were found in the cache since the last flush; what is found from now on counts for the next.
    @usableFromInline
    func takeFound() -> Set<Int> {
        defer { found.removeAll(keepingCapacity: true) }
        return found
    }

    @usableFromInline
    func restore(_ rows: UnsafeBufferPointer<ChangelogRow>) {
        guard sourceTopic == nil, lifetime == nil else {
            for row in rows { restore(key: row.key, value: row.value, timestamp: row.timestampMs) }
            return
        }
        table.load(timestamped: rows)
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        // The bytes of a source topic need not be those that the serdes write.
        if sourceTopic != nil { return load(sourceKey: key, value, timestamp) }
        restore(ownKey: key, value: value, timestamp: timestamp)
    }

    /// Takes in a record of the source topic as it was processed, when the error policies let all pass that failed: what
    /// cannot be decoded is left out.
    private func load(sourceKey: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, _ timestamp: Int64) {
        var keyBytes = ByteWriter(capacity: sourceKey.count)
        var valueBytes = ByteWriter(capacity: value?.count ?? 0)
        do {
            guard try keys.write(try keys.read(sourceKey), &keyBytes) else { return }
            guard let value, try values.write(try values.read(value), &valueBytes) else {
                return restore(ownKey: keyBytes.bytes, value: nil, timestamp: timestamp)
            }
            restore(ownKey: keyBytes.bytes, value: valueBytes.bytes, timestamp: timestamp)
        } catch {
            return
        }
    }

    private func restore(ownKey key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        guard let value else {
            table.load(key, nil)
            return
        }
        let writer = scratch.value
        writer.pointee.removeAll()
        writer.pointee.append(timestamp)
        writer.pointee.append(value)
        let oldMs = lifetime == nil ? nil : table.get(key).flatMap { TimestampedValue.timestampMs($0) }
        table.load(key, writer.pointee.bytes)
        if let lifetime { lifetime.didWrite(table.find(key), timestampMs: timestamp, oldMs: oldMs) }
    }

    @usableFromInline
    func flush() throws {
        guard isCached else { return }
        table.sortDirtyByToken()
        try flushing?.run(self)
    }

    @inlinable
    func flushEntries(to next: Out<Key, Change<Value>>) throws {
        let found = takeFound()
        try table.flush(includingVanished: !found.isEmpty) { (dirty) throws in
            if dirty.hasVanished, !found.contains(dirty.entry) { return }
            let timestamp = dirty.context.timestampMs
            let newBytes = dirty.newValue.map { UnsafeRawBufferPointer(rebasing: $0[TimestampedValue.headCount...]) }
            if !dirty.hasVanished { try changelog?.append(key: dirty.key, value: newBytes, timestamp: timestamp) }
            let update = try guarded.attempt { () throws -> (key: Key, change: Change<Value>) in
                var change = Change(new: try newBytes.map(values.read), old: nil)
                if sendsOldValues, let old = dirty.oldValue {
                    change.old = try values.read(UnsafeRawBufferPointer(rebasing: old[TimestampedValue.headCount...]))
                }
                return (try keys.read(dirty.key), change)
            }
            guard let update else { return held.drop(dirty.entry) }
            try held.release(dirty.entry) { try next.push(update.key, update.change, timestamp) }
        }
    }
}
