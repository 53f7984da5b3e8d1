/// A hash of 128 bits.
public struct Hash128: Hashable, Sendable {
    /// The first eight bytes.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64

    /// Puts a hash together.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension Hashes {
    /// MurmurHash3, the variant of 128 bits for 64-bit machines (seed 0). It is defined to the bit, so that it can be
    /// stored and compared later; it protects against no adversary.
    public static func murmur3(_ bytes: UnsafeRawBufferPointer) -> Hash128 {
        let (first, second): (UInt64, UInt64) = (0x87c3_7b91_1142_53d5, 0x4cf5_ad43_2745_937f)
        func rotated(_ value: UInt64, by count: UInt64) -> UInt64 { value &<< count | value &>> (64 &- count) }
        func scrambledLow(_ word: UInt64) -> UInt64 { rotated(word &* first, by: 31) &* second }
        func scrambledHigh(_ word: UInt64) -> UInt64 { rotated(word &* second, by: 33) &* first }
        func finished(_ value: UInt64) -> UInt64 {
            var value = (value ^ value &>> 33) &* 0xff51_afd7_ed55_8ccd
            value = (value ^ value &>> 33) &* 0xc4ce_b9fe_1a85_ec53
            return value ^ value &>> 33
        }
        func word(at offset: Int, count: Int) -> UInt64 {
            if count >= 8 {
                return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            var word: UInt64 = 0
            for index in 0..<max(0, count) { word |= UInt64(bytes[offset &+ index]) &<< UInt64(8 &* index) }
            return word
        }

        var (one, two): (UInt64, UInt64) = (0, 0)
        var offset = 0
        while offset &+ 16 <= bytes.count {
            one ^= scrambledLow(word(at: offset, count: 8))
            one = (rotated(one, by: 27) &+ two) &* 5 &+ 0x52dc_e729
            two ^= scrambledHigh(word(at: offset &+ 8, count: 8))
            two = (rotated(two, by: 31) &+ one) &* 5 &+ 0x3849_5ab5
            offset &+= 16
        }
        let rest = bytes.count &- offset
        two ^= scrambledHigh(word(at: offset &+ 8, count: rest &- 8))
        one ^= scrambledLow(word(at: offset, count: rest))
        one ^= UInt64(bytes.count)
        two ^= UInt64(bytes.count)
        one = one &+ two
        two = two &+ one
        one = finished(one)
        two = finished(two)
        one = one &+ two
        two = two &+ one
        return Hash128(high: one, low: two)
    }
}
