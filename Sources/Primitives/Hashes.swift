/// Hash functions over bytes.
public enum Hashes {
    /// Kafka's 32-bit MurmurHash2 (seed 0x9747b28c): what its default partitioner places keys with.
    @inlinable
    public static func murmur2(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        let multiplier: UInt32 = 0x5bd1_e995
        let count = bytes.count
        var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
        var offset = 0
        while offset &+ 4 <= count {
            var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            word = word &* multiplier
            word ^= word &>> 24
            word = word &* multiplier
            hash = (hash &* multiplier) ^ word
            offset &+= 4
        }
        let tail = count &- offset
        if tail == 3 { hash ^= UInt32(bytes[offset &+ 2]) &<< 16 }
        if tail >= 2 { hash ^= UInt32(bytes[offset &+ 1]) &<< 8 }
        if tail >= 1 {
            hash ^= UInt32(bytes[offset])
            hash = hash &* multiplier
        }
        hash ^= hash &>> 13
        hash = hash &* multiplier
        hash ^= hash &>> 15
        return Int32(bitPattern: hash)
    }

    /// The partition that Kafka's default partitioner gives a key.
    @inlinable
    public static func partition(forKey key: UnsafeRawBufferPointer, of partitionCount: Int32) -> Int32 {
        let hash = murmur2(key) & Int32.max
        // A division costs as much as the hash.
        return partitionCount & (partitionCount &- 1) == 0 ? hash & (partitionCount &- 1) : hash % partitionCount
    }

    /// A 64-bit hash for tables in memory: eight bytes a step, mixed by the halves of a 128-bit product. Its values are
    /// not stored anywhere and may change.
    @inlinable
    public static func mix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let first: UInt64 = 0xa076_1d64_78bd_642f
        let second: UInt64 = 0xe703_7ed1_a0b4_28db
        let count = bytes.count
        var hash = first
        var offset = 0
        while offset &+ 8 <= count {
            hash = fold(hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), second)
            offset &+= 8
        }
        if offset < count {
            var tail: UInt64 = 0
            if count >= 8 {
                tail = bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            } else {
                var shift: UInt64 = 0
                while offset < count {
                    tail |= UInt64(bytes[offset]) &<< shift
                    shift &+= 8
                    offset &+= 1
                }
            }
            hash = fold(hash ^ tail, second)
        }
        // The length comes in last: at the start it would meet the first bytes unmixed, and a short key could make up
        // for another length by another first byte.
        return fold(hash ^ first, second ^ UInt64(truncatingIfNeeded: count))
    }

    @inlinable
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
