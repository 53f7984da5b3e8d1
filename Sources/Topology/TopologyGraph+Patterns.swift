extension TopologyGraph {
    /// The patterns of the sources that name no topics, with their operators.
    public var patterns: [(source: NodeId, pattern: TopicPattern)] {
        nodes.compactMap { node in
            if case .patternSource(let pattern) = node.kind { (node.id, pattern) } else { nil }
        }
    }

    /// The patterns of the sources, resolved or not, in words, by the names of the sources.
    public var patternsByName: [String: String] {
        var found: [String: String] = [:]
        for (source, pattern) in patterns { found[nodes[source].name] = "\(pattern)" }
        for (source, pattern) in resolvedPatterns { found[nodes[source].name] = "\(pattern)" }
        return found
    }

    /// The topology as it is on a log with these topics: each source with a pattern has the topics that fit. Operators and
    /// parts keep their numbers.
    ///
    /// An application's own internal topics fit no pattern of it, and neither do those that the log keeps for itself.
    ///
    /// - Throws: `PartitionPlanError.topicReadTwice` if a topic fits two sources.
    public func resolved(among topics: [String], applicationId: String) throws(PartitionPlanError) -> TopologyGraph {
        guard !patterns.isEmpty else { return self }
        var result = self
        var readers: [String: NodeId] = [:]
        for node in nodes {
            for topic in self.topics(of: node.kind) {
                guard case .external(let name) = topic, node.kind.isSource else { continue }
                readers[name] = node.id
            }
        }
        for (source, pattern) in patterns {
            let found = topics.filter {
                pattern.matches($0) && !Self.isInternal($0, applicationId: applicationId)
            }
            for topic in found {
                if let other = readers.updateValue(source, forKey: topic) {
                    throw .topicReadTwice(topic: topic, operators: [nodes[other].name, nodes[source].name])
                }
            }
            result.resolvedPatterns[source] = pattern
            result.nodes[source].kind = .source(found.sorted().map { .external($0) })
        }
        return result
    }

    /// What to say of a source whose pattern no topic fits, where it matters; nil if there is none.
    var unmatchedPattern: PartitionPlanError? {
        for node in nodes where node.kind == .source([]) {
            if let pattern = resolvedPatterns[node.id] {
                return .noTopicMatches(operator: node.name, pattern: "\(pattern)")
            }
        }
        return nil
    }

    /// Checks that topics that have come since the application was prepared leave its internal topics as they are: how
    /// many partitions these have cannot change while it runs.
    ///
    /// - Parameters:
    ///   - former: what the internal topics were made for.
    ///   - current: what the topics are now.
    public func checkGrowth(
        from former: PartitionPlan,
        to current: PartitionPlan,
        applicationId: String
    ) throws(PartitionPlanError) {
        for part in subtopologies() {
            for topic in part.sourceTopics where topic.isInternal {
                let name = topic.resolved(applicationId: applicationId)
                try check(name, former.partitions[name], current.partitions[name], former, current)
            }
            guard let store = part.stores.first(where: { stores[$0]?.isLogged == true }) else { continue }
            let changelog = "\(applicationId)-\(StoreDefinition.changelogTopic(of: store))"
            try check(changelog, former.taskCounts[part.id], current.taskCounts[part.id], former, current)
        }
    }

    private func check(
        _ topic: String,
        _ was: Int32?,
        _ becomes: Int32?,
        _ former: PartitionPlan,
        _ current: PartitionPlan
    ) throws(PartitionPlanError) {
        guard let was, let becomes, becomes > was else { return }
        throw .outgrown(
            topics: current.partitions.filter { former.partitions[$0.key] != $0.value && $0.key != topic },
            internalTopic: topic,
            was: was,
            becomes: becomes
        )
    }

    /// Whether a topic belongs to an application itself, by its name: a repartition topic, a changelog, or the one that its
    /// topology is written down in; also those of former topologies.
    public static func isInternal(_ topic: String, applicationId: String) -> Bool {
        guard !topic.hasPrefix("__") else { return true }
        guard topic.hasPrefix("\(applicationId)-") else { return false }
        return topic == "\(applicationId)-topology" || topic.hasSuffix("-repartition") || topic.hasSuffix("-changelog")
    }

    /// What can be said against patterns before the topics are known: topics named elsewhere that fit, and patterns that
    /// overlap in any case.
    func patternMistakes() -> [TopologyMistake] {
        var found: [TopologyMistake] = []
        let patterns = self.patterns
        for (index, (source, pattern)) in patterns.enumerated() {
            let name = nodes[source].name
            if let problem = pattern.problem {
                found.append(.invalidTopicPattern(operator: name, pattern: "\(pattern)", problem: problem))
                continue
            }
            for node in nodes where node.kind.isSource {
                for case .external(let topic) in topics(of: node.kind) where pattern.matches(topic) {
                    found.append(.topicReadTwice(operator: name, topic: topic))
                }
            }
            for (other, earlier) in patterns[..<index] where pattern.overlaps(earlier) {
                found.append(
                    .overlappingPatterns(operator: name, pattern: "\(pattern)", other: nodes[other].name, "\(earlier)")
                )
            }
        }
        return found
    }
}

extension TopologyGraph.Kind {
    /// Whether records come in here.
    var isSource: Bool {
        switch self {
        case .source, .patternSource, .globalSource: true
        case .processor, .sink, .dynamicSink: false
        }
    }
}
