import MillraceStreamsRuntime
import MillraceTopology

/// A grouped stream whose records are gathered in time windows: what Kafka Streams calls `TimeWindowedKStream`.
///
///     visits.groupByKey()
///         .windowedBy(.tumbling(size: .seconds(60), grace: .seconds(5)))
///         .count(store: "visits-per-minute")
///
/// The result is a table with a row for each key and window. Records without a key are left out, and in sliding windows
/// those without a value.
///
/// A record that comes too late for all of its windows is counted in the application's progress; the parameter
/// `lateRecords` of each aggregation takes a function which is handed them as a stream, while the topology is built:
///
///     .count(store: "visits-per-minute", lateRecords: { late in late.to("late-visits") })
public struct TimeWindowedKStream<Key, Value> {
    @usableFromInline let grouped: KGroupedStream<Key, Value>
    @usableFromInline let windows: TimeWindows
    @usableFromInline let emits: EmitStrategy

    @usableFromInline
    init(grouped: KGroupedStream<Key, Value>, windows: TimeWindows, emits: EmitStrategy) {
        self.grouped = grouped
        self.windows = windows
        self.emits = emits
    }

    /// Says when results are passed on: at each update, which is so without this, or once when a window is complete.
    @inlinable
    public func emitStrategy(_ strategy: EmitStrategy) -> TimeWindowedKStream<Key, Value> {
        TimeWindowedKStream(grouped: grouped, windows: windows, emits: strategy)
    }

    /// Counts the records of each key and window, those with nil values too (but for sliding windows).
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
        // Nobody needs the values: where nobody said how to write them to a repartition topic, their presence is enough.
        if lateRecords == nil, let present = grouped.occurrences() {
            return aggregated(present, "count", .int64, store, name, nil, .count)
        }
        return aggregated(grouped.grouped(), "count", .int64, store, name, lateRecords, .count)
    }

    /// Combines the values of each key and window, two at a time; the first value of a window is kept as it is.
    ///
    /// - Parameters:
    ///   - store: the store of the results.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - combine: takes the result so far and a value.
    @inlinable
    public func reduce(
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (_ aggregate: Value, _ value: Value) throws -> Value
    ) -> KTable<Windowed<Key>, Value> {
        let source = grouped.grouped()
        let values = source.assembly.require(source.values, "values", for: source.node)
        return aggregated(source, "reduce", values, store, name, lateRecords, .reduce(combine))
    }

    /// Makes an aggregate of the records of each key and window, beginning with `initial()`.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a window without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - combine: takes a key, one of its values and the aggregate so far, and gives the new aggregate.
    @inlinable
    public func aggregate<Aggregate>(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> KTable<Windowed<Key>, Aggregate> {
        aggregated(
            grouped.grouped(),
            "aggregate",
            aggregates,
            store,
            name,
            lateRecords,
            .aggregate(initial: initial, combine)
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
        _ folding: Folding<Key, Input, Aggregate>
    ) -> KTable<Windowed<Key>, Aggregate> {
        let aggregation = WindowedAggregation<Key, Aggregate>.timeWindowed(
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
            folding
        )
        return aggregation.table
    }
}

extension KGroupedStream {
    /// Gathers the records in tumbling, hopping, sliding or unlimited windows.
    @inlinable
    public func windowedBy(_ windows: TimeWindows) -> TimeWindowedKStream<Key, Value> {
        TimeWindowedKStream(grouped: self, windows: windows, emits: .onWindowUpdate)
    }

    /// Gathers the records in sessions.
    @inlinable
    public func windowedBy(_ windows: SessionWindows) -> SessionWindowedKStream<Key, Value> {
        SessionWindowedKStream(grouped: self, windows: windows, emits: .onWindowUpdate)
    }
}
