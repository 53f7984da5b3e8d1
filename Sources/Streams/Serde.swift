import MillracePrimitives

/// How values of a type are written to bytes and read from them: a serialiser and a deserialiser in one, as in Kafka
/// Streams.
///
/// The standard ones are static members, so that a leading dot finds them: `keys: .utf8, values: .int64`. One of your own
/// takes two functions:
///
///     let celsius = Serde<Celsius>(
///         encode: { value, writer in writer.append(Int32(value.degrees * 100)) },
///         decode: { bytes in
///             guard bytes.byteCount == 4 else { throw SerdeError.wrongSize(expected: 4, actual: bytes.byteCount) }
///             return Celsius(degrees: Double(Int32(bigEndian: bytes.unsafeLoadUnaligned(as: Int32.self))) / 100)
///         }
///     )
///
/// **Format.** A serde's bytes have a format, which is kept with the stores that were written in it, so that another
/// serde on the same store is refused when the application starts. Where a new serde reads what an old one wrote, give it
/// the old one's name with `format(_:)`; where one changes its bytes, give it another.
public struct Serde<Value>: Sendable {
    /// The name of the format of the bytes, such as `utf8`.
    public let format: String
    /// Appends the value's bytes and returns true, or returns false if the value stands for null.
    @usableFromInline let write: @Sendable (Value, inout ByteWriter) throws -> Bool
    @usableFromInline let read: @Sendable (UnsafeRawBufferPointer) throws -> Value
    @usableFromInline let readNull: @Sendable () throws -> Value
    /// Reads into the memory of a value before; nil for types that have none of their own.
    @usableFromInline let refill: Refill<Value>?

    /// Makes a serde from two functions.
    ///
    /// - Parameters:
    ///   - format: the name of the format of the bytes; nil for the type's name.
    ///   - encode: appends a value's bytes to a writer.
    ///   - decode: makes a value from the bytes of a key or value; what it throws is handled by the application's policy
    ///     for records that cannot be decoded. It is not called for null.
    @inlinable
    public init(
        format: String? = nil,
        encode: @escaping @Sendable (Value, inout ByteWriter) throws -> Void,
        decode: @escaping @Sendable (RawSpan) throws -> Value
    ) {
        self.init(
            format: format ?? "\(Value.self)",
            write: { value, writer in
                try encode(value, &writer)
                return true
            },
            read: { try decode($0.bytes) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    @usableFromInline
    init(
        format: String = "\(Value.self)",
        write: @escaping @Sendable (Value, inout ByteWriter) throws -> Bool,
        read: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Value,
        readNull: @escaping @Sendable () throws -> Value,
        refill: Refill<Value>? = nil
    ) {
        self.format = format
        self.write = write
        self.read = read
        self.readNull = readNull
        self.refill = refill
    }

    /// The same serde, whose format goes by another name.
    @inlinable
    public func format(_ name: String) -> Serde {
        Serde(format: name, write: write, read: read, readNull: readNull, refill: refill)
    }

    /// Reads a key or value that may be null.
    @inlinable
    func read(_ bytes: UnsafeRawBufferPointer?) throws -> Value {
        if let bytes { return try read(bytes) }
        return try readNull()
    }

    /// Reads a key or value that may be null to where the one before it lies, whose memory is used again if nobody else
    /// has kept it.
    @inlinable
    func read(_ bytes: UnsafeRawBufferPointer?, into slot: inout Value?) throws {
        if let bytes, let refill, slot != nil {
            try refill.read(bytes, &slot)
        } else {
            slot = try read(bytes)
        }
    }

    /// The same for values that may be missing: nil is null, in both directions. After a leading dot it is written the
    /// other way round: `.optional(.utf8)`.
    @inlinable
    public var optional: Serde<Value?> {
        Serde<Value?>(
            format: format,
            write: { [write] value, writer in
                guard let value else { return false }
                return try write(value, &writer)
            },
            read: { [read] bytes in try read(bytes) },
            readNull: { nil }
        )
    }

    /// For values that may be missing: `keys: .optional(.utf8)` reads null as nil and writes nil as null.
    @inlinable
    public static func optional<Wrapped>(_ serde: Serde<Wrapped>) -> Serde<Wrapped?> where Value == Wrapped? {
        serde.optional
    }

    /// For values that are never missing, from a serde for values that may be.
    @inlinable
    static func unwrapping(_ serde: Serde<Value?>) -> Serde<Value> {
        Serde(
            format: serde.format,
            write: { value, writer in try serde.write(value, &writer) },
            read: { bytes in
                guard let value = try serde.read(bytes) else { throw SerdeError.unexpectedNull }
                return value
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    /// The bytes of a value; nil for null. For tests and tools: it allocates.
    public func bytes(of value: Value) throws -> [UInt8]? {
        var writer = ByteWriter()
        return try write(value, &writer) ? writer.array : nil
    }

    /// The value of some bytes; nil is null.
    public func value(of bytes: [UInt8]?) throws -> Value {
        guard let bytes else { return try readNull() }
        return try bytes.withUnsafeBytes { try read($0) }
    }
}

/// Reads a value to where one lies that is no longer needed: a stream of values then takes no memory for each.
@usableFromInline
struct Refill<Value>: Sendable {
    @usableFromInline let read: @Sendable (UnsafeRawBufferPointer, inout Value?) throws -> Void

    @inlinable
    init(_ read: @escaping @Sendable (UnsafeRawBufferPointer, inout Value?) throws -> Void) {
        self.read = read
    }
}

extension Serde where Value: SendableMetatype {
    /// The same if the type has no nil; otherwise a serde that writes nil as null and reads null as nil.
    package var nullable: Serde {
        let isAbsent = Absence.check(Value.self)
        guard isAbsent.needed, let type = Value.self as? any ExpressibleByNilLiteral.Type,
            type.init(nilLiteral: ()) is Value
        else { return self }
        return Serde(
            format: format,
            write: { [write] value, writer in isAbsent.test(value) ? false : try write(value, &writer) },
            read: read,
            readNull: {
                guard let type = Value.self as? any ExpressibleByNilLiteral.Type,
                    let null = type.init(nilLiteral: ()) as? Value
                else { throw SerdeError.unexpectedNull }
                return null
            }
        )
    }
}

/// Why bytes are not what a serde reads.
public enum SerdeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Null where the type has no nil; use `.optional(…)` of the serde, or `.ignored`.
    case unexpectedNull
    /// A number of the wrong width.
    case wrongSize(expected: Int, actual: Int)
    /// Text that is not UTF-8.
    case invalidUTF8
    /// Anything else.
    case invalid(String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .unexpectedNull: "it is null; use .optional(…) of the serde if that is allowed, or .ignored"
        case .wrongSize(let expected, let actual): "it has \(actual) bytes instead of \(expected)"
        case .invalidUTF8: "it is not UTF-8"
        case .invalid(let message): message
        }
    }
}
