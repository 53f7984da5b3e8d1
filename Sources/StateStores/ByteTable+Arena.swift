import MillracePrimitives

/// The arena: blocks one after the other, each an 8-byte head (its owner's entry, its size in 16-byte units) and a body
/// that begins at a multiple of 16, so that `EntryHeader.block` counts units and 0 is free to mean "in the entry". A
/// block whose owner's body lies elsewhere is garbage; the heads let the arena be walked without the entries.
extension ByteTable {
    private static let blockHeadBytes = 8
    private static let arenaCapacityMin = 4096

    /// Moves the body of an entry to a place of at least `capacity` bytes and takes its first `kept` bytes along.
    func moveBody(of entry: Int, capacity: Int, keeping kept: Int) {
        let header = state.pointee.header(entry)
        if capacity <= EntryHeader.inlineCapacity {
            precondition(header.pointee.block != 0, "only a body in the arena moves into its entry")
            let source = state.pointee.body(header)
            releaseBlock(of: header)
            RawBytes.copy(source, to: state.pointee.body(header), count: kept)
        } else {
            let size = (capacity + ByteTable.blockHeadBytes + 15) & ~15
            // Making room may move this body too, so where it lies is asked for afterwards.
            if state.pointee.arenaCapacity - state.pointee.arenaUsed < size { rebuildArena(room: size) }
            let source = state.pointee.body(header)
            let offset = state.pointee.arenaUsed
            state.pointee.arenaUsed = offset + size
            let head = state.pointee.arena + offset
            head.storeBytes(of: UInt32(entry), as: UInt32.self)
            head.storeBytes(of: UInt32(size / 16), toByteOffset: 4, as: UInt32.self)
            RawBytes.copy(source, to: head + ByteTable.blockHeadBytes, count: kept)
            if header.pointee.block != 0 { releaseBlock(of: header) }
            header.pointee.block = UInt32((offset + ByteTable.blockHeadBytes) / 16)
            header.pointee.bodyCapacity = UInt32(size - ByteTable.blockHeadBytes)
        }
        compactArenaIfWasteful()
    }

    /// Turns the block of an entry into garbage; the entry has the place inside itself again.
    func releaseBlock(of header: UnsafeMutablePointer<EntryHeader>) {
        state.pointee.arenaGarbage += Int(header.pointee.bodyCapacity) + ByteTable.blockHeadBytes
        header.pointee.block = 0
        header.pointee.bodyCapacity = UInt32(EntryHeader.inlineCapacity)
    }

    /// Compacts the arena when more than half of it is garbage; at least as much was released as is copied.
    func compactArenaIfWasteful() {
        let garbage = state.pointee.arenaGarbage
        if garbage > state.pointee.arenaUsed / 2 && garbage > ByteTable.arenaCapacityMin { rebuildArena(room: 0) }
    }

    /// Copies the bodies in use to a new arena with room for `room` more bytes and as much again.
    private func rebuildArena(room: Int) {
        let old = state.pointee.arena
        let oldUsed = state.pointee.arenaUsed
        let live = oldUsed - state.pointee.arenaGarbage
        let capacity = max(ByteTable.arenaCapacityMin, ByteTable.blockHeadBytes + 2 * (live + room))
        precondition((capacity + 15) / 16 <= Int(UInt32.max), "the arena of a table holds 64 GiB")
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        var used = ByteTable.blockHeadBytes
        var offset = ByteTable.blockHeadBytes
        while offset < oldUsed {
            let head = old + offset
            let entry = Int(head.load(as: UInt32.self))
            let size = Int(head.load(fromByteOffset: 4, as: UInt32.self)) * 16
            let header = state.pointee.header(entry)
            let isUsed = header.pointee.valueCount != EntryHeader.free
            if isUsed && Int(header.pointee.block) * 16 == offset + ByteTable.blockHeadBytes {
                (fresh + used).copyMemory(from: head, byteCount: size)
                header.pointee.block = UInt32((used + ByteTable.blockHeadBytes) / 16)
                used += size
            }
            offset += size
        }
        assert(used == max(live, ByteTable.blockHeadBytes), "what is not garbage is in use")
        old.deallocate()
        state.pointee.arena = fresh
        state.pointee.arenaCapacity = capacity
        state.pointee.arenaUsed = used
        state.pointee.arenaGarbage = 0
    }
}
