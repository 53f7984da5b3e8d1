/// The rows that a store was asked for, one after the other. What Kafka Streams calls a `KeyValueIterator`; there is
/// nothing to close.
///
///     var rows = try store.range(from: "a", through: "c")
///     while let (key, value) = try rows.next() { … }
///
/// The keys are those of the moment of the call. The store may be written to meanwhile: rows that were added since are
/// not visited, those that were removed are passed over, and a value that was overwritten is read new.
///
/// Reading a row may throw what its serdes throw, therefore it is no `Sequence`; `collect()` makes an array of it.
public struct StoreCursor<Element> {
    @usableFromInline let advance: () throws -> Element?

    @inlinable
    init(_ advance: @escaping () throws -> Element?) {
        self.advance = advance
    }

    /// The next row; nil after the last one.
    @inlinable
    public mutating func next() throws -> Element? { try advance() }

    /// Hands over each row that is left.
    @inlinable
    public consuming func forEach(_ body: (Element) throws -> Void) throws {
        while let element = try advance() { try body(element) }
    }

    /// The rows that are left.
    @inlinable
    public consuming func collect() throws -> [Element] {
        var elements: [Element] = []
        while let element = try advance() { elements.append(element) }
        return elements
    }
}
