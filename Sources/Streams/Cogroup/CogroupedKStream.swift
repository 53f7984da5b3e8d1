import MillraceStreamsRuntime
import MillraceTopology

/// Several grouped streams with keys of one type, to be aggregated together: what Kafka Streams calls
/// `CogroupedKStream`.
///
///     let profile = logins.groupByKey().cogroup { _, login, profile in profile.adding(login) }
///         .cogroup(orders.groupByKey()) { _, order, profile in profile.adding(order) }
///         .aggregate(initial: { Profile() }, aggregates: .json, store: "profiles")
///
/// One operator with one store takes the records of all streams, each with a function of its own; that saves a store and a
/// join for each stream.
public struct CogroupedKStream<Key, Aggregate> {
    @usableFromInline let assembly: TopologyAssembly
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let parts: [CogroupPart<Key, Aggregate>]

    @usableFromInline
    init(assembly: TopologyAssembly, keys: Serde<Key>, parts: [CogroupPart<Key, Aggregate>]) {
        self.assembly = assembly
        self.keys = keys
        self.parts = parts
    }

    /// Adds a stream.
    ///
    /// - Parameters:
    ///   - other: the stream, grouped by the same key.
    ///   - lateRecords: takes the stream of those of its records that come too late for a window.
    ///   - combine: takes a key, one of the stream's values and the aggregate so far, and gives the new aggregate.
    @inlinable
    public func cogroup<Value>(
        _ other: KGroupedStream<Key, Value>,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> CogroupedKStream<Key, Aggregate> {
        CogroupedKStream(assembly: assembly, keys: keys, parts: parts + [CogroupPart(other, lateRecords, combine)])
    }

    /// Makes an aggregate of the records of each key, beginning with `initial()`. Records whose key or value is nil are
    /// left out.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a key without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    @inlinable
    public func aggregate(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store options: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KTable<Key, Aggregate> {
        let inputs = parts.map { $0.prepare() }
        let id = assembly.add("cogroup", named: name, after: inputs)
        let store = TableStore(of: id, in: assembly, keys: keys, values: aggregates, options: options)
        store.declare()
        // Records of one key come to one task only if all topics spread their keys over equally many partitions.
        assembly.graph.requireCopartitioning(of: inputs, for: id)
        let table = KTable<Key, Aggregate>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: aggregates,
            backing: store.backing,
            queryableStoreName: options.name
        )
        for part in parts { part.attachTable(store, table, initial) }
        if parts.contains(where: { $0.takesLateRecords }) {
            assembly.graph.report(
                .invalidArgument(
                    operator: assembly.name(of: id),
                    problem: "without windows no record comes too late: leave out lateRecords"
                )
            )
        }
        return table
    }

    /// Gathers the records in tumbling, hopping, sliding or unlimited windows.
    @inlinable
    public func windowedBy(_ windows: TimeWindows) -> TimeWindowedCogroupedKStream<Key, Aggregate> {
        TimeWindowedCogroupedKStream(cogrouped: self, windows: windows)
    }

    /// Gathers the records in sessions.
    @inlinable
    public func windowedBy(_ windows: SessionWindows) -> SessionWindowedCogroupedKStream<Key, Aggregate> {
        SessionWindowedCogroupedKStream(cogrouped: self, windows: windows)
    }
}

extension KGroupedStream {
    /// Begins an aggregation of several streams with this one.
    ///
    /// - Parameters:
    ///   - lateRecords: takes the stream of those of its records that come too late for a window.
    ///   - combine: takes a key, one of this stream's values and the aggregate so far, and gives the new aggregate.
    @inlinable
    public func cogroup<Aggregate>(
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> CogroupedKStream<Key, Aggregate> {
        CogroupedKStream(
            assembly: stream.assembly,
            keys: requiredKeys,
            parts: [CogroupPart(self, lateRecords, combine)]
        )
    }
}

/// Several grouped streams whose records are gathered in time windows together: what Kafka Streams calls
/// `TimeWindowedCogroupedKStream`.
public struct TimeWindowedCogroupedKStream<Key, Aggregate> {
    @usableFromInline let cogrouped: CogroupedKStream<Key, Aggregate>
    @usableFromInline let windows: TimeWindows

    @usableFromInline
    init(cogrouped: CogroupedKStream<Key, Aggregate>, windows: TimeWindows) {
        self.cogrouped = cogrouped
        self.windows = windows
    }

