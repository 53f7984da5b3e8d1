import MillracePrimitives

/// Growth, removal and the arena: the calls off the hot path, compiled once, in this module.
extension ByteTable {
    static let slotCountMin = 16
    /// A body is moved to a smaller place when it takes less than a quarter of at least this many bytes.
    static let shrinkCapacityMin = 256

    /// Three quarters of the slots are used at most: a longer probe costs more than the memory saved.
    static func entryCapacity(ofSlots slotCount: Int) -> Int { slotCount / 4 * 3 }

    static func slotCount(forEntries entries: Int) -> Int {
        var slots = slotCountMin
        while entryCapacity(ofSlots: slots) < entries { slots *= 2 }
        return slots
    }

    static func emptyState(slotCount: Int) -> TableState {
        let entryCapacity = entryCapacity(ofSlots: slotCount)
        let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
        return TableState(
            slots: slots,
            slotMask: slotCount - 1,
            entries: .allocate(byteCount: entryCapacity * EntryHeader.stride, alignment: EntryHeader.stride),
            entryCapacity: entryCapacity,
            arena: .allocate(byteCount: 16, alignment: 16),
            log: .allocate(capacity: 0),
            logBytes: .allocate(byteCount: 0, alignment: 16)
        )
    }

    static func free(_ state: TableState) {
        state.slots.deallocate()
        state.entries.deallocate()
        state.arena.deallocate()
        state.log.deallocate()
        state.logBytes.deallocate()
    }

    /// Removes every key and returns the memory, past the first-touch log, which must be empty: for a store that is
    /// closed or restored anew.
    package func removeAll() {
        precondition(state.pointee.logCount == 0, "a store is emptied after a commit or rollback, not between")
        ByteTable.free(state.pointee)
        state.pointee = ByteTable.emptyState(slotCount: ByteTable.slotCountMin)
        state.pointee.touchFloor = remembering.isEmpty ? 0 : 1
        orderedKeys = OrderedKeys()
    }

    // Entries

    @usableFromInline
    func insert(_ key: UnsafeRawBufferPointer, hash: UInt32) -> Int {
        precondition(key.count < Int(Int32.max), "a key takes less than 2 GiB")
        if state.pointee.usedSlots == ByteTable.entryCapacity(ofSlots: state.pointee.slotMask + 1) { growEntries() }
        let entry = takeEntry()
        let header = state.pointee.header(entry)
        header.pointee.keyCount = UInt32(key.count)
        if key.count > EntryHeader.inlineCapacity {
            moveBody(of: entry, capacity: key.count, keeping: 0)
        }
        if let start = key.baseAddress { RawBytes.copy(start, to: state.pointee.body(header), count: key.count) }
        occupySlot(UInt64(entry + 1) << 32 | UInt64(hash))
        return entry
    }

    private func occupySlot(_ slot: UInt64) {
        let mask = state.pointee.slotMask
        var position = Int(UInt32(truncatingIfNeeded: slot)) & mask
        while state.pointee.slots[position] != 0 { position = (position + 1) & mask }
        state.pointee.slots[position] = slot
        state.pointee.usedSlots += 1
    }

    private func takeEntry() -> Int {
        let freeHead = state.pointee.freeHead
        if freeHead != 0 {
            let entry = Int(freeHead) - 1
            let header = state.pointee.header(entry)
            assert(header.pointee.valueCount == EntryHeader.free)
            state.pointee.freeHead = header.pointee.block
            header.pointee = EntryHeader(keyCount: 0, generation: header.pointee.generation)
            return entry
        }
        let entry = state.pointee.entryEnd
        precondition(entry < state.pointee.entryCapacity, "a free slot has a free entry")
        state.pointee.entryEnd = entry + 1
        state.pointee.header(entry).initialize(to: EntryHeader(keyCount: 0, generation: 0))
        return entry
    }

