import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Which source of a topology reads which topic of an application, and which task each partition belongs to.
package struct TopicRouting: Sendable {
    let topology: Topology
    /// The full names of all topics that the topology reads, sorted.
    package let sourceTopics: [String]
    private let nodes: [String: TopologyGraph.NodeId]
    private let subtopologies: [String: Int]
    private let internalTopics: Set<String>
    private let globalNodes: [String: TopologyGraph.NodeId]

    package init(topology: Topology, applicationId: String) {
        self.topology = topology
        var nodes: [String: TopologyGraph.NodeId] = [:]
        var parts: [String: Int] = [:]
        var internalTopics: Set<String> = []
        for part in topology.graph.subtopologies() {
            for id in part.nodes {
                guard case .source(let topics) = topology.graph.nodes[id].kind else { continue }
                for topic in topics {
                    let name = topic.resolved(applicationId: applicationId)
                    nodes[name] = id
                    parts[name] = part.id
                    if topic.isInternal { internalTopics.insert(name) }
                }
            }
        }
        var globalNodes: [String: TopologyGraph.NodeId] = [:]
        for case (let id, .globalSource(let topic)) in topology.graph.nodes.map({ ($0.id, $0.kind) }) {
            globalNodes[topic] = id
        }
        self.globalNodes = globalNodes
        self.nodes = nodes
        subtopologies = parts
        self.internalTopics = internalTopics
        sourceTopics = nodes.keys.sorted()
    }

    /// The names of the topics that every instance reads whole, sorted; none of them is a source topic.
    package var globalTopics: [String] { globalNodes.keys.sorted() }

    /// Whether a topic is one that the application makes for itself.
    package func isInternal(_ topic: String) -> Bool { internalTopics.contains(topic) }

    func sourceNode(of topic: String) -> TopologyGraph.NodeId? { nodes[topic] }

    func globalSourceNode(of topic: String) -> TopologyGraph.NodeId? { globalNodes[topic] }

    /// Where sources begin without a committed position that say so themselves, by topic.
    var offsetResets: [String: OffsetReset] {
        nodes.compactMapValues { topology.sources[$0]?.offsetReset }
    }

    func task(of partition: TopicPartition) -> TaskId? {
        subtopologies[partition.topic].map { TaskId(subtopology: $0, partition: partition.partition) }
    }

    /// The tasks that these partitions make, each with its partitions.
    package func tasks(of partitions: [TopicPartition]) -> [TaskId: [TopicPartition]] {
        var tasks: [TaskId: [TopicPartition]] = [:]
        for partition in partitions {
            if let id = task(of: partition) { tasks[id, default: []].append(partition) }
        }
        return tasks
    }
}
