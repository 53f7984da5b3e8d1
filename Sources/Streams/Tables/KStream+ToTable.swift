import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Takes the stream as a table: each record is the new value of its key.
    ///
    /// If keys may have changed since the records were read, they go through a repartition topic first. A stream whose
    /// values may be nil gives a table in which nil removes the key; records whose key is nil are left out.
    ///
    /// - Parameters:
    ///   - newKeys: how keys are written, where they must be; may be left out if the stream has them as they were read.
    ///   - newValues: how values are written, likewise.
    ///   - store: where the table is kept; nil for a store only if an operator after it needs one.
    ///   - name: the operator's name.
    @inlinable
    public func toTable(
        keys newKeys: Serde<Key>? = nil,
        values newValues: Serde<Value>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil
    ) -> KTable<Key, Value> {
        inPlace(newKeys ?? keys, newValues ?? values, name).materialized(
            operation: "toTable",
            keys: newKeys ?? keys,
            values: newValues ?? values,
            store: store,
            named: name
        ) { key, value in (key, value) }
    }

    /// Takes the stream as a table, with nil removing a key; see `toTable`.
    @inlinable
    public func toTable<Wrapped>(
        keys newKeys: Serde<Key>? = nil,
        values newValues: Serde<Wrapped>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil
    ) -> KTable<Key, Wrapped> where Value == Wrapped? {
        inPlace(newKeys ?? keys, newValues?.optional ?? values, name).materialized(
            operation: "toTable",
            keys: newKeys ?? keys,
            values: newValues ?? values.map(Serde<Wrapped>.unwrapping),
            store: store,
            named: name
        ) { key, value in (key, value) }
    }

    /// Takes the stream as a table, without the records whose key is nil; see `toTable`.
    @inlinable
    public func toTable<WrappedKey>(
        keys newKeys: Serde<WrappedKey>? = nil,
        values newValues: Serde<Value>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil
    ) -> KTable<WrappedKey, Value> where Key == WrappedKey? {
        inPlace(newKeys?.optional ?? keys, newValues ?? values, name).materialized(
            operation: "toTable",
            keys: newKeys ?? keys.map(Serde<WrappedKey>.unwrapping),
            values: newValues ?? values,
            store: store,
            named: name
        ) { key, value in (key, value) }
    }

    /// Takes the stream as a table, with nil removing a key and without the records whose key is nil; see `toTable`.
    @inlinable
    public func toTable<WrappedKey, Wrapped>(
        keys newKeys: Serde<WrappedKey>? = nil,
        values newValues: Serde<Wrapped>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil
    ) -> KTable<WrappedKey, Wrapped> where Key == WrappedKey?, Value == Wrapped? {
        inPlace(newKeys?.optional ?? keys, newValues?.optional ?? values, name).materialized(
            operation: "toTable",
            keys: newKeys ?? keys.map(Serde<WrappedKey>.unwrapping),
            values: newValues ?? values.map(Serde<Wrapped>.unwrapping),
            store: store,
            named: name
        ) { key, value in (key, value) }
    }

    /// The stream with the records of one key in one partition.
    @inlinable
    func inPlace(_ keys: Serde<Key>?, _ values: Serde<Value>?, _ name: String?) -> KStream<Key, Value> {
        guard isRekeyed else { return self }
        let topic = name ?? assembly.graph.deriveRepartitionName(for: "toTable", after: node)
        return repartition(keys: keys, values: values, named: topic)
    }

    /// Takes each record of a stream whose keys and values may be nil as an update of a row.
    @inlinable
    func materialized<TableKey, TableValue>(
        operation: String,
        keys: Serde<TableKey>?,
        values: Serde<TableValue>?,
        store options: StoreOptions?,
        named name: String? = nil,
        isGlobal: Bool = false,
        sourceTopic: String? = nil
    ) -> KTable<TableKey, TableValue> where Key == TableKey?, Value == TableValue? {
        materialized(
            operation: operation,
            keys: keys,
            values: values,
            store: options,
            named: name,
            isGlobal: isGlobal,
            sourceTopic: sourceTopic
        ) { key, value in (key, value) }
    }

    /// Takes each record as an update of a row; where the value is missing, it removes its key. Records without a key are
    /// left out.
    ///
    /// - Parameters:
    ///   - options: where the table is kept; nil for a store only if an operator after it needs one.
    ///   - isGlobal: whether each instance of the application has all rows.
    ///   - sourceTopic: the topic that the records are those of, if the store is to be restored from it.
    ///   - row: a record's key and value, nil where they are missing.
    @inlinable
    func materialized<TableKey, TableValue>(
        operation: String,
        keys: Serde<TableKey>?,
        values: Serde<TableValue>?,
        store options: StoreOptions?,
        named name: String? = nil,
        isGlobal: Bool = false,
        sourceTopic: String? = nil,
        row: @escaping @Sendable (Key, Value) -> (key: TableKey?, value: TableValue?)
    ) -> KTable<TableKey, TableValue> {
        let id = assembly.add(operation, named: name, after: [node])
        // Records of one key come to one task only if all topics spread their keys over equally many partitions.
        if !isGlobal { assembly.graph.requireCopartitioning(of: [node], for: id) }
        let store = TableStore(
            of: id,
            in: assembly,
            keys: keys,
            values: values,
            options: options ?? StoreOptions(),
            isGlobal: isGlobal,
            sourceTopic: sourceTopic
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
            guard let rows = store.out(in: context, to: next) else {
                return Out { key, value, timestamp in
                    let row = row(key, value)
                    guard let key = row.key else { return }
                    try next.push(key, Change(new: row.value, old: nil), timestamp)
                }
            }
            return Out { key, value, timestamp in
                let row = row(key, value)
                guard let key = row.key else { return }
                try rows.push(key, row.value, timestamp)
            }
        }
        return table
    }
}
