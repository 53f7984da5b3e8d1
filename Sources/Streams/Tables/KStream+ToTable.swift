import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Takes each record as an update of a row; nil values remove their keys, records without a key are left out.
    ///
    /// - Parameter options: where the table is kept; nil for a store only if an operator after it needs one.
    @inlinable
    func materialized<TableKey, TableValue>(
        operation: String,
        keys: Serde<TableKey>?,
        values: Serde<TableValue>?,
        store options: StoreOptions?,
        named name: String? = nil,
        isGlobal: Bool = false
    ) -> KTable<TableKey, TableValue> where Key == TableKey?, Value == TableValue? {
        let id = assembly.add(operation, named: name, after: [node])
        let store = TableStore(
            of: id,
            in: assembly,
            keys: keys,
            values: values,
            options: options ?? StoreOptions(),
            isGlobal: isGlobal
        )
        if options != nil { store.declare() }
        let table = KTable<TableKey, TableValue>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: values,
            backing: store.backing,
            queryableStoreName: options?.name
        )
        let target = table.port
        port.add { context in
            let next = target.compose(context)
            guard let rows = store.state(in: context) else {
                return Out { key, value, timestamp in
                    guard let key else { return }
                    try next.push(key, Change(new: value, old: nil), timestamp)
                }
            }
            rows.flush(to: next)
            return Out { key, value, timestamp in
                guard let key else { return }
                try rows.replace(key, timestamp, with: value, to: next)
            }
        }
        return table
    }
}
