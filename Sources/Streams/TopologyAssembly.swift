import MillraceLogClient
import MillraceStreamsRuntime
import MillraceTopology

/// The topology while it is being put together: the graph, and the code behind its sources.
///
/// Shared by the builder and all streams and tables that come from it. Used by the thread that builds.
@usableFromInline
final class TopologyAssembly {
    @usableFromInline var graph = TopologyGraph()
    /// How long after the ends of their windows the rows of windowed tables are complete, in milliseconds.
    private var windowCloseDelays: [TopologyGraph.NodeId: Int64] = [:]
    private var sources: [TopologyGraph.NodeId: SourceCode] = [:]
    /// The stores that operators were connected to by reference, by name.
    var declaredStores: [String: StoreDeclaration] = [:]

    private var processorOutputs: [TopologyGraph.NodeId: ProcessorOutputs] = [:]

    init() {}

    /// Lets a processor have outputs besides its main one.
    ///
    /// - Parameter keepsKeys: whether the processor leaves the key alone.
    @usableFromInline
    func addOutputs(to node: TopologyGraph.NodeId, keepsKeys: Bool) -> ProcessorOutputs {
        let outputs = ProcessorOutputs(keepsKeys: keepsKeys)
        processorOutputs[node] = outputs
        return outputs
    }

    /// The outputs of a processor; nil if the operator is none.
    func outputs(of node: TopologyGraph.NodeId) -> ProcessorOutputs? { processorOutputs[node] }

    /// Adds an operator.
    @usableFromInline
    func add(_ operation: String, named name: String?, after parents: [TopologyGraph.NodeId]) -> TopologyGraph.NodeId {
        graph.add(.processor(operation), name: name, after: parents)
    }

    @usableFromInline
    func setCode(_ code: SourceCode, of source: TopologyGraph.NodeId) {
        sources[source] = code
    }

    @usableFromInline
    func setWindowCloseDelay(_ delayMs: Int64, of node: TopologyGraph.NodeId) {
        windowCloseDelays[node] = delayMs
    }

    /// The close delay of the windowed aggregation that a table was derived from; nil if there is none, or several.
    @usableFromInline
    func windowCloseDelay(upstreamOf node: TopologyGraph.NodeId) -> Int64? {
        if let delayMs = windowCloseDelays[node] { return delayMs }
        let parents = graph.nodes[node].parents
        return parents.count == 1 ? windowCloseDelay(upstreamOf: parents[0]) : nil
    }

    @usableFromInline
    func name(of node: TopologyGraph.NodeId) -> String { graph.nodes[node].name }

    /// Gives an operator a store of its own: by the user's name, or by one that follows from the names before it.
    ///
    /// - Parameter role: what the store is for, if the operator has several.
    @usableFromInline
    func addStore(
        _ options: StoreOptions,
        format: StoreFormat,
        usedBy node: TopologyGraph.NodeId,
        role: String? = nil
    ) -> StoreDefinition {
        let definition = StoreDefinition(
            name: options.name ?? graph.storeName(for: node, role: role),
            format: format,
            isLogged: options.isLogged,
            isCached: options.isCached,
            changelogConfiguration: options.changelogConfiguration,
            formerName: options.renamedFrom
        )
        graph.deriveNames(after: node, ofStore: role == nil ? definition.name : graph.storeName(for: node))
        graph.add(definition, usedBy: node, isNamed: options.name != nil)
        return definition
    }

    /// Takes what an operator cannot do without, or reports that it is missing and takes what keeps the types.
    @usableFromInline
    func require<Value>(
        _ serde: Serde<Value>?,
        _ what: String,
        for node: TopologyGraph.NodeId
    ) -> Serde<Value> {
        if let serde { return serde }
        graph.report(.missingSerde(operator: name(of: node), of: what))
        return Serde(
            write: { _, _ in throw SerdeError.invalid("no serde was given") },
            read: { _ in throw SerdeError.invalid("no serde was given") },
            readNull: { throw SerdeError.invalid("no serde was given") }
        )
    }

    /// Reports why a table cannot be what its topic holds up to an offset.
    @usableFromInline
    func checkRestoration(
        of source: TopologyGraph.NodeId,
        from topic: String,
        hasOwnTimes: Bool,
        _ offsetReset: OffsetReset?
    ) {
        func report(_ problem: String) {
            graph.report(.invalidArgument(operator: name(of: source), problem: "restoresFromTopic: \(problem)"))
        }
        if hasOwnTimes { report("the times of its rows are not those of the topic's records; it needs a changelog") }
        if let offsetReset, offsetReset != .earliest {
            report("the topic is read from its beginning; leave offsetReset out")
        }
    }

    func build() throws(TopologyError) -> Topology {
        try Topology(graph: graph, sources: sources)
    }
}