    private func growEntries() {
        let old = state.pointee
        let slotCount = (old.slotMask + 1) * 2
        precondition(slotCount <= 1 << 32, "a table holds less than 2^32 - 1 entries")
        let capacity = ByteTable.entryCapacity(ofSlots: slotCount)
        let entries = UnsafeMutableRawPointer.allocate(
            byteCount: capacity * EntryHeader.stride,
            alignment: EntryHeader.stride
        )
        entries.copyMemory(from: old.entries, byteCount: old.entryEnd * EntryHeader.stride)
        old.entries.deallocate()
        let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: slotCount)
        slots.initialize(repeating: 0, count: slotCount)
        let mask = slotCount - 1
        for position in 0...old.slotMask {
            let slot = old.slots[position]
            if slot == 0 { continue }
            var target = Int(UInt32(truncatingIfNeeded: slot)) & mask
            while slots[target] != 0 { target = (target + 1) & mask }
            slots[target] = slot
        }
        old.slots.deallocate()
        state.pointee.slots = slots
        state.pointee.slotMask = mask
        state.pointee.entries = entries
        state.pointee.entryCapacity = capacity
    }

    // Values

    /// Gives an entry a value of another length than it has; the bytes that both lengths share stay.
    @usableFromInline
    func resizeValue(at entry: Int, count: Int) {
        let header = state.pointee.header(entry)
        let keyCount = Int(header.pointee.keyCount)
        precondition(count >= 0 && keyCount + count < Int(Int32.max), "a key and its value take less than 2 GiB")
        let oldCount = Int(header.pointee.valueCount)
        let needed = keyCount + count
        let capacity = Int(header.pointee.bodyCapacity)
        if needed > capacity {
            // A value that grew once is likely to grow again: half as much on top keeps the moves few.
            let slack = oldCount > 0 ? count / 2 : 0
            moveBody(of: entry, capacity: needed + slack, keeping: keyCount + max(0, min(oldCount, count)))
        } else if capacity >= ByteTable.shrinkCapacityMin && needed < capacity / 4 {
            moveBody(of: entry, capacity: needed, keeping: keyCount + max(0, min(oldCount, count)))
        }
        header.pointee.valueCount = Int32(count)
        if oldCount < 0 {
            state.pointee.liveCount += 1
            state.pointee.liveBytes += needed
            if state.pointee.keepsOrder { orderedKeysGained(entry) }
        } else {
            state.pointee.liveBytes += count - oldCount
        }
        // While anything is logged, whatever is written has been touched.
        if state.pointee.touchFloor != 0 { state.pointee.dirtyBytes += count - max(0, oldCount) }
    }

    /// Removes an entry. With a first-touch log its key stays, without a value, until the log forgets it.
    @usableFromInline
    package func remove(at entry: Int) {
        let header = state.pointee.header(entry)
        precondition(header.pointee.valueCount != EntryHeader.free, "a handle is good until its key is removed")
        if header.pointee.valueCount >= 0 {
            if header.pointee.touch < state.pointee.touchFloor { logFirstTouch(entry) }
            dropValue(of: entry)
        }
        if header.pointee.touch < state.pointee.logBase { erase(entry) }
    }

    /// Whether the first-touch log has a record of the entry, of before or after the last flush.
    package func isLogged(_ entry: Int) -> Bool {
        state.pointee.touchFloor != 0 && state.pointee.header(entry).pointee.touch >= state.pointee.logBase
    }

    /// Removes an entry past the first-touch log, which must not know it: for rows that are of no use to anybody any more,
    /// and whose going is nobody's business.
    package func discard(at entry: Int) {
        precondition(hasValue(at: entry) && !isLogged(entry), "a row is discarded after the flush of its last write")
        let floor = state.pointee.touchFloor
        state.pointee.touchFloor = 0
        dropValue(of: entry)
        erase(entry)
        state.pointee.touchFloor = floor
    }

    /// Takes the value from an entry and leaves the key.
    func dropValue(of entry: Int) {
        let header = state.pointee.header(entry)
        let keyCount = Int(header.pointee.keyCount)
        let valueCount = Int(header.pointee.valueCount)
        assert(valueCount >= 0)
        if state.pointee.keepsOrder { orderedKeysLose(entry) }
        state.pointee.liveCount -= 1
        state.pointee.liveBytes -= keyCount + valueCount
        if state.pointee.touchFloor != 0 { state.pointee.dirtyBytes -= valueCount }
        state.pointee.logKeepsRemovedKeys = true
        header.pointee.valueCount = EntryHeader.noValue
        header.pointee.generation &+= 1
        let capacity = Int(header.pointee.bodyCapacity)
        if capacity >= ByteTable.shrinkCapacityMin && keyCount < capacity / 4 {
            moveBody(of: entry, capacity: keyCount, keeping: keyCount)
        }
    }

    /// Frees an entry that has no value and closes the gap in its run of slots, so that no tombstone is left.
    func erase(_ entry: Int) {
        let header = state.pointee.header(entry)
        precondition(header.pointee.valueCount == EntryHeader.noValue, "an entry is freed once, after its value")
        let slots = state.pointee.slots
        let mask = state.pointee.slotMask
        var hole = slotPosition(of: entry)
        var position = hole
        while true {
            position = (position + 1) & mask
            let slot = slots[position]
            if slot == 0 { break }
            // A slot may fill the hole when its home position is not between the hole and itself.
            let home = Int(UInt32(truncatingIfNeeded: slot)) & mask
            if (position - home) & mask >= (position - hole) & mask {
                slots[hole] = slot
                hole = position
            }
        }
        slots[hole] = 0
        state.pointee.usedSlots -= 1
        if header.pointee.block != 0 { releaseBlock(of: header) }
        header.pointee.valueCount = EntryHeader.free
        header.pointee.block = state.pointee.freeHead
        state.pointee.freeHead = UInt32(entry + 1)
        compactArenaIfWasteful()
    }

    private func slotPosition(of entry: Int) -> Int {
        let hash = UInt32(truncatingIfNeeded: Hashes.mix(key(at: entry)))
        let slot = UInt64(entry + 1) << 32 | UInt64(hash)
        var position = Int(hash) & state.pointee.slotMask
        while state.pointee.slots[position] != slot {
            precondition(state.pointee.slots[position] != 0, "an entry in use has a slot")
            position = (position + 1) & state.pointee.slotMask
        }
        return position
    }
}
