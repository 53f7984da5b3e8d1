import MillracePrimitives

/// The last offset of every key in a part of a log, in bounded memory: what the cleaner decides by.
///
/// It holds the keys themselves and compares them byte for byte. (Kafka's map holds 16-byte hashes and takes two keys with
/// the same hash for one, which is as good as never by chance, but would silently drop a record that nothing replaced.)
/// When the memory is used up it takes no more keys, and the pass that fills it covers so much less of the log. An open
/// addressing table points into one run of memory, in which an entry is offset (8 bytes), key length (4) and key.
///
/// A class so that a pass can share it; owned by the thread that cleans.
final class KeyOffsetMap {
    private static let entryOverhead = 12
    private static let slotCountMinimum = 256
    private static let positionBits: UInt64 = 40
    private static let positionMask: UInt64 = 1 << positionBits - 1

    /// How much memory table and entries may take, in bytes. A single key is taken even if it needs more.
    let limit: Int
    /// How many keys there are.
    private(set) var count = 0
    /// 0 for a free slot, otherwise 24 bits of the key's hash and the entry's position plus 1.
    private var slots: [UInt64] = []
    private var entries = ByteWriter(capacity: 4 << 10)

    init(limit: Int) {
        self.limit = limit
    }

    /// Remembers `offset` as the key's last one; offsets come in ascending order. Returns false, and does nothing, if
    /// there is no room for another key.
    func put(_ key: UnsafeRawBufferPointer, _ offset: Int64) -> Bool {
        let hash = Hashes.mix(key)
        if !slots.isEmpty, let position = find(key, hash).position {
            entries.overwrite(at: position, with: offset)
            return true
        }
        let isCrowded = (count + 1) * 4 > slots.count * 3
        let slotCount = isCrowded ? max(slots.count * 2, Self.slotCountMinimum) : slots.count
        let needed = slotCount * MemoryLayout<UInt64>.size + entries.count + Self.entryOverhead + key.count
        guard needed <= limit || count == 0, key.count <= Int(Int32.max) else { return false }
        if isCrowded { grow(to: slotCount) }
        let slot = find(key, hash).slot
        slots[slot] = Self.pack(hash, entries.count)
        entries.append(offset)
        entries.append(Int32(key.count))
        entries.append(key)
        count += 1
        return true
    }

    /// The key's last offset; nil for a key that was never put.
    func offset(of key: UnsafeRawBufferPointer) -> Int64? {
        guard count > 0, let position = find(key, Hashes.mix(key)).position else { return nil }
        return Int64(bigEndian: entries.bytes.loadUnaligned(fromByteOffset: position, as: Int64.self))
    }

    /// The slot that has the key, and the position of its entry; or the free slot where the key would go.
    private func find(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> (slot: Int, position: Int?) {
        let mask = slots.count - 1
        let tag = hash >> Self.positionBits
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let found = slots[slot]
            let position = Int(found & Self.positionMask) - 1
            if found >> Self.positionBits == tag, holds(key, at: position) { return (slot, position) }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    private func key(at position: Int) -> UnsafeRawBufferPointer {
        let length = Int32(bigEndian: entries.bytes.loadUnaligned(fromByteOffset: position + 8, as: Int32.self))
        let start = position + Self.entryOverhead
        return entries.bytes(start..<start + Int(length))
    }

    private func holds(_ key: UnsafeRawBufferPointer, at position: Int) -> Bool {
        let stored = self.key(at: position)
        return stored.count == key.count && stored.elementsEqual(key)
    }

    private func grow(to slotCount: Int) {
        precondition(slotCount & (slotCount - 1) == 0, "the table's size is a power of two")
        slots = [UInt64](repeating: 0, count: slotCount)
        var position = 0
        while position < entries.count {
            let key = self.key(at: position)
            let hash = Hashes.mix(key)
            var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = Self.pack(hash, position)
            position += Self.entryOverhead + key.count
        }
    }

    private static func pack(_ hash: UInt64, _ position: Int) -> UInt64 {
        hash & ~positionMask | UInt64(position + 1)
    }
}
