import MillracePrimitives

extension Serde where Value == [UInt8] {
    /// Bytes as they are.
    @inlinable
    public static var bytes: Serde<[UInt8]> {
        Serde(
            format: "bytes",
            write: { value, writer in
                writer.append(value)
                return true
            },
            read: { [UInt8]($0) },
            readNull: { throw SerdeError.unexpectedNull },
            refill: Refill { bytes, slot in
                guard slot?.count == bytes.count else {
                    slot?.removeAll(keepingCapacity: true)
                    slot?.append(contentsOf: bytes)
                    return
                }
                slot?.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
            }
        )
    }
}

extension Serde where Value == String {
    /// UTF-8 text.
    @inlinable
    public static var utf8: Serde<String> {
        Serde(
            format: "utf8",
            write: { value, writer in
                writer.append(utf8: value)
                return true
            },
            read: { bytes in
                guard let text = String(utf8: bytes) else { throw SerdeError.invalidUTF8 }
                return text
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension String {
    /// A copy of UTF-8 text; nil if it is none.
    @usableFromInline
    init?(utf8 bytes: UnsafeRawBufferPointer) {
        if #available(macOS 26, iOS 26, *) {
            // The initialiser that validates any encoding takes six times as long for a word.
            let span = bytes.assumingMemoryBound(to: UInt8.self).span
            guard let text = try? UTF8Span(validating: span) else { return nil }
            self.init(copying: text)
        } else {
            self.init(validating: bytes, as: UTF8.self)
        }
    }
}

extension Serde where Value == Void {
    /// For keys or values that the application has no use for: read as nothing, whatever they are, and written as null.
    @inlinable
    public static var ignored: Serde<Void> {
        Serde(format: "ignored", write: { _, _ in false }, read: { _ in () }, readNull: { () })
    }

    /// Nothing but the fact that there is a value: written as no bytes, which is not null.
    @inlinable
    static var presence: Serde<Void> {
        Serde(
            format: "presence",
            write: { _, _ in true },
            read: { _ in () },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension Serde where Value: FixedWidthInteger & Sendable {
    /// Big-endian, as Kafka's serialisers for numbers write.
    @inlinable
    static var bigEndian: Serde<Value> {
        Serde(
            format: "\(Value.isSigned ? "int" : "uint")\(Value.bitWidth)",
            write: { value, writer in
                writer.append(value)
                return true
            },
            read: { bytes in
                guard bytes.count == MemoryLayout<Value>.size else {
                    throw SerdeError.wrongSize(expected: MemoryLayout<Value>.size, actual: bytes.count)
                }
                return Value(bigEndian: bytes.loadUnaligned(as: Value.self))
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension Serde where Value == Int64 {
    /// 8 bytes, big-endian (Kafka's `Long`).
    @inlinable public static var int64: Serde<Int64> { .bigEndian }
}

extension Serde where Value == Int32 {
    /// 4 bytes, big-endian (Kafka's `Integer`).
    @inlinable public static var int32: Serde<Int32> { .bigEndian }
}

extension Serde where Value == Int16 {
    /// 2 bytes, big-endian (Kafka's `Short`).
    @inlinable public static var int16: Serde<Int16> { .bigEndian }
}

extension Serde where Value == UInt64 {
    /// 8 bytes, big-endian, without a sign.
    @inlinable public static var uint64: Serde<UInt64> { .bigEndian }
}

extension Serde where Value == UInt32 {
    /// 4 bytes, big-endian, without a sign.
    @inlinable public static var uint32: Serde<UInt32> { .bigEndian }
}

extension Serde where Value == Int {
    /// 8 bytes, big-endian, as `int64`.
    @inlinable public static var int: Serde<Int> { .bigEndian }
}

extension Serde where Value == Double {
    /// IEEE 754, 8 bytes, big-endian (Kafka's `Double`).
    @inlinable
    public static var float64: Serde<Double> {
        let bits = Serde<UInt64>.bigEndian
        return Serde(
            format: "float64",
            write: { try bits.write($0.bitPattern, &$1) },
            read: { Double(bitPattern: try bits.read($0)) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension Serde where Value == Float {
    /// IEEE 754, 4 bytes, big-endian (Kafka's `Float`).
    @inlinable
    public static var float32: Serde<Float> {
        let bits = Serde<UInt32>.bigEndian
        return Serde(
            format: "float32",
            write: { try bits.write($0.bitPattern, &$1) },
            read: { Float(bitPattern: try bits.read($0)) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension Serde where Value == Bool {
    /// One byte, 0 or 1 (Kafka's `Boolean`).
    @inlinable
    public static var bool: Serde<Bool> {
        Serde(
            format: "bool",
            write: { value, writer in
                writer.append(value ? UInt8(1) : 0)
                return true
            },
            read: { bytes in
                guard bytes.count == 1 else { throw SerdeError.wrongSize(expected: 1, actual: bytes.count) }
                guard bytes[0] <= 1 else { throw SerdeError.invalid("\(bytes[0]) is neither 0 nor 1") }
                return bytes[0] == 1
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}
