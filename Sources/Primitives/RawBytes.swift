/// Comparing and copying short runs of bytes in place, without a call into the C library: most keys and values of a
/// store are 8 to 16 bytes long, where the call costs more than the work.
public enum RawBytes {
    /// Whether `count` bytes at `left` and at `right` are the same.
    @inlinable
    public static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
        if count >= 8 {
            // The last word overlaps the one before it, so that no tail is compared byte by byte.
            let last = count &- 8
            if word(left, last) != word(right, last) { return false }
            var offset = 0
            while offset < last {
                if word(left, offset) != word(right, offset) { return false }
                offset &+= 8
            }
            return true
        }
        if count >= 4 {
            return halfWord(left, 0) == halfWord(right, 0)
                && halfWord(left, count &- 4) == halfWord(right, count &- 4)
        }
        var offset = 0
        while offset < count {
            if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
                return false
            }
            offset &+= 1
        }
        return true
    }

    /// Copies `count` bytes between places that do not overlap.
    @inlinable
    public static func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int) {
        if count >= 8 && count <= 16 {
            let first = word(source, 0)
            let last = word(source, count &- 8)
            target.storeBytes(of: first, as: UInt64.self)
            target.storeBytes(of: last, toByteOffset: count &- 8, as: UInt64.self)
        } else if count > 0 {
            target.copyMemory(from: source, byteCount: count)
        }
    }

    /// Whether `left` comes before `right` in Kafka's order: by unsigned bytes, a prefix before what it begins.
    @inlinable
    public static func precedes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        compare(left, right) < 0
    }

    /// Negative, zero or positive as `left` is before, equal to or after `right` by unsigned bytes.
    @inlinable
    public static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        guard let leftBase = left.baseAddress, let rightBase = right.baseAddress else {
            return left.count - right.count
        }
        let common = min(left.count, right.count)
        var offset = 0
        while offset &+ 8 <= common {
            let leftWord = UInt64(bigEndian: word(leftBase, offset))
            let rightWord = UInt64(bigEndian: word(rightBase, offset))
            if leftWord != rightWord { return leftWord < rightWord ? -1 : 1 }
            offset &+= 8
        }
        while offset < common {
            let leftByte = leftBase.load(fromByteOffset: offset, as: UInt8.self)
            let rightByte = rightBase.load(fromByteOffset: offset, as: UInt8.self)
            if leftByte != rightByte { return leftByte < rightByte ? -1 : 1 }
            offset &+= 1
        }
        return left.count - right.count
    }

    /// The first eight bytes as a number that sorts as they do; short runs are padded with zeros.
    @inlinable
    public static func orderingPrefix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        if bytes.count >= 8 { return UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) }
        var prefix: UInt64 = 0
        for index in 0..<bytes.count { prefix |= UInt64(bytes[index]) &<< UInt64(56 &- 8 &* index) }
        return prefix
    }

    @inlinable
    static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inlinable
    static func halfWord(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}
