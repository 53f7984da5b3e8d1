extension TopologyGraph {
    /// The topology in words, in the layout of Kafka Streams' `Topology#describe`: the sub-topologies with their
    /// operators, each with its stores and topics and where its records go (`-->`) and come from (`<--`), then the global
    /// stores in the same way.
    public func describe() -> String {
        var lines = ["Topologies:"]
        for part in subtopologies() {
            lines.append("   Sub-topology: \(part.id)")
            lines += part.nodes.flatMap(describe)
            lines.append("")
        }
        for store in globalStores() {
            lines.append("   Sub-topology: \(store.id) for global store (will not generate tasks)")
            lines += ([store.source] + store.processors).flatMap(describe)
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    private func describe(_ id: NodeId) -> [String] {
        let node = nodes[id]
        var lines = ["    " + title(of: node), "      --> \(list(node.children))"]
        if !node.parents.isEmpty { lines.append("      <-- \(list(node.parents))") }
        return lines
    }

    private func title(of node: Node) -> String {
        switch node.kind {
        case .source(let topics):
            "Source: \(node.name) (topics: [\(topics.map(\.name).joined(separator: ", "))])"
        case .patternSource(let pattern):
            "Source: \(node.name) (topic pattern: \(pattern))"
        case .globalSource(let topic):
            "Source: \(node.name) (topics: [\(topic)])"
        case .processor:
            "Processor: \(node.name) (stores: [\(node.stores.joined(separator: ", "))])"
        case .sink(let topic):
            "Sink: \(node.name) (topic: \(topic.name))"
        case .dynamicSink:
            "Sink: \(node.name) (topic: chosen for each record)"
        }
    }

    private func list(_ ids: [NodeId]) -> String {
        ids.isEmpty ? "none" : ids.map { nodes[$0].name }.joined(separator: ", ")
    }
}
