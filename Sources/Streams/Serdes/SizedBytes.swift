import MillracePrimitives

/// Takes numbers and runs of bytes with a length before them from the front of others; for the serdes made of serdes.
struct SizedBytes {
    private var bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    static var malformed: SerdeError { .invalid("its lengths do not fit the bytes that there are") }

    var count: Int { bytes.count }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count else { throw SizedBytes.malformed }
        defer { bytes = UnsafeRawBufferPointer(rebasing: bytes[count...]) }
        return UnsafeRawBufferPointer(rebasing: bytes[..<count])
    }

    mutating func takeByte() throws -> UInt8 { try take(1)[0] }

    /// A number of four bytes.
    mutating func takeNumber() throws -> Int { Int(Int32(bigEndian: try take(4).loadUnaligned(as: Int32.self))) }

    /// A number of things that take so many bytes or more each.
    mutating func takeCount(each size: Int) throws -> Int {
        let count = try takeNumber()
        guard count >= 0, count <= bytes.count / size else { throw SizedBytes.malformed }
        return count
    }

    /// Bytes with their length before them; nil for a length of -1.
    mutating func takeSized() throws -> UnsafeRawBufferPointer? {
        let size = try takeNumber()
        return size == -1 ? nil : try take(size)
    }
}

extension Serde {
    /// Appends a value after its length in four bytes; -1 and nothing for null.
    @inlinable
    func writeSized(_ value: Value, to writer: inout ByteWriter) throws {
        let offset = writer.count
        writer.append(Int32(-1))
        if try write(value, &writer) {
            writer.overwrite(at: offset, with: Int32(truncatingIfNeeded: writer.count - offset - 4))
        } else {
            writer.truncate(to: offset + 4)
        }
    }
}