    /// Makes an aggregate of the records of each key and window, beginning with `initial()`. What is late is told for each
    /// stream by its own time.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a window without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    @inlinable
    public func aggregate(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KTable<Windowed<Key>, Aggregate> {
        let aggregation = WindowedAggregation<Key, Aggregate>.timeWindowed(
            "cogroup",
            named: name,
            after: cogrouped.parts.map { $0.prepare() },
            in: cogrouped.assembly,
            windows: windows,
            emits: .onWindowUpdate,
            keys: cogrouped.keys,
            values: aggregates,
            store: store
        )
        let registers = aggregation.store.definition.name
        for (number, part) in cogrouped.parts.enumerated() {
            part.attachWindows(aggregation, windows, "\(registers).\(number)", initial)
        }
        return aggregation.table
    }
}

/// Several grouped streams whose records are gathered in sessions together: what Kafka Streams calls
/// `SessionWindowedCogroupedKStream`.
public struct SessionWindowedCogroupedKStream<Key, Aggregate> {
    @usableFromInline let cogrouped: CogroupedKStream<Key, Aggregate>
    @usableFromInline let windows: SessionWindows

    @usableFromInline
    init(cogrouped: CogroupedKStream<Key, Aggregate>, windows: SessionWindows) {
        self.cogrouped = cogrouped
        self.windows = windows
    }

    /// Makes an aggregate of the records of each key and session, beginning with `initial()`. What is late is told for each
    /// stream by its own time.
    ///
    /// - Parameters:
    ///   - initial: makes the aggregate of a session without records.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - merge: takes a key and the aggregates of two sessions, of which the first may be the initial one, and gives the
    ///     aggregate of both together.
    @inlinable
    public func aggregate(
        initial: @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        merge: @escaping @Sendable (Key, Aggregate, Aggregate) throws -> Aggregate
    ) -> KTable<Windowed<Key>, Aggregate> {
        let aggregation = WindowedAggregation<Key, Aggregate>.sessionWindowed(
            "cogroup",
            named: name,
            after: cogrouped.parts.map { $0.prepare() },
            in: cogrouped.assembly,
            windows: windows,
            emits: .onWindowUpdate,
            keys: cogrouped.keys,
            values: aggregates,
            store: store
        )
        let registers = aggregation.store.definition.name
        for (number, part) in cogrouped.parts.enumerated() {
            part.attachSessions(aggregation, windows, "\(registers).\(number)", initial, merge)
        }
        return aggregation.table
    }
}

/// One of the streams of a `CogroupedKStream`, without the type of its values: how it is attached to the operator.
@usableFromInline
struct CogroupPart<Key, Aggregate> {
    @usableFromInline typealias Initial = @Sendable () throws -> Aggregate
    @usableFromInline typealias Merge = @Sendable (Key, Aggregate, Aggregate) throws -> Aggregate

    /// Whether somebody wants the records that come too late.
    @usableFromInline let takesLateRecords: Bool
    /// Repartitions the stream if it must be, and names what the operator comes after.
    @usableFromInline let prepare: () -> TopologyGraph.NodeId
    @usableFromInline let attachTable: (TableStore<Key, Aggregate>, KTable<Key, Aggregate>, @escaping Initial) -> Void
    @usableFromInline let attachWindows:
        (WindowedAggregation<Key, Aggregate>, TimeWindows, String, @escaping Initial) -> Void
    @usableFromInline let attachSessions:
        (WindowedAggregation<Key, Aggregate>, SessionWindows, String, @escaping Initial, @escaping Merge) -> Void

    @inlinable
    init<Value>(
        _ grouped: KGroupedStream<Key, Value>,
        _ lateRecords: ((KStream<Key, Value>) -> Void)?,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) {
        takesLateRecords = lateRecords != nil
        prepare = { grouped.grouped().node }
        attachTable = { store, table, initial in
            grouped.grouped().attach(to: store, of: table) { key, value, aggregate in
                let before = try aggregate ?? initial()
                aggregate = before
                return try combine(key, value, before)
            }
        }
        attachWindows = { aggregation, windows, registers, initial in
            let source = grouped.grouped()
            aggregation.attach(
                source,
                to: windows,
                registers: registers,
                late: aggregation.assembly.lateStream(of: source, at: aggregation.node, lateRecords),
                .aggregate(initial: initial, combine)
            )
        }
        attachSessions = { aggregation, windows, registers, initial, merge in
            let source = grouped.grouped()
            aggregation.attach(
                source,
                to: windows,
                registers: registers,
                late: aggregation.assembly.lateStream(of: source, at: aggregation.node, lateRecords),
                .aggregate(initial: initial, combine),
                merge: merge
            )
        }
    }
}
