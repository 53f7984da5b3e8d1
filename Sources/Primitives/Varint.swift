/// Variable-length integers: seven bits a byte, least significant first; signed ones are zigzag-encoded.
///
/// Source: Kafka protocol guide, "Protocol Primitive Types" (VARINT, VARLONG, UNSIGNED_VARINT).
public enum Varint {
    /// The most bytes that a 64-bit number takes.
    public static let maximumSize = 10

    /// The number of bytes that a signed number takes, zigzag-encoded.
    @inlinable
    public static func size(_ value: Int64) -> Int {
        size(unsigned: zigzag(value))
    }

    /// The number of bytes that an unsigned number takes.
    @inlinable
    public static func size(unsigned value: UInt64) -> Int {
        let bits = 64 &- (value | 1).leadingZeroBitCount
        // ⌈bits ÷ 7⌉ without a division; exact for 1 to 64 bits.
        return (bits &* 9 &+ 64) &>> 6
    }

    /// Maps signed to unsigned so that small magnitudes stay small.
    @inlinable
    public static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
    }

    /// Writes a signed number to memory with room for `maximumSize` bytes and returns the number of bytes written.
    @inlinable @inline(__always)
    public static func write(_ value: Int64, to pointer: UnsafeMutableRawPointer) -> Int {
        write(unsigned: zigzag(value), to: pointer)
    }

    /// Writes an unsigned number to memory with room for `maximumSize` bytes and returns the number of bytes written.
    @inlinable @inline(__always)
    public static func write(unsigned value: UInt64, to pointer: UnsafeMutableRawPointer) -> Int {
        if _fastPath(value < 0x80) {
            pointer.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
            return 1
        }
        if _fastPath(value < 0x4000) {
            let pair = UInt16(truncatingIfNeeded: value & 0x7f | 0x80 | (value &>> 7) &<< 8)
            pointer.storeBytes(of: pair.littleEndian, as: UInt16.self)
            return 2
        }
        return writeLong(unsigned: value, to: pointer)
    }

    @usableFromInline
    static func writeLong(unsigned value: UInt64, to pointer: UnsafeMutableRawPointer) -> Int {
        var rest = value
        var count = 0
        while rest >= 0x80 {
            pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
            rest &>>= 7
            count &+= 1
        }
        pointer.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
        return count &+ 1
    }
}
