import MillraceStreamsRuntime
import MillraceTopology

/// How an aggregation makes an aggregate of the records of one stream.
///
/// Both closures live in one struct, as everything on the way of a record.
@usableFromInline
struct Folding<Key, Value, Aggregate>: Sendable {
    /// The aggregate of no records; nil if the first record is the aggregate, as in `reduce`.
    @usableFromInline let initial: @Sendable () throws -> Aggregate?
    /// Takes a key, a value and the aggregate so far, and gives the new aggregate; nil removes it.
    @usableFromInline let fold: @Sendable (Key, Value, Aggregate?) throws -> Aggregate?

    @inlinable
    init(
        initial: @escaping @Sendable () throws -> Aggregate?,
        fold: @escaping @Sendable (Key, Value, Aggregate?) throws -> Aggregate?
    ) {
        self.initial = initial
        self.fold = fold
    }

    /// The new aggregate; where one begins, its initial value is left in `aggregate`.
    @inlinable
    func apply(_ key: Key, _ value: Value, _ aggregate: inout Aggregate?) throws -> Aggregate? {
        if aggregate == nil { aggregate = try initial() }
        return try fold(key, value, aggregate)
    }
}

extension Folding {
    /// An aggregate that begins with a value and changes with each record.
    @inlinable
    static func aggregate(
        initial: @escaping @Sendable () throws -> Aggregate,
        _ combine: @escaping @Sendable (Key, Value, Aggregate) throws -> Aggregate
    ) -> Folding {
        Folding(
            initial: { try initial() },
            fold: { key, value, aggregate in try combine(key, value, try aggregate ?? initial()) }
        )
    }
}

extension Folding where Aggregate == Int64 {
    /// Counts.
    @inlinable
    static var count: Folding {
        Folding(initial: { 0 }, fold: { _, _, count in (count ?? 0) &+ 1 })
    }
}

extension Folding where Value == Aggregate {
    /// Combines values two at a time.
    @inlinable
    static func reduce(_ combine: @escaping @Sendable (Value, Value) throws -> Value) -> Folding {
        Folding(
            initial: { nil },
            fold: { _, value, aggregate in
                guard let aggregate else { return value }
                return try combine(aggregate, value)
            }
        )
    }
}

/// An aggregation per key and window while its topology is built: an operator with a store, to which one stream or (after
/// `cogroup`) several are attached.
@usableFromInline
struct WindowedAggregation<Key, Aggregate> {
    @usableFromInline let assembly: TopologyAssembly
    @usableFromInline let node: TopologyGraph.NodeId
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Aggregate>
    @usableFromInline let store: DeclaredWindowStore<Key, Aggregate>
    @usableFromInline let table: KTable<Windowed<Key>, Aggregate>

    @usableFromInline
    init(
        assembly: TopologyAssembly,
        node: TopologyGraph.NodeId,
        keys: Serde<Key>,
        values: Serde<Aggregate>,
        store: DeclaredWindowStore<Key, Aggregate>,
        table: KTable<Windowed<Key>, Aggregate>
    ) {
        self.assembly = assembly
        self.node = node
        self.keys = keys
        self.values = values
        self.store = store
        self.table = table
    }

    /// Adds an aggregation into time windows.
    @inlinable
    static func timeWindowed(
        _ operation: String,
        named name: String?,
        after inputs: [TopologyGraph.NodeId],
        in assembly: TopologyAssembly,
        windows: TimeWindows,
        emits: EmitStrategy,
        keys: Serde<Key>,
        values: Serde<Aggregate>,
        store options: StoreOptions
    ) -> WindowedAggregation {
        let node = assembly.addWindowed(operation, named: name, after: inputs, problem: windows.problem)
        assembly.setWindowCloseDelay(windows.graceMs, of: node)
        let store = DeclaredWindowStore<Key, Aggregate>(
            of: node,
            in: assembly,
            keys: keys,
            values: values,
            options: options,
            windowSizeMs: windows.sizeMs,
            retentionMinimumMs: windows.retentionMinimumMs,
            retentionDefaultMs: windows.retentionDefaultMs,
            emits: emits
        )
        let rows = TableRows(stores: [store.definition.name]) { context in
            store.windows(in: context, keys: keys, values: values).lookup()
        }
        return WindowedAggregation(
            assembly: assembly,
            node: node,
            keys: keys,
            values: values,
            store: store,
            table: KTable(
                assembly: assembly,
                node: node,
                keys: .timeWindowed(keys, sizeMs: windows.sizeMs),
                values: values,
                backing: TableBacking(canSendOldValues: { _ in store.sendOldValues() }, makeRows: { rows }),
                queryableStoreName: options.name
            )
        )
    }

