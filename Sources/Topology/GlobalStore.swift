/// A store that every instance of an application keeps the whole of, and the topic that it is made from.
public struct GlobalStore: Sendable, Hashable {
    /// The number, which goes on after those of the sub-topologies.
    public var id: Int
    /// The operator that reads the topic.
    public var source: TopologyGraph.NodeId
    /// The operators that make the store of its records.
    public var processors: [TopologyGraph.NodeId]
    /// The topic.
    public var topic: String
    /// The store's name.
    public var store: String

    package init(
        id: Int,
        source: TopologyGraph.NodeId,
        processors: [TopologyGraph.NodeId],
        topic: String,
        store: String
    ) {
        self.id = id
        self.source = source
        self.processors = processors
        self.topic = topic
        self.store = store
    }
}

extension TopologyGraph {
    /// The global stores, in the order in which they were declared.
    public func globalStores() -> [GlobalStore] {
        var found: [GlobalStore] = []
        let firstId = subtopologies().count
        for node in nodes {
            guard case .globalSource(let topic) = node.kind else { continue }
            for name in node.children.flatMap({ nodes[$0].stores }) where stores[name]?.isGlobal == true {
                found.append(
                    GlobalStore(
                        id: firstId + found.count,
                        source: node.id,
                        processors: node.children,
                        topic: topic,
                        store: name
                    )
                )
            }
        }
        return found
    }
}
