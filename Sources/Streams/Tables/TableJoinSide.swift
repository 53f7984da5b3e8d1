import MillraceStreamsRuntime

/// Which tables of a join must have a row where there is to be a result.
@usableFromInline
struct TableJoinSides: Sendable {
    @usableFromInline let left: Bool
    @usableFromInline let right: Bool

    @inlinable
    init(left: Bool, right: Bool) {
        self.left = left
        self.right = right
    }
}

/// A table-table join as its updates from one side see it: they look up the row of the other.
@usableFromInline
struct TableJoinSide<Key, Other> {
    @usableFromInline let others: RowLookup<Key, Other>
    /// Whether there is no result without a row of the other side.
    @usableFromInline let isRequired: Bool

    @inlinable
    init(_ others: RowLookup<Key, Other>, isRequired: Bool) {
        self.others = others
        self.isRequired = isRequired
        others.willAnswer()
    }

    /// Takes the updates of this side.
    ///
    /// - Parameter combine: makes a result of this side's row and the other's; nil if there is none.
    @inlinable
    func out<Value, Result>(
        to next: Out<Key, Change<Result>>,
        guarded: OperatorGuard,
        sendsOldValues: Bool,
        _ combine: @escaping (Value?, Other?) throws -> Result?
    ) -> Out<Key, Change<Value>> {
        let (find, isRequired) = (others.latest, isRequired)
        return Out { key, change, timestamp in
            // A version that is not the latest changes nothing in the result of the latest rows (KIP-914).
            guard change.isLatest else { return }
            guard let other = try guarded.attempt({ try find(key) }) else { return }
            if other == nil {
                if isRequired { return }
                if case (.none, .none) = (change.new, change.old) { return }
            }
            let new = try guarded.attempt { try combine(change.new, other?.value) } ?? nil
            // Rows at which the function fails have no result: the policy decided when they were new.
            var old: Result?
            if sendsOldValues { do { old = try combine(change.old, other?.value) } catch {} }
            try next.push(key, Change(new: new, old: old), max(timestamp, other?.timestampMs ?? timestamp))
        }
    }
}

extension TableRows {
    /// The rows of a join without a store: made anew from those of both sides.
    @inlinable
    func joined<Other, Result>(
        with others: TableRows<Key, Other>,
        _ required: TableJoinSides,
        _ combine: @escaping @Sendable (Value?, Other?) throws -> Result?
    ) -> TableRows<Key, Result> {
        // Not versioned, although it could be if both sides are: as in Kafka Streams (KIP-914).
        TableRows<Key, Result>(stores: stores + others.stores) { [compose] context in
            let (left, right) = (compose(context), others.compose(context))
            let (findLeft, findRight) = (left.latest, right.latest)
            var joined = RowLookup<Key, Result> { key in
                let left = try findLeft(key)
                if required.left, left == nil { return nil }
                let right = try findRight(key)
                if required.right, right == nil { return nil }
                guard left != nil || right != nil, let value = try combine(left?.value, right?.value) else {
                    return nil
                }
                return (value, max(left?.timestampMs ?? -1, right?.timestampMs ?? -1))
            }
            joined.willAnswer = {
                left.willAnswer()
                right.willAnswer()
            }
            return joined
        }
    }
}
