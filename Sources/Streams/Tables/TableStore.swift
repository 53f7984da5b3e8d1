import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The key-value store of a table while its topology is built: declared at once if the user asked for it, otherwise when
/// somebody needs it.
@usableFromInline
final class TableStore<Key, Value>: @unchecked Sendable {
    // Sendable because only the thread that builds the topology changes it, before `build()`; then it is only read.
    @usableFromInline private(set) var definition: StoreDefinition
    /// Whether the user gave the store a name.
    private let isNamed: Bool
    @usableFromInline private(set) var isDeclared = false
    /// Whether updates carry old values; read when a task is composed.
    @usableFromInline private(set) var sendsOldValues = false
    @usableFromInline private(set) var keys: Serde<Key>?
    @usableFromInline private(set) var values: Serde<Value>?
    /// How long rows live, in milliseconds; nil for ever.
    @usableFromInline let timeToLiveMs: Int64?
    private let lifetimeProblem: String?
    private let assembly: TopologyAssembly
    private let node: TopologyGraph.NodeId

    @usableFromInline
    init(
        of node: TopologyGraph.NodeId,
        in assembly: TopologyAssembly,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        options: StoreOptions,
        isGlobal: Bool = false
    ) {
        definition = StoreDefinition(
            name: options.name ?? assembly.graph.storeName(for: node),
            format: StoreFormat(.keyValue, keys: keys?.format ?? "", values: values?.format ?? ""),
            isLogged: options.isLogged,
            isCached: options.isCached,
            changelogConfiguration: options.changelogConfiguration,
            formerName: options.renamedFrom,
            isGlobal: isGlobal
        )
        isNamed = options.name != nil
        if isNamed { assembly.graph.deriveNames(after: node, ofStore: definition.name) }
        timeToLiveMs = options.timeToLive.map { max(1, $0.wholeMilliseconds) }
        lifetimeProblem = Stores.lifetimeProblem(options.timeToLive)
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
        definition.format = StoreFormat(.keyValue, keys: keys.format, values: values.format)
        if let lifetimeProblem {
            assembly.graph.report(
                .invalidStore(operator: assembly.name(of: node), store: definition.name, problem: lifetimeProblem)
            )
        }
        assembly.graph.add(definition, usedBy: node, isNamed: isNamed)
    }

    /// Declares the store, if it must be, and makes it tell the value before each update.
    ///
    /// - Parameter isForced: whether to declare the store if nobody has yet.
    /// - Returns: whether updates will carry old values.
    @usableFromInline
    func sendOldValues(isForced: Bool) -> Bool {
        guard isDeclared || isForced else { return false }
        declare()
        sendsOldValues = true
        return true
    }

    /// The task's instance of the store; nil if nobody asked for one while the topology was built.
    @inlinable
    func state(in context: TaskContext) -> KeyValueState<Key, Value>? {
        guard isDeclared, let keys, let values else { return nil }
        return context.store(named: definition.name) {
            KeyValueState(
                definition,
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
                return TableRows(stores: [self.definition.name]) { context in
                    guard let state = self.state(in: context) else { return RowLookup { _ in nil } }
                    return state.lookup()
                }
            }
        )
    }
}
