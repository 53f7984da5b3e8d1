import MillracePrimitives

// How Kafka's messages encode strings, byte strings and arrays: classic with fixed-size lengths, and compact in flexible
// versions (KIP-482). `SchemaReader` reads them. Source: Kafka protocol guide, "Protocol Primitive Types".

/// The longest string that a classic length can say, in UTF-8 bytes. Requests are checked against it before a record is
/// made of them.
let maximumStringBytes = Int(Int16.max)

extension ByteWriter {
    mutating func append(classic string: String) {
        precondition(string.utf8.count <= maximumStringBytes, "requests with longer strings are refused")
        append(Int16(string.utf8.count))
        append(utf8: string)
    }

    mutating func append(classicNullable string: String?) {
        if let string { append(classic: string) } else { append(Int16(-1)) }
    }

    mutating func append(compact string: String) {
        append(unsignedVarint: UInt64(string.utf8.count) + 1)
        append(utf8: string)
    }

    mutating func append(classicBytes bytes: [UInt8]) {
        append(Int32(bytes.count))
        append(bytes)
    }

    mutating func append(classicNullableBytes bytes: [UInt8]?) {
        if let bytes { append(classicBytes: bytes) } else { append(Int32(-1)) }
    }

    /// Appends a tagged field: its tag, its size in bytes, and the integer.
    mutating func append<Integer: FixedWidthInteger>(tag: UInt64, _ value: Integer) {
        append(unsignedVarint: tag)
        append(unsignedVarint: UInt64(MemoryLayout<Integer>.size))
        append(value)
    }
}
