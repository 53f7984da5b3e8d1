import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Keeps the records for which `isIncluded` is true.
    @inlinable
    public func filter(
        named name: String? = nil,
        _ isIncluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> KStream<Key, Value> {
        let result = child("filter", name)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let isKept = try guarded.attempt({ try isIncluded(key, value) }), isKept else { return }
                try next.push(key, value, timestamp)
            }
        }
        return result
    }

    /// Keeps the records for whose value `isIncluded` is true.
    @inlinable
    public func filter(
        named name: String? = nil,
        _ isIncluded: @escaping @Sendable (Value) throws -> Bool
    ) -> KStream<Key, Value> {
        filter(named: name) { _, value in try isIncluded(value) }
    }

    /// Keeps the records for which `isExcluded` is false.
    @inlinable
    public func filterNot(
        named name: String? = nil,
        _ isExcluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> KStream<Key, Value> {
        let result = child("filterNot", name)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let isDropped = try guarded.attempt({ try isExcluded(key, value) }), !isDropped else { return }
                try next.push(key, value, timestamp)
            }
        }
        return result
    }

    /// Keeps the records for whose value `isExcluded` is false.
    @inlinable
    public func filterNot(
        named name: String? = nil,
        _ isExcluded: @escaping @Sendable (Value) throws -> Bool
    ) -> KStream<Key, Value> {
        filterNot(named: name) { _, value in try isExcluded(value) }
    }

    /// Makes another record of each record. Since the key may change, grouping by key afterwards repartitions.
    @inlinable
    public func map<NewKey, NewValue>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> (NewKey, NewValue)
    ) -> KStream<NewKey, NewValue> {
        let result: KStream<NewKey, NewValue> = changed("map", name, keys: nil, values: nil, isRekeyed: true)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let (newKey, newValue) = try guarded.attempt({ try transform(key, value) }) else { return }
                try next.push(newKey, newValue, timestamp)
            }
        }
        return result
    }

    /// Makes another value of each value.
    @inlinable
    public func mapValues<NewValue>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> KStream<Key, NewValue> {
        let result: KStream<Key, NewValue> = changed(
            "mapValues",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let newValue = try guarded.attempt({ try transform(value) }) else { return }
                try next.push(key, newValue, timestamp)
            }
        }
        return result
    }

    /// Makes another value of each value and its key.
    @inlinable
    public func mapValues<NewValue>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue
    ) -> KStream<Key, NewValue> {
        let result: KStream<Key, NewValue> = changed(
            "mapValues",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let newValue = try guarded.attempt({ try transform(key, value) }) else { return }
                try next.push(key, newValue, timestamp)
            }
        }
        return result
    }

    /// Makes any number of records of each record.
    @inlinable
    public func flatMap<NewKey, NewValue, Records: Sequence>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> Records
    ) -> KStream<NewKey, NewValue> where Records.Element == (NewKey, NewValue) {
        let result: KStream<NewKey, NewValue> = changed("flatMap", name, keys: nil, values: nil, isRekeyed: true)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let records = try guarded.attempt({ try transform(key, value) }) else { return }
                for (newKey, newValue) in records { try next.push(newKey, newValue, timestamp) }
            }
        }
        return result
    }

    /// Makes any number of values of each value; each keeps the key.
    @inlinable
    public func flatMapValues<Values: Sequence>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Value) throws -> Values
    ) -> KStream<Key, Values.Element> {
        let result: KStream<Key, Values.Element> = changed(
            "flatMapValues",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let newValues = try guarded.attempt({ try transform(value) }) else { return }
                for newValue in newValues { try next.push(key, newValue, timestamp) }
            }
        }
        return result
    }

    /// Makes any number of values of each value and its key; each keeps the key.
    @inlinable
    public func flatMapValues<Values: Sequence>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> Values
    ) -> KStream<Key, Values.Element> {
        let result: KStream<Key, Values.Element> = changed(
            "flatMapValues",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let newValues = try guarded.attempt({ try transform(key, value) }) else { return }
                for newValue in newValues { try next.push(key, newValue, timestamp) }
            }
        }
        return result
    }

    /// Gives each record another key. Grouping by key afterwards repartitions.
    @inlinable
    public func selectKey<NewKey>(
        keys newKeys: Serde<NewKey>? = nil,
        named name: String? = nil,
        _ selector: @escaping @Sendable (Key, Value) throws -> NewKey
    ) -> KStream<NewKey, Value> {
        rekeyed("selectKey", name, keys: newKeys, values: values, selector)
    }

    /// Calls `action` with each record and passes it on unchanged.
    @inlinable
    public func peek(
        named name: String? = nil,
        _ action: @escaping @Sendable (Key, Value) throws -> Void
    ) -> KStream<Key, Value> {
        let result = child("peek", name)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard try guarded.attempt({ try action(key, value) }) != nil else { return }
                try next.push(key, value, timestamp)
            }
        }
        return result
    }

    /// Calls `action` with each record and ends there. What it does outside of the log is not part of the commit: it may
    /// be done again after a crash.
    @inlinable
    public func forEach(
        named name: String? = nil,
        _ action: @escaping @Sendable (Key, Value) throws -> Void
    ) {
        let name = assembly.name(of: assembly.add("forEach", named: name, after: [node]))
        port.add { context in
            let guarded = context.guarded(name)
            return Out { key, value, _ in _ = try guarded.attempt { try action(key, value) } }
        }
    }

    @inlinable
    func changed<NewKey, NewValue>(
        _ operation: String,
        _ name: String?,
        keys: Serde<NewKey>?,
        values: Serde<NewValue>?,
        isRekeyed: Bool
    ) -> KStream<NewKey, NewValue> {
        KStream<NewKey, NewValue>(
            assembly: assembly,
            node: assembly.add(operation, named: name, after: [node]),
            keys: keys,
            values: values,
            isRekeyed: isRekeyed
        )
    }

    @inlinable
    func rekeyed<NewKey>(
        _ operation: String,
        _ name: String?,
        keys: Serde<NewKey>?,
        values: Serde<Value>?,
        _ selector: @escaping @Sendable (Key, Value) throws -> NewKey
    ) -> KStream<NewKey, Value> {
        let result: KStream<NewKey, Value> = changed(operation, name, keys: keys, values: values, isRekeyed: true)
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard let newKey = try guarded.attempt({ try selector(key, value) }) else { return }
                try next.push(newKey, value, timestamp)
            }
        }
        return result
    }
}
