import MillraceStreamsRuntime
import MillraceTopology

extension KTable {
    /// Joins two tables by key: a row for each key that both have. An update of either side makes the result anew, from the
    /// latest row of the other.
    ///
    /// Both tables must be spread over equally many partitions, which is checked when the application starts.
    ///
    /// - Parameters:
    ///   - other: the table to join with.
    ///   - newValues: how results are written, where a store or another operator must write them.
    ///   - store: where the result is kept; nil for nowhere, so that a row is made anew when somebody looks it up.
    ///   - name: the operator's name.
    ///   - combine: makes a result. A result that is nil, of a type that can be, is no row.
    @inlinable
    public func join<Other, Result>(
        _ other: KTable<Key, Other>,
        values newValues: Serde<Result>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ combine: @escaping @Sendable (Value, Other) throws -> Result
    ) -> KTable<Key, Result> {
        let isAbsent = Absence.check(Result.self)
        return joined(
            "join",
            other,
            TableJoinSides(left: true, right: true),
            values: newValues,
            store: store,
            named: name
        ) {
            left,
            right in
            guard let left, let right else { return nil }
            return isAbsent.present(try combine(left, right))
        }
    }

    /// Joins two tables by key: a row for each key that this table has; see `join`.
    ///
    /// - Parameter combine: makes a result, with nil where the other table has no row.
    @inlinable
    public func leftJoin<Other, Result>(
        _ other: KTable<Key, Other>,
        values newValues: Serde<Result>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ combine: @escaping @Sendable (Value, Other?) throws -> Result
    ) -> KTable<Key, Result> {
        let isAbsent = Absence.check(Result.self)
        return joined(
            "leftJoin",
            other,
            TableJoinSides(left: true, right: false),
            values: newValues,
            store: store,
            named: name
        ) {
            left,
            right in
            guard let left else { return nil }
            return isAbsent.present(try combine(left, right))
        }
    }

    /// Joins two tables by key: a row for each key that either has; see `join`.
    ///
    /// - Parameter combine: makes a result, with nil where a table has no row; at least one has.
    @inlinable
    public func outerJoin<Other, Result>(
        _ other: KTable<Key, Other>,
        values newValues: Serde<Result>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ combine: @escaping @Sendable (Value?, Other?) throws -> Result
    ) -> KTable<Key, Result> {
        let isAbsent = Absence.check(Result.self)
        return joined(
            "outerJoin",
            other,
            TableJoinSides(left: false, right: false),
            values: newValues,
            store: store,
            named: name
        ) {
            left,
            right in
            if case (.none, .none) = (left, right) { return nil }
            return isAbsent.present(try combine(left, right))
        }
    }

    /// - Parameters:
    ///   - required: the sides that must have a row where there is to be a result.
    ///   - combine: makes a result; nil if a required side is.
    @inlinable
    func joined<Other, Result>(
        _ operation: String,
        _ other: KTable<Key, Other>,
        _ required: TableJoinSides,
        values newValues: Serde<Result>?,
        store options: StoreOptions?,
        named name: String?,
        _ combine: @escaping @Sendable (Value?, Other?) throws -> Result?
    ) -> KTable<Key, Result> {
        let id = assembly.add(operation, named: name, after: [node, other.node])
        assembly.graph.requireCopartitioning(of: [node, other.node], for: id)
        // Where a side may be missing, an update that removes what was not there must be told from one that does.
        if !required.right { backing.requestOldValues(isForced: true) }
        if !required.left { other.backing.requestOldValues(isForced: true) }
        let (leftRows, rightRows) = (backing.rows(), other.backing.rows())
        for store in leftRows.stores + rightRows.stores { assembly.graph.connect(id, to: store) }
        let (leftBacking, rightBacking) = (backing, other.backing)
        let requestOldValues = {
            leftBacking.requestOldValues(isForced: true)
            rightBacking.requestOldValues(isForced: true)
        }
        let store = options.map { TableStore(of: id, in: assembly, keys: keys, values: newValues, options: $0) }
        store?.declare()
        let stored = store?.backing
        let table = KTable<Key, Result>(
            assembly: assembly,
            node: id,
            keys: keys ?? other.keys,
            values: newValues,
            backing: TableBacking(
                canSendOldValues: { isForced in
                    requestOldValues()
                    return stored?.requestOldValues(isForced: isForced) ?? true
                },
                makeRows: { stored?.rows() ?? leftRows.joined(with: rightRows, required, combine) }
            ),
            queryableStoreName: options?.name
        )
        let (target, result) = (table.port, table.backing)
        let operatorName = assembly.name(of: id)
        let merge: @Sendable (TaskContext) -> Out<Key, Change<Result>> = { context in
            let next = target.compose(context)
            guard let rows = store?.out(in: context, to: next) else { return next }
            return Out { key, change, timestamp in try rows.push(key, change.new, timestamp) }
        }
        port.add { context in
            let side = TableJoinSide(rightRows.compose(context), isRequired: required.right)
            return side.out(
                to: merge(context),
                guarded: context.guarded(operatorName),
                sendsOldValues: result.sendsOldValues,
                combine
            )
        }
        other.port.add { context in
            let side = TableJoinSide(leftRows.compose(context), isRequired: required.left)
            return side.out(
                to: merge(context),
                guarded: context.guarded(operatorName),
                sendsOldValues: result.sendsOldValues
            ) { right, left in try combine(left, right) }
        }
        return table
    }
}