    /// Adds an aggregation into sessions.
    @inlinable
    static func sessionWindowed(
        _ operation: String,
        named name: String?,
        after inputs: [TopologyGraph.NodeId],
        in assembly: TopologyAssembly,
        windows: SessionWindows,
        emits: EmitStrategy,
        keys: Serde<Key>,
        values: Serde<Aggregate>,
        store options: StoreOptions
    ) -> WindowedAggregation {
        let node = assembly.addWindowed(operation, named: name, after: inputs, problem: windows.problem)
        assembly.setWindowCloseDelay(windows.retentionMinimumMs, of: node)
        let store = DeclaredWindowStore<Key, Aggregate>(
            of: node,
            in: assembly,
            keys: keys,
            values: values,
            options: options,
            windowSizeMs: nil,
            retentionMinimumMs: windows.retentionMinimumMs,
            retentionDefaultMs: windows.retentionMinimumMs,
            emits: emits
        )
        let rows = TableRows(stores: [store.definition.name]) { context in
            store.sessions(in: context, keys: keys, values: values).lookup()
        }
        return WindowedAggregation(
            assembly: assembly,
            node: node,
            keys: keys,
            values: values,
            store: store,
            table: KTable(
                assembly: assembly,
                node: node,
                keys: .sessionWindowed(keys),
                values: values,
                backing: TableBacking(canSendOldValues: { _ in store.sendOldValues() }, makeRows: { rows }),
                queryableStoreName: options.name
            )
        )
    }
}

/// Where records go that come too late for a window: they are counted, and handed to whoever wants them.
@usableFromInline
struct LateRecords<Key, Value> {
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    @usableFromInline let next: Out<Key, Value>?

    @inlinable
    init(_ port: Port<Key, Value>?, in context: TaskContext) {
        record = context.record
        next = port?.compose(context)
    }

    @inlinable
    func take(_ key: Key, _ value: Value, _ timestamp: Int64) throws {
        record.pointee.lateRecords &+= 1
        try next?.push(key, value, timestamp)
    }
}

extension TopologyAssembly {
    /// The stream of the records of an input that come too late for an operator, if somebody wants it.
    @inlinable
    func lateStream<Key, Value>(
        of input: KStream<Key, Value>,
        at node: TopologyGraph.NodeId,
        _ attach: ((KStream<Key, Value>) -> Void)?
    ) -> Port<Key, Value>? {
        guard let attach else { return nil }
        let late = KStream<Key, Value>(
            assembly: self,
            node: add("lateRecords", named: nil, after: [node]),
            keys: input.keys,
            values: input.values,
            isRekeyed: false
        )
        attach(late)
        return late.port
    }

    /// Adds a windowed operator and reports what is wrong with its windows.
    @usableFromInline
    func addWindowed(
        _ operation: String,
        named name: String?,
        after inputs: [TopologyGraph.NodeId],
        problem: String?
    ) -> TopologyGraph.NodeId {
        let node = add(operation, named: name, after: inputs)
        if let problem {
            graph.report(
                .invalidWindows(operator: self.name(of: node), problem: "its windows make no sense: \(problem)")
            )
        }
        // Records of one key come to one task only if all topics spread their keys over equally many partitions.
        graph.requireCopartitioning(of: inputs, for: node)
        return node
    }
}
