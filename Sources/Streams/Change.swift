/// An update of a table: the value before and after; nil where the key was or is absent.
public struct Change<Value> {
    /// The value after the update.
    public var new: Value?
    /// The value before it.
    public var old: Value?

    /// Makes an update.
    @inlinable
    public init(new: Value?, old: Value?) {
        self.new = new
        self.old = old
    }
}

extension Change: Sendable where Value: Sendable {}
extension Change: Equatable where Value: Equatable {}
