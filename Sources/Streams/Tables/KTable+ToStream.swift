extension KTable {
    /// The table's updates as a stream: the new value of a key each time it changes, nil when the key is removed.
    @inlinable
    public func toStream(named name: String? = nil) -> KStream<Key, Value?> {
        let stream = KStream<Key, Value?>(
            assembly: assembly,
            node: assembly.add("toStream", named: name, after: [node]),
            keys: keys,
            values: values?.optional,
            isRekeyed: false
        )
        let target = stream.port
        port.add { context in
            let next = target.compose(context)
            return Out { key, change, timestamp in try next.push(key, change.new, timestamp) }
        }
        return stream
    }

    /// The table's updates as a stream with other keys. Grouping by key afterwards repartitions.
    ///
    /// - Parameters:
    ///   - newKeys: how the new keys are written, where an operator after this one must write them.
    ///   - name: the operator's name.
    ///   - selector: makes the key of a key and its new value, which is nil when the key is removed.
    @inlinable
    public func toStream<NewKey>(
        keys newKeys: Serde<NewKey>? = nil,
        named name: String? = nil,
        _ selector: @escaping @Sendable (Key, Value?) throws -> NewKey
    ) -> KStream<NewKey, Value?> {
        toStream().selectKey(keys: newKeys, named: name, selector)
    }
}
