import MillracePrimitives

extension Serde {
    /// Two values, each after its length in four bytes, big-endian; -1 is the length of null.
    ///
    ///     keys: .pair(.utf8, .int64)
    ///
    /// Two pairs are equal if and only if their bytes are, so that they can be keys. Those with the same first value stand
    /// together in the order of a store, which goes by the lengths first.
    @inlinable
    public static func pair<First, Second>(
        _ first: Serde<First>,
        _ second: Serde<Second>
    ) -> Serde<(First, Second)> where Value == (First, Second) {
        Serde<(First, Second)>(
            format: "pair(\(first.format),\(second.format))",
            write: { value, writer in
                try first.writeSized(value.0, to: &writer)
                try second.writeSized(value.1, to: &writer)
                return true
            },
            read: { bytes in
                let (firstBytes, secondBytes) = try PairLayout.split(bytes)
                return (try first.read(firstBytes), try second.read(secondBytes))
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    /// A value of an enumeration or another type with a raw value, written as that.
    ///
    ///     enum Color: String { case red, green }
    ///     values: .rawValue(.utf8)
    ///
    /// - Parameter rawValues: how raw values are written.
    @inlinable
    public static func rawValue(_ rawValues: Serde<Value.RawValue>) -> Serde
    where Value: RawRepresentable & SendableMetatype {
        rawValues.converted(
            to: { rawValue in
                guard let value = Value(rawValue: rawValue) else {
                    throw SerdeError.invalid("\(rawValue) is no \(Value.self)")
                }
                return value
            },
            from: { $0.rawValue }
        )
    }

    /// The same bytes for another type.
    ///
    ///     extension Serde where Value == OrderId {
    ///         static var orderId: Serde { Serde<String>.utf8.converted(to: OrderId.init, from: \.text) }
    ///     }
    ///
    /// - Parameters:
    ///   - decode: makes a value of the other type; what it throws is handled as what a serde throws.
    ///   - encode: makes the value that is written.
    @inlinable
    public func converted<Other>(
        to decode: @escaping @Sendable (Value) throws -> Other,
        from encode: @escaping @Sendable (Other) throws -> Value
    ) -> Serde<Other> {
        Serde<Other>(
            format: format,
            write: { [write] value, writer in try write(try encode(value), &writer) },
            read: { [read] bytes in try decode(try read(bytes)) },
            readNull: { [readNull] in try decode(try readNull()) }
        )
    }
}

@usableFromInline
enum PairLayout {
    @usableFromInline
    static func split(
        _ bytes: UnsafeRawBufferPointer
    ) throws -> (UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) {
        var rest = SizedBytes(bytes)
        let first = try rest.takeSized()
        let second = try rest.takeSized()
        guard rest.isEmpty else { throw SerdeError.invalid("\(rest.count) bytes follow its second value") }
        return (first, second)
    }
}
