/// Why bytes could not be read as what they claim to be.
public enum ByteReaderError: Error, Hashable, Sendable {
    /// `needed` bytes were to be read at `offset`, and the input ends after `available` more.
    case truncated(offset: Int, needed: Int, available: Int)
    /// A varint at `offset` has more than ten bytes, or does not fit the type that was asked for.
    case malformedVarint(offset: Int)
    /// A length at `offset` is negative where it may not be, or longer than what follows.
    case invalidLength(offset: Int, length: Int64)
    /// The bytes of a string at `offset` are not UTF-8.
    case invalidUTF8(offset: Int)
}

/// Reads integers, varints and lengths from bytes that it does not own, checking every length before it uses it.
///
/// The bytes must stay valid and unchanged while the reader is in use. All integers are big-endian.
public struct ByteReader {
    /// What is read.
    public let bytes: UnsafeRawBufferPointer

    /// Where the next read starts, in bytes from the beginning.
    public private(set) var offset: Int

    /// Makes a reader at the beginning of `bytes`.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer) {
        self.init(bytes, offset: 0)
    }

    @usableFromInline
    init(_ bytes: UnsafeRawBufferPointer, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The number of bytes not read yet.
    public var remaining: Int { bytes.count - offset }

    /// Whether everything was read.
    public var isAtEnd: Bool { remaining == 0 }

    private func require(_ count: Int) throws(ByteReaderError) {
        guard count <= remaining else {
            throw .truncated(offset: offset, needed: count, available: remaining)
        }
    }

    /// Reads a big-endian integer.
    public mutating func readInteger<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(ByteReaderError) -> Integer {
        try require(MemoryLayout<Integer>.size)
        let value = Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
        offset += MemoryLayout<Integer>.size
        return value
    }

    /// Reads a zigzag varint of up to 64 bits.
    public mutating func readVarint() throws(ByteReaderError) -> Int64 {
        let raw = try readUnsignedVarint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// Reads a zigzag varint that must fit 32 bits.
    public mutating func readVarint32() throws(ByteReaderError) -> Int32 {
        let start = offset
        guard let value = Int32(exactly: try readVarint()) else { throw .malformedVarint(offset: start) }
        return value
    }

    /// Reads an unsigned varint.
    public mutating func readUnsignedVarint() throws(ByteReaderError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            try require(1)
            let byte = bytes[offset]
            offset += 1
            // The tenth byte holds bit 63 alone.
            guard shift < 63 || (shift == 63 && byte <= 1) else { throw .malformedVarint(offset: start) }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// Reads `count` bytes as a view of the input.
    public mutating func readBytes(_ count: Int) throws(ByteReaderError) -> UnsafeRawBufferPointer {
        guard count >= 0 else { throw .invalidLength(offset: offset, length: Int64(count)) }
        try require(count)
        let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
        offset += count
        return slice
    }

    /// Skips `count` bytes.
    public mutating func skip(_ count: Int) throws(ByteReaderError) {
        _ = try readBytes(count)
    }

    /// Reads `count` bytes as a string.
    public mutating func readString(_ count: Int) throws(ByteReaderError) -> String {
        let start = offset
        let slice = try readBytes(count)
        guard let string = String(validating: slice, as: UTF8.self) else { throw .invalidUTF8(offset: start) }
        return string
    }

    /// Reads bytes preceded by their length as a zigzag varint; -1 stands for null.
    public mutating func readVarintBytes() throws(ByteReaderError) -> UnsafeRawBufferPointer? {
        let start = offset
        let length = try readVarint()
        if length == -1 { return nil }
        guard length >= 0, length <= Int64(remaining) else { throw .invalidLength(offset: start, length: length) }
        return try readBytes(Int(length))
    }
}
