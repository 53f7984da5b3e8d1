import MillraceStreamsRuntime
import MillraceTopology

extension StreamsBuilder {
    /// Makes a store of a topic by a function of your own, and gives every instance of the application the whole of it.
    ///
    ///     let rules = builder.addGlobalStore(
    ///         Stores.keyValue("rules", keys: .utf8, values: .utf8),
    ///         topic: "rules",
    ///         keys: .utf8,
    ///         values: .optional(.utf8)
    ///     ) { record, rules in
    ///         try rules.put(record.key, record.value?.lowercased())
    ///     }
    ///     orders.processValues(stores: rules) { record, context, rules in
    ///         if try rules.get(record.key) == nil { try context.forward(record) }
    ///     }
    ///
    /// The store is filled before the first record is processed, and follows the topic from then on; it is made anew of
    /// the whole topic at each start, by this function, and has no changelog. Each stream thread keeps a copy. Other
    /// operators can only read it.
    ///
    /// - Parameters:
    ///   - store: the store; whether it is logged or cached does not matter.
    ///   - topic: the topic, which must exist when the application starts, and is read for nothing else.
    ///   - keys: how keys are read.
    ///   - values: how values are read.
    ///   - timestamps: what tells the time of the records.
    ///   - name: the operator's name; nil for one made from the topic's.
    ///   - process: changes the store as a record says.
    /// - Returns: the store for processors that read it.
    @inlinable
    public func addGlobalStore<Key, Value, Store>(
        _ store: StoreReference<Store>,
        topic: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value> = .ofRecord(),
        named name: String? = nil,
        _ process: @escaping @Sendable (_ record: Record<Key, Value>, _ store: Store) throws -> Void
    ) -> StoreReference<Store> {
        let global = store.global
        let source = KStream(
            globalSource: topic,
            named: name,
            in: shared,
            keys: keys,
            values: values,
            timestamps: timestamps
        )
        let id = shared.add("globalStore", named: nil, after: [source.node])
        shared.connect(global, to: id)
        let operatorName = shared.name(of: id)
        source.port.add { context in
            let instance = global.instance(in: context)
            let headers = HeaderScope(context)
            let guarded = context.guarded(operatorName)
            return Out { key, value, timestamp in
                let record = Record(
                    key: key,
                    value: value,
                    timestampMs: timestamp,
                    headers: try headers.current()
                )
                _ = try guarded.attempt { try process(record, instance) }
            }
        }
        return global
    }
}
