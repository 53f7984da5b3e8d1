import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Which source of a topology reads which topic of an application, and which task each partition belongs to.
package struct TopicRouting: Sendable {
    /// A source that reads all topics that fit.
    private struct PatternSource: Sendable {
        var pattern: TopicPattern
        var node: TopologyGraph.NodeId
        var part: Int
    }

    let topology: Topology
    private let applicationId: String
    /// The full names of all topics that the topology names, sorted.
    package let namedTopics: [String]
    private let nodes: [String: TopologyGraph.NodeId]
    private let subtopologies: [String: Int]
    private let internalTopics: Set<String>
    private let globalNodes: [String: TopologyGraph.NodeId]
    private let patternSources: [PatternSource]
    /// The parts that read what fits a pattern and have stores: at work only where a thread has all of a task's partitions.
    private let partsOfWholeTasks: Set<Int>

    package init(topology: Topology, applicationId: String) {
        self.topology = topology
        self.applicationId = applicationId
        var nodes: [String: TopologyGraph.NodeId] = [:]
        var parts: [String: Int] = [:]
        var internalTopics: Set<String> = []
        var patternSources: [PatternSource] = []
        var partsOfWholeTasks: Set<Int> = []
        for part in topology.graph.subtopologies() {
            for id in part.nodes {
                switch topology.graph.nodes[id].kind {
                case .source(let topics):
                    for topic in topics {
                        let name = topic.resolved(applicationId: applicationId)
                        nodes[name] = id
                        parts[name] = part.id
                        if topic.isInternal { internalTopics.insert(name) }
                    }
                case .patternSource(let pattern):
                    patternSources.append(PatternSource(pattern: pattern, node: id, part: part.id))
                    if !part.stores.isEmpty { partsOfWholeTasks.insert(part.id) }
                case .globalSource, .processor, .sink, .dynamicSink: break
                }
            }
        }
        var globalNodes: [String: TopologyGraph.NodeId] = [:]
        for case (let id, .globalSource(let topic)) in topology.graph.nodes.map({ ($0.id, $0.kind) }) {
            globalNodes[topic] = id
        }
        self.globalNodes = globalNodes
        self.nodes = nodes
        self.patternSources = patternSources
        self.partsOfWholeTasks = partsOfWholeTasks
        subtopologies = parts
        self.internalTopics = internalTopics
        namedTopics = nodes.keys.sorted()
    }

    /// Whether it takes a list of topics to say which are read.
    package var hasPatterns: Bool { !patternSources.isEmpty }

    /// The full names of all topics that the topology reads, sorted.
    ///
    /// - Parameter topics: gives the topics that there are; asked if there are patterns.
    package func sourceTopics<Failure: Error>(
        among topics: () throws(Failure) -> [String]
    ) throws(Failure) -> [String] {
        guard hasPatterns else { return namedTopics }
        return (try namedTopics + topics().filter { patternSource(of: $0) != nil }).sorted()
    }

    /// Whether the topology reads a topic, other than whole in every instance.
    package func reads(_ topic: String) -> Bool { nodes[topic] != nil || patternSource(of: topic) != nil }

    /// The names of the topics that every instance reads whole, sorted; none of them is a source topic.
    package var globalTopics: [String] { globalNodes.keys.sorted() }

    /// Whether a topic is one that the application makes for itself.
    package func isInternal(_ topic: String) -> Bool { internalTopics.contains(topic) }

    private func patternSource(of topic: String) -> PatternSource? {
        guard nodes[topic] == nil, globalNodes[topic] == nil,
            !TopologyGraph.isInternal(topic, applicationId: applicationId)
        else { return nil }
        return patternSources.first { $0.pattern.matches(topic) }
    }

    func sourceNode(of topic: String) -> TopologyGraph.NodeId? { nodes[topic] ?? patternSource(of: topic)?.node }

    func globalSourceNode(of topic: String) -> TopologyGraph.NodeId? { globalNodes[topic] }

    /// Where sources begin without a committed position that say so themselves, by the topics that they name.
    var offsetResets: [String: OffsetReset] {
        nodes.compactMapValues { topology.sources[$0]?.offsetReset }
    }

    /// Where a source begins in a topic that fits its pattern, without a committed position, if it says so itself.
    func offsetReset(ofMatching topic: String) -> OffsetReset? {
        patternSource(of: topic).flatMap { topology.sources[$0.node]?.offsetReset }
    }

    func task(of partition: TopicPartition) -> TaskId? {
        let part = subtopologies[partition.topic] ?? patternSource(of: partition.topic)?.part
        return part.map { TaskId(subtopology: $0, partition: partition.partition) }
    }

    /// The tasks that these partitions make, each with its partitions.
    package func tasks(of partitions: [TopicPartition]) -> [TaskId: [TopicPartition]] {
        var tasks: [TaskId: [TopicPartition]] = [:]
        for partition in partitions {
            if let id = task(of: partition) { tasks[id, default: []].append(partition) }
        }
        return tasks
    }

    /// Whether a task may work on these partitions, when the topics have so many.
    ///
    /// While a topic is new, some members of the group know of it and others do not, and a task's partitions may lie with
    /// two of them; a task with stores then waits for the assignment that follows.
    func isWhole(_ id: TaskId, _ partitions: [TopicPartition], _ plan: PartitionPlan) -> Bool {
        guard partsOfWholeTasks.contains(id.subtopology) else { return true }
        let counts = plan.partitions.filter { task(of: TopicPartition($0.key, 0))?.subtopology == id.subtopology }
        // Topics of unlike numbers of partitions cannot be kept together.
        guard Set(counts.values).count == 1 else { return true }
        return Set(partitions.map(\.topic)) == Set(counts.keys)
    }
}
