import MillracePrimitives

extension Serde {
    /// A list, in the format of Kafka's `ListSerde` (KIP-466): which layout it is, how many elements there are, and each
    /// element after its length. Elements of the fixed sizes that Kafka knows (`int16`, `int32`, `int64`, `float32`,
    /// `float64`) come without lengths, as there; both layouts are read whatever the type.
    ///
    ///     values: .list(of: .utf8)
    ///
    /// - Parameter elements: how the elements are written; `.optional(…)` if some may be nil.
    @inlinable
    public static func list<Element>(of elements: Serde<Element>) -> Serde<[Element]> where Value == [Element] {
        let fixedSize = ListLayout.fixedSize(of: Element.self)
        return Serde<[Element]>(
            format: "list(\(elements.format))",
            write: { list, writer in
                let start = writer.count
                if let fixedSize, try ListLayout.writeFixed(list, elements, size: fixedSize, to: &writer) {
                    return true
                }
                writer.truncate(to: start)
                try ListLayout.writeSized(list, elements, to: &writer)
                return true
            },
            read: { bytes in
                var list: [Element] = []
                try ListLayout.forEach(in: bytes) { element, count in
                    if list.isEmpty { list.reserveCapacity(count) }
                    list.append(try elements.read(element))
                }
                return list
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

/// Kafka's two layouts of a list. All numbers are big-endian.
///
/// Constant size: byte 0, the number of nulls and the index of each (4 bytes each), the number of elements, the elements
/// that are not null. Variable size: byte 1, the number of elements, each after its length, which is -1 for null.
@usableFromInline
enum ListLayout {
    @usableFromInline static let constantSize: UInt8 = 0
    @usableFromInline static let variableSize: UInt8 = 1

    /// The size of the elements of a type that Kafka writes without lengths; nil for any other type.
    @usableFromInline
    static func fixedSize(of type: Any.Type) -> Int? {
        if type == Int16.self || type == Int16?.self { return 2 }
        if type == Int32.self || type == Int32?.self || type == Float.self || type == Float?.self { return 4 }
        if type == Int64.self || type == Int64?.self || type == Int.self || type == Int?.self { return 8 }
        if type == Double.self || type == Double?.self { return 8 }
        return nil
    }

    /// Appends a list without lengths; false if an element turned out to have another size, as its serde is not Kafka's.
    @inlinable
    static func writeFixed<Element>(
        _ list: [Element],
        _ elements: Serde<Element>,
        size: Int,
        to writer: inout ByteWriter
    ) throws -> Bool {
        writer.append(constantSize)
        let nullCountOffset = writer.count
        writer.append(Int32(0))
        var nulls: [Int32] = []
        var body = ByteWriter(capacity: list.count * size)
        for (index, element) in list.enumerated() {
            let before = body.count
            let isPresent = try elements.write(element, &body)
            if !isPresent { nulls.append(Int32(truncatingIfNeeded: index)) }
            if body.count - before != (isPresent ? size : 0) { return false }
        }
        writer.overwrite(at: nullCountOffset, with: Int32(truncatingIfNeeded: nulls.count))
        for index in nulls { writer.append(index) }
        writer.append(Int32(truncatingIfNeeded: list.count))
        writer.append(body.bytes)
        return true
    }

    /// Appends a list with lengths.
    @inlinable
    static func writeSized<Element>(
        _ list: [Element],
        _ elements: Serde<Element>,
        to writer: inout ByteWriter
    ) throws {
        writer.append(variableSize)
        writer.append(Int32(truncatingIfNeeded: list.count))
        for element in list { try elements.writeSized(element, to: &writer) }
    }

    /// Visits the elements of a list, nil for null, with the number of all of them.
    @usableFromInline
    static func forEach(
        in bytes: UnsafeRawBufferPointer,
        _ visit: (_ element: UnsafeRawBufferPointer?, _ count: Int) throws -> Void
    ) throws {
        var rest = SizedBytes(bytes)
        switch try rest.takeByte() {
        case variableSize:
            let count = try rest.takeCount(each: 4)
            for _ in 0..<count { try visit(try rest.takeSized(), count) }
        case constantSize:
            var nulls: Set<Int> = []
            for _ in 0..<(try rest.takeCount(each: 4)) { nulls.insert(try rest.takeNumber()) }
            let count = try rest.takeNumber()
            guard count >= 0, nulls.allSatisfy({ $0 >= 0 && $0 < count }) else { throw SizedBytes.malformed }
            let present = count - nulls.count
            let size = present == 0 ? 0 : rest.count / present
            // Of elements of no size there could be any number.
            guard present == 0 || size > 0 else { throw SizedBytes.malformed }
            for index in 0..<count { try visit(nulls.contains(index) ? nil : try rest.take(size), count) }
        case let layout:
            throw SerdeError.invalid("it begins with \(layout), which is not a layout of Kafka's lists")
        }
        guard rest.isEmpty else { throw SerdeError.invalid("\(rest.count) bytes follow its last element") }
    }
}
