/// What a join makes of its records.
@usableFromInline
struct StreamJoiner<Key, Left, Right, Joined>: Sendable {
    /// What a record without a partner becomes.
    @usableFromInline
    struct Alone<Value>: Sendable {
        @usableFromInline let make: @Sendable (Key, Value) throws -> Joined

        @inlinable
        init(_ make: @escaping @Sendable (Key, Value) throws -> Joined) {
            self.make = make
        }
    }

    @usableFromInline let pair: @Sendable (Key, Left, Right) throws -> Joined
    /// Nil if left records without a partner are left out.
    @usableFromInline let leftAlone: Alone<Left>?
    /// Nil if right records without a partner are left out.
    @usableFromInline let rightAlone: Alone<Right>?

    @inlinable
    init(
        pair: @escaping @Sendable (Key, Left, Right) throws -> Joined,
        leftAlone: Alone<Left>? = nil,
        rightAlone: Alone<Right>? = nil
    ) {
        self.pair = pair
        self.leftAlone = leftAlone
        self.rightAlone = rightAlone
    }

    @inlinable var keepsUnmatched: Bool { leftAlone != nil || rightAlone != nil }
}

/// What tells the joins of a topology apart when their tasks' code is composed.
@usableFromInline
final class JoinIdentity: Sendable {
    @usableFromInline
    init() {}
}
