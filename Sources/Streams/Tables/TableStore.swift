import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The store of a table while its topology is built, with or without history: declared at once if the user asked for it,
/// otherwise when somebody needs it.
@usableFromInline
final class TableStore<Key, Value>: @unchecked Sendable {
    // Sendable because only the thread that builds the topology changes it, before `build()`; then it is only read.
    @usableFromInline private(set) var definition: StoreDefinition
    /// How far back a versioned store knows the rows, in milliseconds; nil for a store that knows the latest only.
    @usableFromInline let historyMs: Int64?
    /// The operator that writes to the store.
    @usableFromInline let operatorName: String
    /// Whether the user gave the store a name.
    private let isNamed: Bool
    @usableFromInline private(set) var isDeclared = false
    /// Whether updates carry old values; read when a task is composed.
    @usableFromInline private(set) var sendsOldValues = false
    @usableFromInline private(set) var keys: Serde<Key>?
    @usableFromInline private(set) var values: Serde<Value>?
    /// How long rows live, in milliseconds; nil for ever.
    @usableFromInline let timeToLiveMs: Int64?
    /// What is wrong with the options; nil if nothing is.
    private let problem: String?
    private let assembly: TopologyAssembly
    private let node: TopologyGraph.NodeId

    @usableFromInline
    init(
        of node: TopologyGraph.NodeId,
        in assembly: TopologyAssembly,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        options: StoreOptions,
        isGlobal: Bool = false,
        sourceTopic: String? = nil
    ) {
        definition = StoreDefinition(
            name: options.name ?? assembly.graph.storeName(for: node),
            format: StoreFormat(.keyValue, keys: keys?.format ?? "", values: values?.format ?? ""),
            isLogged: options.isLogged,
            isCached: options.isCached && options.historyRetention == nil,
            changelogConfiguration: options.changelogConfiguration,
            formerName: options.renamedFrom,
            isGlobal: isGlobal,
            sourceTopic: sourceTopic
        )
        historyMs = options.historyRetention.map { max(0, $0.wholeMilliseconds) }
        operatorName = assembly.name(of: node)
        isNamed = options.name != nil
        if isNamed { assembly.graph.deriveNames(after: node, ofStore: definition.name) }
        timeToLiveMs = options.timeToLive.map { max(1, $0.wholeMilliseconds) }
        problem =
            options.historyProblem ?? Stores.lifetimeProblem(options.timeToLive)
            ?? (sourceTopic == nil ? nil : options.sourceTopicProblem)
            ?? options.problem(without: options.historyRetention == nil ? [.retention] : [.retention, .timeToLive])
        self.keys = keys
        self.values = values
        self.assembly = assembly
        self.node = node
    }

    /// Makes the store a part of the topology.
    @usableFromInline
    func declare() {
        guard !isDeclared else { return }
        isDeclared = true
        let keys = assembly.require(keys, "keys", for: node)
        let values = assembly.require(values, "values", for: node)
        (self.keys, self.values) = (keys, values)
        definition.format = StoreFormat(
            historyMs == nil ? .keyValue : .versioned,
            keys: keys.format,
            values: values.format,
            retentionMs: historyMs
        )
        if let problem {
            assembly.graph.report(
                .invalidStore(operator: assembly.name(of: node), store: definition.name, problem: problem)
            )
        }
        assembly.graph.add(definition, usedBy: node, isNamed: isNamed)
    }

    /// Declares the store, if it must be, and makes it tell the value before each update.
    ///
    /// - Parameter isForced: whether the asking operator cannot do without, so that the store is declared if nobody has
    ///   yet. A versioned store tells old values only then, as in Kafka Streams.
    /// - Returns: whether updates will carry old values.
    @usableFromInline
    func sendOldValues(isForced: Bool) -> Bool {
        guard isForced || (isDeclared && historyMs == nil) else { return false }
        declare()
        sendsOldValues = true
        return true
    }

    /// What takes in rows in a task (nil removes one), stores them and passes them on as updates; nil if the table has no
    /// store, since nobody asked for one while the topology was built.
    ///
    /// - Parameter isSilent: whether to pass on nothing when there is no row before or after.
    @inlinable
    func out(
        in context: TaskContext,
        to next: Out<Key, Change<Value>>,
        isSilent: Bool = false
    ) -> Out<Key, Value?>? {
        if let rows = versions(in: context) {
            return Out { key, value, timestamp in
                try rows.replace(key, timestamp, with: value, to: next, isSilent: isSilent)
            }
        }
        guard let rows = state(in: context) else { return nil }
        rows.flush(to: next)
        return Out { key, value, timestamp in
            try rows.replace(key, timestamp, with: value, to: next, isSilent: isSilent)
        }
    }

    /// The task's instance of the store, if it is versioned.
    @inlinable
    func versions(in context: TaskContext) -> VersionedTableRows<Key, Value>? {
        guard isDeclared, let historyMs, let keys, let values else { return nil }
        let rows = context.store(named: definition.name) {
            VersionedRows(definition, historyMs: historyMs, in: context)
        }
        return VersionedTableRows(
            rows,
            guarded: context.guarded(operatorName),
            keys: keys,
            values: values,
            sendsOldValues: sendsOldValues
        )
    }

    /// The task's instance of the store, if it knows the latest rows only.
    @inlinable
    func state(in context: TaskContext) -> KeyValueState<Key, Value>? {
        guard isDeclared, historyMs == nil, let keys, let values else { return nil }
        return context.store(named: definition.name) {
            KeyValueState(
                definition,
                of: operatorName,
                in: context,
                keys: keys,
                values: values,
                sendsOldValues: sendsOldValues,
                timeToLiveMs: timeToLiveMs
            )
        }
    }

    /// What a table with this store says of itself; a table whose store is not declared yet has one as soon as it is
    /// needed.
    @inlinable
    var backing: TableBacking<Key, Value> {
        TableBacking(
            canSendOldValues: { isForced in self.sendOldValues(isForced: isForced) },
            makeRows: {
                self.declare()
                return TableRows(stores: [self.definition.name], historyMs: self.historyMs) { context in
                    self.versions(in: context)?.lookup() ?? self.state(in: context)?.lookup() ?? RowLookup { _ in nil }
                }
            }
        )
    }
}
