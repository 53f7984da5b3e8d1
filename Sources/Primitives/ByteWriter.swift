/// A growing run of bytes that encoders append to.
///
/// One writer is made at start-up and reused: `removeAll()` keeps its memory, so that nothing is allocated per record
/// once the writer has grown to the size of the largest one. All integers are big-endian, as Kafka writes them.
/// Owned by one thread at a time.
public struct ByteWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var used: Int

    /// The number of bytes written.
    @inlinable public var count: Int { used }

    /// How many bytes can be appended before memory is taken again.
    @inlinable public var spareCapacity: Int { capacity - used }

    /// Makes a writer with room for `capacity` bytes; it grows when it must.
    public init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
        used = 0
    }

    deinit {
        base.deallocate()
    }

    /// The bytes written so far; valid until the next mutation of the writer.
    @inlinable
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: count)
    }

    /// The written bytes from `range`; valid until the next mutation of the writer.
    @inlinable
    public func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range lies within what was written")
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// A copy of the bytes written so far.
    public var array: [UInt8] { [UInt8](bytes) }

    /// Forgets what was written and keeps the memory.
    @inlinable
    public mutating func removeAll() {
        used = 0
    }

    /// Forgets everything from the byte at `newCount` on.
    @inlinable
    public mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "truncation can only shorten")
        used = newCount
    }

    /// Ensures room for `additional` more bytes.
    @inlinable
    public mutating func reserve(_ additional: Int) {
        if _slowPath(capacity - count < additional) { grow(by: additional) }
    }

    @usableFromInline
    mutating func grow(by additional: Int) {
        let newCapacity = max(capacity * 2, count + additional)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        grown.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = grown
        capacity = newCapacity
    }

    /// Appends an integer, big-endian.
    @inlinable
    public mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        reserve(MemoryLayout<Integer>.size)
        (base + count).storeBytes(of: value.bigEndian, as: Integer.self)
        used += MemoryLayout<Integer>.size
    }

    /// Appends bytes as they are.
    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base + count).copyMemory(from: source, byteCount: bytes.count)
        used += bytes.count
    }

    /// Appends bytes as they are.
    @inlinable
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends bytes as they are.
    @inlinable
    public mutating func append(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends a string's UTF-8.
    @inlinable
    public mutating func append(utf8 string: String) {
        var string = string
        string.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends a signed number as a zigzag varint of one to ten bytes (Protocol Buffers' encoding, which Kafka's records
    /// use).
    @inlinable
    public mutating func append(varint value: Int64) {
        reserve(Varint.maximumSize)
        used += Varint.write(value, to: base + count)
    }

    /// Appends an unsigned number as a varint, as flexible versions of Kafka's messages use.
    @inlinable
    public mutating func append(unsignedVarint value: UInt64) {
        reserve(Varint.maximumSize)
        used += Varint.write(unsigned: value, to: base + count)
    }

    /// Appends `count` zero bytes.
    @inlinable
    public mutating func append(zeros zeroCount: Int) {
        reserve(zeroCount)
        (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: zeroCount)
        used += zeroCount
    }

    /// Overwrites bytes that were written before with an integer, big-endian.
    @inlinable
    public mutating func overwrite<Integer: FixedWidthInteger>(at offset: Int, with value: Integer) {
        precondition(offset >= 0 && offset + MemoryLayout<Integer>.size <= count, "only written bytes are overwritten")
        (base + offset).storeBytes(of: value.bigEndian, as: Integer.self)
    }

    /// Lets `body` fill up to `maximum` bytes at the end; it returns how many it wrote.
    @inlinable
    public mutating func appendUnsafe<Failure: Error>(
        maximum: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        reserve(maximum)
        let written = try body(UnsafeMutableRawBufferPointer(start: base + count, count: maximum))
        precondition(written >= 0 && written <= maximum, "the body wrote no more than it was given")
        used += written
    }
}

extension ByteWriter: @unchecked Sendable {
    // Noncopyable: whoever holds it owns its memory alone.
}
