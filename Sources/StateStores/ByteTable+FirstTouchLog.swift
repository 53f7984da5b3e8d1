import MillracePrimitives

/// The first-touch log: what each key held before its first write since the last flush.
///
/// One log serves two needs. The *record cache* (`dirtyEntries`, Kafka Streams' cache for a store in memory) is the list
/// of keys written since the last flush with their values of then. The *undo log* (`committedValues`, for aborts) is the
/// same list kept until the commit: applied backwards, it takes every key to what the last commit left. With both, a
/// flush between two commits only moves the floor: a key that is written again gets a second record, and going backwards
/// ends at the first.
///
/// Records are numbered; an entry holds the number of its newest one, so that one compare with the floor tells whether a
/// write is a first touch, and the same number leads to the record.
///
/// A removed key keeps its entry, without a value, until no record names it.
extension ByteTable {
    /// The number of keys that the next flush visits, not counting those that were made and removed in between.
    package var dirtyCount: Int { state.pointee.logCount - state.pointee.logFlushed }

    /// The bytes of dirty keys, their old and new values and their records.
    @inlinable package var dirtyByteCount: Int { state.pointee.dirtyBytes }

    /// Whether the record cache has outgrown its bound, so that its owner flushes now rather than at the commit. Asked
    /// once a record or once a batch: the bound is passed by what is written in between.
    @inlinable package var isOverCacheBound: Bool {
        state.pointee.dirtyBytes > cacheBytesMax && remembering.contains(.dirtyEntries)
    }

    /// The number of first touches that a rollback would undo.
    package var uncommittedCount: Int { state.pointee.logCount }

    /// The bytes that the log takes until the next commit.
    package var logByteCount: Int {
        state.pointee.logCount * MemoryLayout<TouchRecord>.stride + state.pointee.logBytesUsed
    }

    /// Whether an entry was written since the last flush.
    @inlinable
    package func isDirty(at entry: Int) -> Bool {
        let floor = state.pointee.touchFloor
        return floor != 0 && state.pointee.header(entry).pointee.touch >= floor
    }

    /// Notes the record behind the newest write to an entry, for the flush. Does nothing unless the entry is dirty.
    @inlinable
    package func noteContext(at entry: Int, _ context: TouchContext) {
        let touch = state.pointee.header(entry).pointee.touch
        let floor = state.pointee.touchFloor
        if floor == 0 || touch < floor { return }
        state.pointee.log[Int(touch &- state.pointee.logBase)].context = context
    }

    /// Remembers what an entry holds now and marks it touched.
    @usableFromInline
    func logFirstTouch(_ entry: Int) {
        let state = self.state
        let header = state.pointee.header(entry)
        let oldCount = header.pointee.valueCount
        precondition(oldCount != EntryHeader.free, "a handle is good until its key is removed")
        let byteCount = max(0, Int(oldCount))
        let index = state.pointee.logCount
        let offset = state.pointee.logBytesUsed
        if _slowPath(index == state.pointee.logCapacity || state.pointee.logBytesCapacity - offset < byteCount) {
            growLog(bytes: byteCount)
        }
        let keyCount = Int(header.pointee.keyCount)
        let oldValue = state.pointee.body(header) + keyCount
        RawBytes.copy(oldValue, to: state.pointee.logBytes + offset, count: byteCount)
        let record = TouchRecord(
            entry: UInt32(truncatingIfNeeded: entry),
            oldCount: oldCount,
            oldOffset: offset,
            context: TouchContext()
        )
        (state.pointee.log + index).initialize(to: record)
        header.pointee.touch = state.pointee.logBase &+ UInt32(truncatingIfNeeded: index)
        state.pointee.logBytesUsed = offset &+ byteCount
        state.pointee.logCount = index &+ 1
        state.pointee.dirtyBytes &+= MemoryLayout<TouchRecord>.stride &+ keyCount &+ byteCount &+ byteCount
    }

    /// What a record adds to `dirtyBytes` while it is not flushed.
    private func dirtyBytes(of record: TouchRecord) -> Int {
        let header = state.pointee.header(Int(record.entry))
        return MemoryLayout<TouchRecord>.stride + Int(header.pointee.keyCount) + max(0, Int(record.oldCount))
            + max(0, Int(header.pointee.valueCount))
    }

    private func growLog(bytes: Int) {
        if state.pointee.logCount == state.pointee.logCapacity {
            let capacity = max(64, state.pointee.logCapacity * 2)
            precondition(capacity < 1 << 31, "a log holds less than 2^31 records between two commits")
            let grown = UnsafeMutablePointer<TouchRecord>.allocate(capacity: capacity)
            grown.moveInitialize(from: state.pointee.log, count: state.pointee.logCount)
            state.pointee.log.deallocate()
            state.pointee.log = grown
            state.pointee.logCapacity = capacity
        }
        if state.pointee.logBytesCapacity - state.pointee.logBytesUsed < bytes {
            let capacity = max(1024, state.pointee.logBytesCapacity * 2, state.pointee.logBytesUsed + bytes)
            let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
            grown.copyMemory(from: state.pointee.logBytes, byteCount: state.pointee.logBytesUsed)
            state.pointee.logBytes.deallocate()
            state.pointee.logBytes = grown
            state.pointee.logBytesCapacity = capacity
        }
    }

    private func oldValue(of record: TouchRecord) -> UnsafeRawBufferPointer? {
        if record.oldCount < 0 { return nil }
        return UnsafeRawBufferPointer(start: state.pointee.logBytes + record.oldOffset, count: Int(record.oldCount))
    }

    // Flush

