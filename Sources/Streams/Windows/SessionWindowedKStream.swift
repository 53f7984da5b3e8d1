import MillraceStreamsRuntime
import MillraceTopology

/// A grouped stream whose records are gathered in sessions: what Kafka Streams calls `SessionWindowedKStream`.
///
///     clicks.groupByKey()
///         .windowedBy(.sessions(inactivityGap: .seconds(1_800), grace: .seconds(60)))
///         .count(store: "clicks-per-visit")
///
/// The result is a table with a row for each key and session. A session that grows has another key from then on: its old
/// row is removed, which downstream sees as nil, and a new one takes its place. Records without a key are left out; late
/// ones are treated as in `TimeWindowedKStream`.
public struct SessionWindowedKStream<Key, Value> {
    @usableFromInline let grouped: KGroupedStream<Key, Value>
    @usableFromInline let windows: SessionWindows
    @usableFromInline let emits: EmitStrategy

    @usableFromInline
    init(grouped: KGroupedStream<Key, Value>, windows: SessionWindows, emits: EmitStrategy) {
        self.grouped = grouped
        self.windows = windows
        self.emits = emits
    }

    /// Says when results are passed on: at each update, which is so without this, or once when a session is complete.
    @inlinable
    public func emitStrategy(_ strategy: EmitStrategy) -> SessionWindowedKStream<Key, Value> {
        SessionWindowedKStream(grouped: grouped, windows: windows, emits: strategy)
    }

    /// Counts the records of each key and session, those with nil values too.
    ///
    /// - Parameters:
    ///   - store: the store of the counts.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    @inlinable
    public func count(
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil
    ) -> KTable<Windowed<Key>, Int64> {
        let sum: @Sendable (Key, Int64, Int64) -> Int64 = { _, first, second in first &+ second }
        // Nobody needs the values: where nobody said how to write them to a repartition topic, their presence is enough.
        if lateRecords == nil, let present = grouped.occurrences() {
            return aggregated(present, "count", .int64, store, name, nil, .count, sum)
        }
        return aggregated(grouped.grouped(), "count", .int64, store, name, lateRecords, .count, sum)
    }

    /// Combines the values of each key and session, two at a time, and those of sessions that merge; the first value of a
    /// session is kept as it is.
    ///
    /// - Parameters:
    ///   - store: the store of the results.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - combine: takes the result so far and a value, or the results of two sessions.
    @inlinable
    public func reduce(
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (_ aggregate: Value, _ value: Value) throws -> Value
    ) -> KTable<Windowed<Key>, Value> {
        let source = grouped.grouped()
        let values = source.assembly.require(source.values, "values", for: source.node)
        return aggregated(source, "reduce", values, store, name, lateRecords, .reduce(combine)) { _, first, second in
            try combine(first, second)
        }
    }

    /// Makes an aggregate of the records of each key and session, beginning with `initial()`.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a session without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - merge: takes a key and the aggregates of two sessions, of which the first may be the initial one, and gives the
    ///     aggregate of both together.
    ///   - combine: takes a key, one of its values and the aggregate so far, and gives the new aggregate.
    @inlinable
    public func aggregate<Aggregate>(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        merge: @escaping @Sendable (Key, Aggregate, Aggregate) throws -> Aggregate,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> KTable<Windowed<Key>, Aggregate> {
        aggregated(
            grouped.grouped(),
            "aggregate",
            aggregates,
            store,
            name,
            lateRecords,
            .aggregate(initial: initial, combine),
            merge
        )
    }

    @inlinable
    func aggregated<Input, Aggregate>(
        _ source: KStream<Key, Input>,
        _ operation: String,
        _ values: Serde<Aggregate>,
        _ store: StoreOptions,
        _ name: String?,
        _ lateRecords: ((KStream<Key, Input>) -> Void)?,
        _ folding: Folding<Key, Input, Aggregate>,
        _ merge: @escaping @Sendable (Key, Aggregate, Aggregate) throws -> Aggregate
    ) -> KTable<Windowed<Key>, Aggregate> {
        let aggregation = WindowedAggregation<Key, Aggregate>.sessionWindowed(
            operation,
            named: name,
            after: [source.node],
            in: source.assembly,
            windows: windows,
            emits: emits,
            keys: grouped.requiredKeys,
            values: values,
            store: store
        )
        aggregation.attach(
            source,
            to: windows,
            registers: aggregation.store.definition.name,
            late: source.assembly.lateStream(of: source, at: aggregation.node, lateRecords),
            folding,
            merge: merge
        )
        return aggregation.table
    }
}
