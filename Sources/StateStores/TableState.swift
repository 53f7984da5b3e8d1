/// The fixed part of an entry of a `ByteTable`: 24 bytes, followed by 40 bytes for a small key and value, so that an
/// entry is one cache line.
///
/// The *body* of an entry is its key followed by its value. It lies in the entry itself while it fits, and in the arena
/// otherwise. The entry never moves in the order of entries, only its body does: handles stay good.
@usableFromInline
package struct EntryHeader {
    @usableFromInline package static let stride = 64
    @usableFromInline package static let inlineOffset = 24
    @usableFromInline package static let inlineCapacity = 40
    /// `valueCount` of an entry that has a key and no value: absent, as opposed to empty.
    @usableFromInline package static let noValue: Int32 = -1
    /// `valueCount` of an entry that is on the free list.
    @usableFromInline package static let free: Int32 = -2

    @usableFromInline var keyCount: UInt32
    @usableFromInline var valueCount: Int32
    /// Where the body lies in the arena, in units of 16 bytes; 0 means in the entry itself. On the free list: the next
    /// free entry plus one.
    @usableFromInline var block: UInt32
    /// The bytes that the body may take where it lies.
    @usableFromInline var bodyCapacity: UInt32
    /// The sequence number of the entry's newest record in the first-touch log; 0 for none.
    @usableFromInline var touch: UInt32
    /// Counts how often the entry lost its value, so that a snapshot notices that a handle now means another row, or the
    /// same key come back.
    @usableFromInline var generation: UInt32

    @usableFromInline
    init(keyCount: UInt32, generation: UInt32) {
        self.keyCount = keyCount
        valueCount = EntryHeader.noValue
        block = 0
        bodyCapacity = UInt32(EntryHeader.inlineCapacity)
        touch = 0
        self.generation = generation
    }
}

/// One first touch: what an entry held before its first write since the last flush (or commit, without caching).
@usableFromInline
package struct TouchRecord {
    @usableFromInline var entry: UInt32
    /// The length of the old value, or `EntryHeader.noValue`.
    @usableFromInline var oldCount: Int32
    /// Where the old value begins in the log's bytes.
    @usableFromInline var oldOffset: Int
    @usableFromInline var context: TouchContext

    @usableFromInline
    init(entry: UInt32, oldCount: Int32, oldOffset: Int, context: TouchContext) {
        self.entry = entry
        self.oldCount = oldCount
        self.oldOffset = oldOffset
        self.context = context
    }
}

/// Everything a `ByteTable` knows, as plain memory behind one pointer.
///
/// The table is a class so that several operators can share it; its fields live here because a class field costs an
/// exclusivity check at each access and memory behind a `let` pointer does not. Freed by the table.
@usableFromInline
package struct TableState {
    /// Slot: the entry plus one in the upper half, 32 bits of hash in the lower half; 0 is an empty slot. The low bits
    /// of the hash are the home position, so that growing and deleting need no look at the entries.
    @usableFromInline var slots: UnsafeMutablePointer<UInt64>
    @usableFromInline var slotMask: Int
    @usableFromInline var entries: UnsafeMutableRawPointer
    @usableFromInline var entryCapacity: Int
    /// Entries ever taken from the end; those below it are in use or on the free list.
    @usableFromInline var entryEnd = 0
    /// The first free entry plus one, 0 for none.
    @usableFromInline var freeHead: UInt32 = 0
    /// Slots in use: entries with a value, and those that wait for one or for a flush or commit to forget them.
    @usableFromInline var usedSlots = 0
    /// Entries with a value.
    @usableFromInline var liveCount = 0
    /// Bytes of keys and values of entries with a value.
    @usableFromInline var liveBytes = 0

    @usableFromInline var arena: UnsafeMutableRawPointer
    @usableFromInline var arenaCapacity = 0
    @usableFromInline var arenaUsed = 0
    @usableFromInline var arenaGarbage = 0

    /// An entry whose `touch` is at least this was touched since the last flush or commit. 0 while nothing is logged, so
    /// that one compare serves both cases.
    @usableFromInline var touchFloor: UInt32 = 0
    /// The sequence number of the first record of the log.
    @usableFromInline var logBase: UInt32 = 1
    @usableFromInline var log: UnsafeMutablePointer<TouchRecord>
    @usableFromInline var logCapacity = 0
    @usableFromInline var logCount = 0
    /// Records before this one have been flushed and stay for a rollback only.
    @usableFromInline var logFlushed = 0
    @usableFromInline var logBytes: UnsafeMutableRawPointer
    @usableFromInline var logBytesCapacity = 0
    @usableFromInline var logBytesUsed = 0
    /// Whether a record of the log may name a key that has no value any more, to be freed with the record.
    @usableFromInline var logKeepsRemovedKeys = false
    /// The bytes of keys, old and new values, and records that are not flushed yet.
    @usableFromInline var dirtyBytes = 0

    /// Whether ordered keys are being kept up to date.
    @usableFromInline var keepsOrder = false

    @usableFromInline
    init(
        slots: UnsafeMutablePointer<UInt64>,
        slotMask: Int,
        entries: UnsafeMutableRawPointer,
        entryCapacity: Int,
        arena: UnsafeMutableRawPointer,
        log: UnsafeMutablePointer<TouchRecord>,
        logBytes: UnsafeMutableRawPointer
    ) {
        self.slots = slots
        self.slotMask = slotMask
        self.entries = entries
        self.entryCapacity = entryCapacity
        self.arena = arena
        self.log = log
        self.logBytes = logBytes
    }

    @inlinable
    func header(_ entry: Int) -> UnsafeMutablePointer<EntryHeader> {
        (entries + entry &* EntryHeader.stride).assumingMemoryBound(to: EntryHeader.self)
    }

    @inlinable
    func body(_ header: UnsafeMutablePointer<EntryHeader>) -> UnsafeMutableRawPointer {
        let block = header.pointee.block
        if _fastPath(block == 0) { return UnsafeMutableRawPointer(header) + EntryHeader.inlineOffset }
        return arena + Int(block) &* 16
    }
}
