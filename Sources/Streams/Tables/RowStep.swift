import MillraceStreamsRuntime
import MillraceTopology

/// Makes a row of one table into a row of another: a value (nil where there is none) into a new one or none. In a struct so
/// that it is wrapped in no further thunk.
@usableFromInline
struct RowStep<Key, Value, NewValue> {
    @usableFromInline let run: (Key, Value?) throws -> NewValue?

    @inlinable
    init(_ run: @escaping (Key, Value?) throws -> NewValue?) {
        self.run = run
    }
}

extension KTable {
    /// Adds a table whose rows are made from this one's, row by row.
    ///
    /// - Parameters:
    ///   - options: where the new table is kept; nil for no store, so that a row is made anew when somebody looks it up.
    ///   - isSelection: whether rows are kept or left out as they are. Then nothing is passed on where there is no row
    ///     before or after, if that is known.
    ///   - makeStep: makes the step of a task.
    @inlinable
    func derived<NewValue>(
        _ operation: String,
        named name: String?,
        values newValues: Serde<NewValue>?,
        store options: StoreOptions?,
        isSelection: Bool = false,
        connect: (TopologyGraph.NodeId) -> Void = { _ in },
        _ makeStep: @escaping @Sendable (TaskContext) -> RowStep<Key, Value, NewValue>
    ) -> KTable<Key, NewValue> {
        let id = assembly.add(operation, named: name, after: [node])
        connect(id)
        let store = options.map {
            TableStore(of: id, in: assembly, keys: keys, values: newValues, options: $0)
        }
        store?.declare()
        let parent = backing
        let table = KTable<Key, NewValue>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: newValues,
            backing: store?.backing ?? parent.derived(makeStep),
            queryableStoreName: options?.name
        )
        // Old values that cost nothing keep deletions of rows that were never there from being passed on.
        if isSelection, parent.requestOldValues(isForced: false) { table.backing.requestOldValues(isForced: false) }
        let (target, result) = (table.port, table.backing)
        let operatorName = assembly.name(of: id)
        port.add { context in
            let next = target.compose(context)
            let step = makeStep(context)
            let guarded = context.guarded(operatorName)
            let sendsOldValues = result.sendsOldValues
            let isSilent = isSelection && sendsOldValues
            guard let rows = store?.out(in: context, to: next, isSilent: isSilent) else {
                return Out { key, change, timestamp in
                    let made = try guarded.attempt {
                        Change(
                            new: try step.run(key, change.new),
                            old: sendsOldValues ? try step.run(key, change.old) : nil,
                            isLatest: change.isLatest
                        )
                    }
                    guard let made else { return }
                    if isSilent, case (.none, .none) = (made.new, made.old) { return }
                    try next.push(key, made, timestamp)
                }
            }
            return Out { key, change, timestamp in
                guard let new = try guarded.attempt({ try step.run(key, change.new) }) else { return }
                try rows.push(key, new, timestamp)
            }
        }
        return table
    }
}

extension TableBacking {
    /// What a table without a store says of itself that makes its rows from this one's.
    @inlinable
    func derived<NewValue>(
        _ makeStep: @escaping @Sendable (TaskContext) -> RowStep<Key, Value, NewValue>
    ) -> TableBacking<Key, NewValue> {
        TableBacking<Key, NewValue>(
            canSendOldValues: { isForced in self.requestOldValues(isForced: isForced) },
            makeRows: {
                let rows = self.rows()
                return TableRows(stores: rows.stores, historyMs: rows.historyMs) { context in
                    rows.compose(context).mapped(makeStep(context))
                }
            }
        )
    }
}
