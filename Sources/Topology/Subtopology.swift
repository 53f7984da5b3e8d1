/// A part of a topology that is connected by records passed on directly or by shared stores; parts are joined to each
/// other by topics only. Each partition of a part's sources is one task.
public struct Subtopology: Sendable, Hashable {
    /// The part's number, in the order of its first operator.
    public var id: Int
    /// Its operators, in the order in which they were added.
    public var nodes: [TopologyGraph.NodeId]
    /// The topics that it reads.
    public var sourceTopics: [TopicReference]
    /// The topics that it writes.
    public var sinkTopics: [TopicReference]
    /// Its stores, sorted by name.
    public var stores: [String]
}

extension TopologyGraph {
    /// The parts of the topology. What feeds global stores is none: see `globalStores()`.
    public func subtopologies() -> [Subtopology] {
        var part = Array(nodes.indices)
        func root(_ node: NodeId) -> NodeId {
            var node = node
            while part[node] != node { node = part[node] }
            return node
        }
        func join(_ left: NodeId, _ right: NodeId) {
            let (first, second) = (root(left), root(right))
            // The smaller number leads, so that parts are numbered by their first operator.
            part[max(first, second)] = min(first, second)
        }
        var firstUser: [String: NodeId] = [:]
        for node in nodes {
            for parent in node.parents { join(parent, node.id) }
            for store in node.stores where stores[store]?.isGlobal != true {
                if let user = firstUser[store] { join(user, node.id) } else { firstUser[store] = node.id }
            }
        }
        var groups = Dictionary(grouping: nodes.indices, by: root)
        for node in nodes { if case .globalSource = node.kind { groups[root(node.id)] = nil } }
        return groups.keys.sorted().enumerated().map { number, leader in
            let members = (groups[leader] ?? []).sorted()
            var sources: [TopicReference] = []
            var sinks: [TopicReference] = []
            var stores: Set<String> = []
            for id in members {
                switch nodes[id].kind {
                case .source(let topics): sources += topics
                case .sink(let topic): if !sinks.contains(topic) { sinks.append(topic) }
                case .processor, .patternSource, .globalSource, .dynamicSink: break
                }
                stores.formUnion(nodes[id].stores.filter { self.stores[$0]?.isGlobal != true })
            }
            return Subtopology(
                id: number,
                nodes: members,
                sourceTopics: sources,
                sinkTopics: sinks,
                stores: stores.sorted()
            )
        }
    }

    /// Everything that is wrong with the topology.
    public func check() -> [TopologyMistake] {
        var found = mistakes
        // The name tells an internal topic from one of the user's, whatever number of partitions was chosen for it.
        var read: Set<String> = []
        var hasSource = false
        for node in nodes {
            switch node.kind {
            case .source(let topics):
                hasSource = true
                if topics.isEmpty { found.append(.sourceWithoutTopics(operator: node.name)) }
                for topic in topics {
                    if !read.insert(topic.resolved(applicationId: "")).inserted {
                        found.append(.topicReadTwice(operator: node.name, topic: topic.name))
                    }
                    if case .repartition(_, .some(let count)) = topic, count < 1 {
                        found.append(.invalidPartitionCount(operator: node.name, count: count))
                    }
                }
            case .globalSource(let topic):
                if !read.insert(topic).inserted {
                    found.append(.topicReadTwice(operator: node.name, topic: topic))
                }
            case .patternSource: hasSource = true
            case .processor, .sink, .dynamicSink: break
            }
            for store in node.stores where stores[store] == nil {
                found.append(.unknownStore(operator: node.name, store: store))
            }
        }
        found += patternMistakes()
        for store in stores.values.sorted(by: { $0.name < $1.name }) {
            guard let formerName = store.formerName, stores[formerName] != nil else { continue }
            found.append(.renamedFromPresentStore(store: store.name, formerName: formerName))
        }
        if !hasSource { found.insert(.noSources, at: 0) }
        return found
    }
}
