import MillraceStreamsRuntime
import MillraceTopology

/// A table whose rows are grouped by another key, ready to be aggregated: what Kafka Streams calls `KGroupedTable`.
///
/// All aggregations of this value share one repartition topic, `<application id>-<name>-repartition`. An aggregate follows
/// its rows: an update takes the row as it was from the aggregate and adds it as it is.
public struct KGroupedTable<Key, Value> {
    @usableFromInline let updates: KStream<Key, Change<Value>>
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let name: String?
    @usableFromInline let sharing: Sharing

    /// The repartitioned updates, once an aggregation needs them.
    @usableFromInline
    final class Sharing {
        @usableFromInline var updates: KStream<Key, Change<Value>>?

        @usableFromInline
        init() {}
    }

    @inlinable
    init(updates: KStream<Key, Change<Value>>, keys: Serde<Key>, values: Serde<Value>, name: String?) {
        self.updates = updates
        self.keys = keys
        self.values = values
        self.name = name
        sharing = Sharing()
    }

    /// Counts the rows of each group.
    ///
    /// - Parameters:
    ///   - store: where the counts are kept.
    ///   - name: the operator's name.
    @inlinable
    public func count(store: StoreOptions = StoreOptions(), named name: String? = nil) -> KTable<Key, Int64> {
        aggregated("count", state: .int64, store: store, named: name) { _, change, count in
            var count = count
            if change.old != nil { count = count.map { $0 &- 1 } }
            if change.new != nil { count = (count ?? 0) &+ 1 }
            return count
        }
    }

    /// Combines the values of each group; the first value of a group is kept as it is.
    ///
    /// - Parameters:
    ///   - store: where the results are kept.
    ///   - name: the operator's name.
    ///   - adder: adds a value to the result so far; nil removes the group.
    ///   - subtractor: takes a value away from the result so far; nil removes the group.
    @inlinable
    public func reduce(
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        adder: @escaping @Sendable (_ aggregate: Value, _ value: Value) throws -> Value?,
        subtractor: @escaping @Sendable (_ aggregate: Value, _ value: Value) throws -> Value?
    ) -> KTable<Key, Value> {
        aggregated("reduce", state: values, store: store, named: name) { _, change, aggregate in
            var aggregate = aggregate
            if let old = change.old, let before = aggregate { aggregate = try subtractor(before, old) }
            guard let new = change.new else { return aggregate }
            guard let before = aggregate else { return new }
            return try adder(before, new)
        }
    }

    /// Makes an aggregate of each group's rows, beginning with `initial()`.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a group without rows.
    ///   - aggregates: how aggregates are stored.
    ///   - store: where the aggregates are kept.
    ///   - name: the operator's name.
    ///   - adder: takes a group's key, a value and the aggregate so far, and gives the aggregate with the value; nil removes
    ///     the group.
    ///   - subtractor: the same without the value.
    @inlinable
    public func aggregate<Aggregate>(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        adder: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate?,
        subtractor: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate?
    ) -> KTable<Key, Aggregate> {
        aggregated("aggregate", state: aggregates, store: store, named: name) { key, change, aggregate in
            var aggregate = aggregate
            if let old = change.old, let before = aggregate { aggregate = try subtractor(key, old, before) }
            guard let new = change.new else { return aggregate }
            return try adder(key, new, try aggregate ?? initial())
        }
    }

    @inlinable
    func aggregated<State>(
        _ operation: String,
        state: Serde<State>,
        store: StoreOptions,
        named name: String?,
        _ change: @escaping @Sendable (Key, Change<Value>, State?) throws -> State?
    ) -> KTable<Key, State> {
        repartitioned().stateful(operation, keys: keys, state: state, store: store, named: name) { key, update, state in
            try change(key, update, state)
        }
    }

    /// The updates with those of one group in one partition.
    @inlinable
    func repartitioned() -> KStream<Key, Change<Value>> {
        if let shared = sharing.updates { return shared }
        let assembly = updates.assembly
        let made = updates.repartition(
            named: name ?? assembly.graph.deriveRepartitionName(for: "groupBy", after: updates.node)
        )
        sharing.updates = made
        return made
    }
}
