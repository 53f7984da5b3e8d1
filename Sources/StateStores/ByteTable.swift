import CMillracePlatform
import MillracePrimitives

/// A hash table from bytes to bytes, in memory: what every stateful operator of a stream thread stands on.
///
/// Open addressing with linear probing over 8-byte slots (32 bits of hash, 32 bits of entry); entries are one cache line
/// each and hold small keys and values themselves, larger ones lie in an arena. Keys are compared and values are read
/// and overwritten in place. One hash and one probe serve a read-modify-write:
///
///     let (entry, isNew) = table.insertOrFind(key)
///     let count = isNew ? 0 : decode(table.value(at: entry))
///     table.writableValue(at: entry, count: 8).storeBytes(of: (count + 1).bigEndian, as: Int64.self)
///
/// **Handles.** An entry handle is good until its key is removed (with a first-touch log: until the flush, commit or
/// rollback after the removal) or `removeAll()`; growth and compaction do not change it.
///
/// **Pointers** into keys, values and old values are good until the next call that writes to the table: any insertion,
/// `setValue`, `writableValue`, removal, flush, commit, rollback. Bytes handed in must not lie in the table itself.
///
/// **Absent and empty** differ: an empty value is a value. An entry without a value is invisible to everything except
/// the caller that inserted it; that caller sets a value or removes the entry.
///
/// Bounds: a key and its value take less than 2 GiB together, a table holds less than 2^32 - 1 entries and 64 GiB in its
/// arena.
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class ByteTable {
    /// What the table remembers about writes, in the first-touch log.
    @usableFromInline
    package struct Remembering: OptionSet, Sendable {
        @usableFromInline package let rawValue: UInt8

        @inlinable
        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Which keys were written since the last flush: the record cache of a store in memory.
        @inlinable package static var dirtyEntries: Remembering { Remembering(rawValue: 1) }
        /// What each key held at the last commit, for `rollback()`.
        @inlinable package static var committedValues: Remembering { Remembering(rawValue: 2) }
    }

    @usableFromInline let state: UnsafeMutablePointer<TableState>
    /// What the first-touch log is kept for; fixed for the life of the table.
    @usableFromInline package let remembering: Remembering
    /// The bytes of unflushed keys and values past which `isOverCacheBound` is true.
    @usableFromInline package let cacheBytesMax: Int
    /// The keys in order, while `TableState.keepsOrder`.
    var orderedKeys = OrderedKeys()
    /// The entries below this are in `orderedKeys`; all of them, for good, with `Int.max`.
    var orderedEntryEnd = 0
    /// Keys added and removed since the last ordered access.
    var orderChangesSinceAccess = 0

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - minimumCapacity: The number of keys to make room for before the first growth.
    ///   - remembering: What to log of each key's first write; nothing costs nothing.
    ///   - cacheBytesMax: The bound of the record cache in bytes; Kafka Streams' default.
    package init(minimumCapacity: Int = 0, remembering: Remembering = [], cacheBytesMax: Int = 10 << 20) {
        self.remembering = remembering
        self.cacheBytesMax = cacheBytesMax
        state = .allocate(capacity: 1)
        state.initialize(to: ByteTable.emptyState(slotCount: ByteTable.slotCount(forEntries: minimumCapacity)))
        state.pointee.touchFloor = remembering.isEmpty ? 0 : 1
    }

    deinit {
        ByteTable.free(state.pointee)
        state.deallocate()
    }

    // Sizes

    /// The number of keys that have a value.
    @inlinable package var count: Int { state.pointee.liveCount }

    /// Whether no key has a value.
    @inlinable package var isEmpty: Bool { state.pointee.liveCount == 0 }

    /// One more than the greatest entry ever used; what lies below may be free.
    package var entryEnd: Int { state.pointee.entryEnd }

    /// The bytes of the keys and values in the table.
    @inlinable package var byteCount: Int { state.pointee.liveBytes }

    /// The bytes reserved for the table, its log and its ordered keys.
    package var memoryBytes: Int {
        let now = state.pointee
        return (now.slotMask + 1) * 8 + now.entryCapacity * EntryHeader.stride + now.arenaCapacity
            + now.logCapacity * MemoryLayout<TouchRecord>.stride + now.logBytesCapacity + orderedKeys.memoryBytes
    }

    // Finding

    /// The entry of a key that has a value, or -1.
    @inlinable
    package func find(_ key: UnsafeRawBufferPointer) -> Int {
        let entry = probe(key, hash: UInt32(truncatingIfNeeded: Hashes.mix(key)))
        if entry >= 0 && state.pointee.header(entry).pointee.valueCount < 0 { return -1 }
        return entry
    }

    /// The entry of a key, made if there is none. `isNew` says that it has no value yet; the caller then sets one with
    /// `setValue` or `writableValue`, or takes the entry back with `remove(at:)`.
    @inlinable
    package func insertOrFind(_ key: UnsafeRawBufferPointer) -> (entry: Int, isNew: Bool) {
        let hash = UInt32(truncatingIfNeeded: Hashes.mix(key))
        let entry = probe(key, hash: hash)
        if _fastPath(entry >= 0) { return (entry, state.pointee.header(entry).pointee.valueCount < 0) }
        return (insert(key, hash: hash), true)
    }

    /// The entry in whose body the key lies, with or without a value, or -1.
    @inlinable
    func probe(_ key: UnsafeRawBufferPointer, hash: UInt32) -> Int {
        let state = self.state
        let slots = state.pointee.slots
        let mask = state.pointee.slotMask
        let keyCount = key.count
        var position = Int(hash) & mask
        while true {
            let slot = slots[position]
            if UInt32(truncatingIfNeeded: slot) == hash && slot != 0 {
                let entry = Int(truncatingIfNeeded: slot &>> 32) &- 1
                let header = state.pointee.header(entry)
                if _fastPath(Int(header.pointee.keyCount) == keyCount) {
                    guard let start = key.baseAddress else { return entry }
                    if _fastPath(RawBytes.areEqual(state.pointee.body(header), start, count: keyCount)) { return entry }
                }
            } else if slot == 0 {
                return -1
            }
            position = (position &+ 1) & mask
        }
    }

    /// Asks the processor for the memory that `find` and `insertOrFind` will need for some keys, soon: first the slots
    /// of all, then the entries that they name, so that the waits overlap. Changes nothing.
    package func prefetch(_ keys: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        if state.pointee.entryEnd < ByteTable.prefetchMinimum { return }
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: keys.count) { hashes in
            for (index, key) in keys.enumerated() {
                let hash = UInt32(truncatingIfNeeded: Hashes.mix(key))
                hashes[index] = hash
                prefetchSlot(of: hash)
            }
            prefetchEntries(of: UnsafeBufferPointer(hashes))
        }
    }

    @inline(__always)
    func prefetchSlot(of hash: UInt32) {
        millrace_prefetch(state.pointee.slots + (Int(hash) & state.pointee.slotMask))
    }

    func prefetchEntries(of hashes: UnsafeBufferPointer<UInt32>) {
        let state = self.state
        if state.pointee.entryEnd < ByteTable.prefetchMinimum { return }
        let slots = state.pointee.slots
        let mask = state.pointee.slotMask
        for hash in hashes {
            var position = Int(hash) & mask
            while slots[position] != 0, UInt32(truncatingIfNeeded: slots[position]) != hash {
                position = (position &+ 1) & mask
            }
            let entry = Int(truncatingIfNeeded: slots[position] &>> 32) &- 1
            if entry >= 0 { millrace_prefetch(state.pointee.header(entry)) }
        }
    }

    /// A table with fewer entries lies in the processor's cache anyway.
    private static let prefetchMinimum = 4_096

    // Reading

    /// The key of an entry, in place.
    @inlinable
    package func key(at entry: Int) -> UnsafeRawBufferPointer {
        let header = state.pointee.header(entry)
        return UnsafeRawBufferPointer(start: state.pointee.body(header), count: Int(header.pointee.keyCount))
    }

    /// Whether an entry has a value; only a new entry and a removed one have none.
    @inlinable
    package func hasValue(at entry: Int) -> Bool {
        state.pointee.header(entry).pointee.valueCount >= 0
    }

    /// The value of an entry, in place; of no bytes while the entry has none.
    @inlinable
    package func value(at entry: Int) -> UnsafeRawBufferPointer {
        let header = state.pointee.header(entry)
        let start = state.pointee.body(header) + Int(header.pointee.keyCount)
        return UnsafeRawBufferPointer(start: start, count: max(0, Int(header.pointee.valueCount)))
    }

    /// The value of a key, in place, or nil.
    @inlinable
    package func get(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let entry = find(key)
        return entry < 0 ? nil : value(at: entry)
    }

    /// Visits every entry with a value, in no particular order. The visitor does not write to the table.
    @inlinable
    package func forEach<Failure: Error>(_ visit: (Int) throws(Failure) -> Void) throws(Failure) {
        for entry in 0..<state.pointee.entryEnd where hasValue(at: entry) { try visit(entry) }
    }

    // Writing

    /// Makes the value of an entry `count` bytes long and returns where to write them, all of them, before the next call.
    /// A value that had `count` bytes already still holds them: a counter is changed in place.
    @inlinable
    package func writableValue(at entry: Int, count: Int) -> UnsafeMutableRawPointer {
        let header = state.pointee.header(entry)
        if _slowPath(header.pointee.touch < state.pointee.touchFloor) { logFirstTouch(entry) }
        if _slowPath(Int(header.pointee.valueCount) != count) { resizeValue(at: entry, count: count) }
        return state.pointee.body(header) + Int(header.pointee.keyCount)
    }

    /// Sets the value of an entry.
    @inlinable
    package func setValue(at entry: Int, _ bytes: UnsafeRawBufferPointer) {
        let target = writableValue(at: entry, count: bytes.count)
        if let start = bytes.baseAddress { RawBytes.copy(start, to: target, count: bytes.count) }
    }

    /// Sets the value of a key and returns its entry.
    @inlinable
    @discardableResult
    package func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Int {
        let entry = insertOrFind(key).entry
        setValue(at: entry, value)
        return entry
    }

    /// Removes a key; whether it had a value.
    @inlinable
    @discardableResult
    package func remove(_ key: UnsafeRawBufferPointer) -> Bool {
        let entry = find(key)
        if entry < 0 { return false }
        remove(at: entry)
        return true
    }

    /// Writes what a changelog or a snapshot says, past the first-touch log: `nil` removes the key. Only while nothing is
    /// logged, that is before processing begins or right after a commit or rollback.
    package func load(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        precondition(state.pointee.logCount == 0, "a store is restored before it is written to, not between")
        let floor = state.pointee.touchFloor
        state.pointee.touchFloor = 0
        if let value { put(key, value) } else { remove(key) }
        state.pointee.touchFloor = floor
    }
}