    /// Visits each key written since the last flush once, in the order of their first writes, and forgets them. Keys that
    /// had no value then and have none now are left out, unless somebody may have read what they had in between.
    ///
    /// The visitor may write to the table. A key that is still to come is then visited with its newest value; a key that
    /// was visited, and a new one, becomes dirty again and waits for the next flush. When the visitor throws, the
    /// keys after the one it threw for stay dirty.
    @inlinable
    package func flush<Failure: Error>(
        includingVanished: Bool = false,
        _ visit: (DirtyEntry) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(remembering.contains(.dirtyEntries), "only a table with a record cache is flushed")
        defer { forgetFlushed() }
        let end = state.pointee.logCount
        while state.pointee.logFlushed < end {
            if let dirty = takeNextDirty(includingVanished) { try visit(dirty) }
        }
    }

    /// Puts the keys that the next flush visits into the order of their tokens. An owner that counts its writes in them has
    /// the keys visited in the order of their last writes, as Kafka Streams' record cache flushes them.
    @usableFromInline
    package func sortDirtyByToken() {
        let start = state.pointee.logFlushed
        var dirty = UnsafeMutableBufferPointer(start: state.pointee.log + start, count: dirtyCount)
        guard zip(dirty, dirty.dropFirst()).contains(where: { $0.context.token > $1.context.token }) else { return }
        dirty.sort { $0.context.token < $1.context.token }
        // Of an unflushed key this is the newest record, and the only one here, which its entry leads to.
        for index in dirty.indices {
            let header = state.pointee.header(Int(dirty[index].entry))
            header.pointee.touch = state.pointee.logBase &+ UInt32(truncatingIfNeeded: start + index)
        }
    }

    /// Moves the floor past the next record and returns what to visit for it.
    @usableFromInline
    func takeNextDirty(_ includingVanished: Bool) -> DirtyEntry? {
        let index = state.pointee.logFlushed
        let record = state.pointee.log[index]
        let entry = Int(record.entry)
        state.pointee.logFlushed = index + 1
        state.pointee.touchFloor = state.pointee.logBase &+ UInt32(truncatingIfNeeded: index + 1)
        state.pointee.dirtyBytes -= dirtyBytes(of: record)
        let hasValue = hasValue(at: entry)
        if !hasValue && record.oldCount < 0 && !includingVanished { return nil }
        return DirtyEntry(
            entry: entry,
            key: key(at: entry),
            oldValue: oldValue(of: record),
            newValue: hasValue ? value(at: entry) : nil,
            context: record.context
        )
    }

    @usableFromInline
    func forgetFlushed() {
        if !remembering.contains(.committedValues) { forget(state.pointee.logFlushed) }
    }

    // Commit and rollback

    /// Makes what is in the table the state that `rollback()` returns to. The owner has flushed before.
    package func commit() {
        precondition(
            !remembering.contains(.dirtyEntries) || dirtyCount == 0,
            "the record cache is flushed before the commit: its records belong to the transaction"
        )
        state.pointee.dirtyBytes = 0
        forget(state.pointee.logCount)
    }

    /// Takes the contents back to the last commit, in place; what was dirty no longer is.
    package func rollback() {
        precondition(remembering.contains(.committedValues), "only a table with an undo log is rolled back")
        let end = state.pointee.logCount
        state.pointee.touchFloor = 0
        for index in stride(from: end - 1, through: 0, by: -1) {
            let record = state.pointee.log[index]
            let entry = Int(record.entry)
            if let old = oldValue(of: record) {
                setValue(at: entry, old)
            } else if hasValue(at: entry) {
                dropValue(of: entry)
            }
        }
        state.pointee.dirtyBytes = 0
        forget(end)
    }

    /// Drops the first `count` records, frees the entries that only they kept, and sets the floor for what remains.
    private func forget(_ count: Int) {
        let oldLog = state.pointee
        assert(count <= oldLog.logCount)
        let base = oldLog.logBase &+ UInt32(truncatingIfNeeded: count)
        if oldLog.logKeepsRemovedKeys {
            for index in 0..<count {
                let entry = Int(oldLog.log[index].entry)
                let header = state.pointee.header(entry)
                if header.pointee.valueCount == EntryHeader.noValue && header.pointee.touch < base { erase(entry) }
            }
        }
        let remaining = oldLog.logCount - count
        if remaining > 0 {
            // Writes of a visitor during the flush: few, if any.
            let offset = oldLog.log[count].oldOffset
            oldLog.log.update(from: oldLog.log + count, count: remaining)
            for index in 0..<remaining { oldLog.log[index].oldOffset -= offset }
            oldLog.logBytes.copyMemory(from: oldLog.logBytes + offset, byteCount: oldLog.logBytesUsed - offset)
            state.pointee.logBytesUsed = oldLog.logBytesUsed - offset
        } else {
            state.pointee.logBytesUsed = 0
            state.pointee.logKeepsRemovedKeys = false
        }
        state.pointee.logCount = remaining
        state.pointee.logFlushed = max(0, state.pointee.logFlushed - count)
        state.pointee.logBase = base
        state.pointee.touchFloor =
            remembering.isEmpty ? 0 : base &+ UInt32(truncatingIfNeeded: state.pointee.logFlushed)
        if remaining == 0 && base > 1 << 30 { restartNumbering() }
    }

    /// Keeps the numbers of records within 32 bits: once in a thousand million first touches, while no record is kept.
    private func restartNumbering() {
        for entry in 0..<state.pointee.entryEnd { state.pointee.header(entry).pointee.touch = 0 }
        state.pointee.logBase = 1
        state.pointee.touchFloor = remembering.isEmpty ? 0 : 1
    }
}
