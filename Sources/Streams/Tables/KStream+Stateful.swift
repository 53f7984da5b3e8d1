import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Adds an operator with a store of its own: each record changes the value of its key in it.
    ///
    /// - Parameter change: takes a key, a value, and the key's state; where an aggregation begins, it leaves its initial
    ///   value in the state, which the update tells as the value before it, as Kafka Streams does.
    @inlinable
    func stateful<State>(
        _ operation: String,
        keys: Serde<Key>,
        state: Serde<State>,
        store options: StoreOptions,
        named name: String?,
        _ change: @escaping @Sendable (Key, Value, inout State?) throws -> State?
    ) -> KTable<Key, State> {
        let id = assembly.add(operation, named: name, after: [node])
        let store = TableStore(of: id, in: assembly, keys: keys, values: state, options: options)
        store.declare()
        assembly.graph.deriveNames(after: id, ofStore: store.definition.name)
        // Records of one key come to one task only if all topics spread their keys over equally many partitions.
        assembly.graph.requireCopartitioning(of: [node], for: id)
        let table = KTable<Key, State>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: state,
            backing: store.backing,
            queryableStoreName: options.name
        )
        attach(to: store, of: table, change)
        return table
    }
    /// Lets each record change the value of its key in the store of a table; those with nil values are left out.
    @inlinable
    func attach<State>(
        to store: TableStore<Key, State>,
        of table: KTable<Key, State>,
        _ change: @escaping @Sendable (Key, Value, inout State?) throws -> State?
    ) {
        let target = table.port
        let isAbsent = Absence.check(Value.self)
        let hasSourceKeys = !isRekeyed
        port.add { context in
            let next = target.compose(context)
            if let rows = store.versions(in: context) {
                return Out { key, value, timestamp in
                    if isAbsent.needed, isAbsent.test(value) { return }
                    try rows.update(key, timestamp, to: next) { try change(key, value, &$0) }
                }
            }
            guard let rows = store.state(in: context) else { return Out { _, _, _ in } }
            rows.flush(to: next)
            if hasSourceKeys { context.lookAhead(in: rows.table) }
            return Out { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(value) { return }
                try rows.update(key, timestamp, to: next) { try change(key, value, &$0) }
            }
        }
    }
}
