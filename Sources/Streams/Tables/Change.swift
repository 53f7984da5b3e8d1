/// An update of a table: the value before and after; nil where the key was or is absent.
public struct Change<Value> {
    /// The value after the update.
    public var new: Value?
    /// The value before it; nil too if nobody asked for it while the topology was built.
    public var old: Value?
    /// Whether no later version of the row is known: false for an update of a versioned table that came out of order
    /// (KIP-914).
    public var isLatest: Bool

    /// Makes an update.
    @inlinable
    public init(new: Value?, old: Value?, isLatest: Bool = true) {
        self.new = new
        self.old = old
        self.isLatest = isLatest
    }
}

extension Change: Sendable where Value: Sendable {}
extension Change: Equatable where Value: Equatable {}
