import MillraceStreamsRuntime
import MillraceTopology

/// Makes a row of one table into a row of another: a value (nil where there is none) into a new one or none. In a struct so
/// that it is wrapped in no further thunk.
///
/// A row at which it fails, where the policy goes on, counts as no row: the table after it has none then, and when the row
/// changes, none goes.
@usableFromInline
struct RowStep<Key, Value, NewValue> {
    @usableFromInline let run: (Key, Value?) throws -> NewValue?

    @inlinable
    init(_ run: @escaping (Key, Value?) throws -> NewValue?) {
        self.run = run
    }

    /// The row that was made of a former value: none if the step fails at it. The policy decided when that was new.
    @inlinable
    func former(_ key: Key, _ value: Value?) -> NewValue? {
        do { return try run(key, value) } catch { return nil }
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
            backing: store?.backing ?? parent.derived(assembly.name(of: id), makeStep),
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
                    let new = try guarded.attempt { try step.run(key, change.new) } ?? nil
                    let old = sendsOldValues ? step.former(key, change.old) : nil
                    if isSilent, case (.none, .none) = (new, old) { return }
                    try next.push(key, Change(new: new, old: old, isLatest: change.isLatest), timestamp)
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
        _ operatorName: String,
        _ makeStep: @escaping @Sendable (TaskContext) -> RowStep<Key, Value, NewValue>
    ) -> TableBacking<Key, NewValue> {
        TableBacking<Key, NewValue>(
            canSendOldValues: { isForced in self.requestOldValues(isForced: isForced) },
            makeRows: {
                let rows = self.rows()
                return TableRows(stores: rows.stores, historyMs: rows.historyMs) { context in
                    rows.compose(context).mapped(makeStep(context), context.guarded(operatorName))
                }
            }
        )
    }
}
