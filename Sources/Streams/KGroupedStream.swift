import MillraceStreamsRuntime
import MillraceTopology

/// A stream whose records of one key come to one task, ready to be aggregated: what Kafka Streams calls
/// `KGroupedStream`.
///
/// If the grouping changed the key, the first aggregation brings in a repartition topic, which all aggregations of
/// this value share.
public struct KGroupedStream<Key, Value> {
    @usableFromInline let stream: KStream<Key, Value>
    @usableFromInline let name: String?
    @usableFromInline let sharing: Sharing

    /// The repartitioned streams made so far, one with the values and one without.
    @usableFromInline
    final class Sharing {
        @usableFromInline var complete: KStream<Key, Value>?
        @usableFromInline var withoutValues: KStream<Key, Void?>?

        @usableFromInline
        init() {}
    }

    @inlinable
    init(stream: KStream<Key, Value>, name: String?) {
        self.stream = stream
        self.name = name
        sharing = Sharing()
    }

    /// Counts the records of each key. Records whose key or value is nil are left out.
    ///
    /// - Parameters:
    ///   - store: the store of the counts.
    ///   - name: the operator's name.
    @inlinable
    public func count(store: StoreOptions = StoreOptions(), named name: String? = nil) -> KTable<Key, Int64> {
        let keys = requiredKeys
        guard let present = occurrences() else {
            return grouped().stateful("count", keys: keys, state: .int64, store: store, named: name) { _, _, count in
                let before = count ?? 0
                count = before
                return before &+ 1
            }
        }
        return present.stateful("count", keys: keys, state: .int64, store: store, named: name) { _, _, count in
            let before = count ?? 0
            count = before
            return before &+ 1
        }
    }

    /// Combines the values of each key, two at a time; the first value of a key is kept as it is.
    @inlinable
    public func reduce(
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        _ combine: @escaping @Sendable (_ aggregate: Value, _ value: Value) throws -> Value
    ) -> KTable<Key, Value> {
        let source = grouped()
        let values = source.assembly.require(source.values, "values", for: source.node)
        return source.stateful("reduce", keys: requiredKeys, state: values, store: store, named: name) {
            _,
            value,
            aggregate in
            guard let aggregate else { return value }
            return try combine(aggregate, value)
        }
    }

    /// Makes an aggregate of each key's records, beginning with `initial()`.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a key without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - combine: takes a key, one of its values and the aggregate so far, and gives the new aggregate.
    @inlinable
    public func aggregate<Aggregate>(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> KTable<Key, Aggregate> {
        grouped().stateful("aggregate", keys: requiredKeys, state: aggregates, store: store, named: name) {
            key,
            value,
            aggregate in
            let before = try aggregate ?? initial()
            aggregate = before
            return try combine(key, value, before)
        }
    }

    @inlinable var requiredKeys: Serde<Key> {
        stream.assembly.require(stream.keys, "keys", for: stream.node)
    }

    /// The stream with the records of one key in one partition.
    @inlinable
    func grouped() -> KStream<Key, Value> {
        guard stream.isRekeyed else { return stream }
        if let shared = sharing.complete { return shared }
        let made = stream.repartition(named: topicName)
        sharing.complete = made
        return made
    }

    /// The records with nothing of their values but whether there is one, for counting them, if they must be repartitioned
    /// and nobody said how values are written; otherwise they are taken as they are.
    @inlinable
    func occurrences() -> KStream<Key, Void?>? {
        guard stream.isRekeyed, stream.values == nil else { return nil }
        if let shared = sharing.withoutValues { return shared }
        let isAbsent = Absence.check(Value.self)
        let present: KStream<Key, Void?> = stream.changed(
            "presence",
            nil,
            keys: requiredKeys,
            values: Serde<Void>.presence.optional,
            isRekeyed: true
        )
        let target = present.port
        stream.port.add { context in
            let next = target.compose(context)
            return Out { key, value, timestamp in
                try next.push(key, isAbsent.needed && isAbsent.test(value) ? nil : .some(()), timestamp)
            }
        }
        let made = present.repartition(named: topicName)
        sharing.withoutValues = made
        return made
    }

    @inlinable var topicName: String {
        name ?? stream.assembly.graph.deriveRepartitionName(for: "groupBy", after: stream.node)
    }
}

extension KStream {
    /// Groups by a key made from each record. The records go through a repartition topic.
    ///
    /// - Parameters:
    ///   - keys: how the new keys are written.
    ///   - values: how values are written to the repartition topic; may be left out if the stream has them as they were
    ///     read, or if they are only counted.
    ///   - name: the name of the grouping, which the repartition topic is named after.
    ///   - selector: makes the key.
    @inlinable
    public func groupBy<NewKey>(
        keys newKeys: Serde<NewKey>,
        values newValues: Serde<Value>? = nil,
        named name: String? = nil,
        _ selector: @escaping @Sendable (Key, Value) throws -> NewKey
    ) -> KGroupedStream<NewKey, Value> {
        KGroupedStream(
            stream: rekeyed("groupBy", name, keys: newKeys, values: newValues ?? values, selector),
            name: name
        )
    }

    /// Groups by the key that records have. They go through a repartition topic only if the key may have changed since
    /// they were read.
    @inlinable
    public func groupByKey(
        keys newKeys: Serde<Key>? = nil,
        values newValues: Serde<Value>? = nil,
        named name: String? = nil
    ) -> KGroupedStream<Key, Value> {
        let stream = KStream(regrouping: self, keys: newKeys ?? keys, values: newValues ?? values)
        return KGroupedStream(stream: stream, name: name)
    }

    /// The same stream with other serdes.
    @usableFromInline
    init(regrouping stream: KStream<Key, Value>, keys: Serde<Key>?, values: Serde<Value>?) {
        assembly = stream.assembly
        node = stream.node
        port = stream.port
        self.keys = keys
        self.values = values
        isRekeyed = stream.isRekeyed
    }
}
