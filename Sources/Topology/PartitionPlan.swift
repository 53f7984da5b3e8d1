/// How many partitions the topics of a topology have, and so how many tasks there are.
public struct PartitionPlan: Sendable, Hashable {
    /// The number of partitions of each topic that a sub-topology reads, by full name.
    public var partitions: [String: Int32]
    /// The number of tasks of each sub-topology.
    public var taskCounts: [Int32]
}

/// Why a topology cannot run on the topics that there are.
public enum PartitionPlanError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Topics that the topology reads do not exist.
    case missingTopics([String])
    /// Topics that are brought together have unlike numbers of partitions.
    case unlikePartitionCounts(operator: String, counts: [String: Int32])
    /// A topic fits the pattern of a source that another source reads, or fits two.
    case topicReadTwice(topic: String, operators: [String])
    /// No topic fits the pattern of a source, and how many partitions an internal topic has depends on it.
    case noTopicMatches(operator: String, pattern: String)
    /// A topic that fits a pattern and was made while the application ran has more partitions than its internal topics.
    case outgrown(topics: [String: Int32], internalTopic: String, was: Int32, becomes: Int32)
    /// A repartition topic's number of partitions follows from itself.
    case undeterminedPartitionCount(topic: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .missingTopics(let topics):
            "the topology reads topics that do not exist: \(topics.joined(separator: ", ")); create them first"
        case .unlikePartitionCounts(let name, let counts):
            "\(name) brings together topics with unlike numbers of partitions: "
                + counts.sorted { $0.key < $1.key }.map { "\($0.key) has \($0.value)" }.joined(separator: ", ")
                + "; repartition one of them"
        case .topicReadTwice(let topic, let operators):
            "\(operators.joined(separator: " and ")) both read the topic \(topic): make their patterns and names such that "
                + "a topic fits one of them"
        case .noTopicMatches(let name, let pattern):
            "\(name): there is no topic that fits \(pattern), and how many partitions the internal topics after it have "
                + "follows from those; create the first one, with as many partitions as the others are to have"
        case .outgrown(let topics, let internalTopic, let was, let becomes):
            "\(internalTopic) has \(was) partitions and would need \(becomes) since there is "
                + topics.sorted { $0.key < $1.key }.map { "\($0.key) with \($0.value)" }.joined(separator: ", ")
                + ": topics of one pattern need equally many partitions, or repartition(partitions:) a number"
        case .undeterminedPartitionCount(let topic):
            "the number of partitions of \(topic) follows from itself; give repartition(partitions:) a number"
        }
    }
}

extension TopologyGraph {
    /// Finds the number of partitions of every source and repartition topic.
    ///
    /// A repartition topic has as many as the user chose; otherwise as many as the topics that it must have equally many
    /// with, such as those of the other side of a join; otherwise as the topic with the most among the sources before it.
    /// One that leads to an operator has as many as the sources of that.
    ///
    /// - Parameters:
    ///   - applicationId: the prefix of internal topics.
    ///   - existing: asks for the number of partitions of a topic of the user's; nil if there is no such topic.
    public func partitionPlan<Failure: Error>(
        applicationId: String,
        existing: (String) throws(Failure) -> Int32?
    ) throws -> PartitionPlan {
        precondition(patterns.isEmpty, "a plan is made of what is resolved")
        var given: [TopicReference: Int32] = [:]
        var missing: [String] = []
        var free: [TopicReference] = []
        for node in nodes {
            if case .globalSource(let name) = node.kind, try existing(name) == nil { missing.append(name) }
            guard case .source(let topics) = node.kind else { continue }
            for topic in topics {
                switch topic {
                case .external(let name):
                    if let count = try existing(name) { given[topic] = count } else { missing.append(name) }
                case .repartition(_, .some(let count)): given[topic] = count
                case .repartition(_, nil): free.append(topic)
                }
            }
        }
        guard missing.isEmpty else { throw PartitionPlanError.missingTopics(missing.sorted()) }
        let counts = try determine(free, given)
        try checkCopartitioning(counts, applicationId: applicationId)
        let parts = subtopologies()
        let taskCounts = parts.map { part in part.sourceTopics.compactMap { counts[$0] }.max() ?? 0 }
        let hasStoreWithoutTasks = parts.contains { part in
            taskCounts[part.id] == 0 && part.stores.contains { stores[$0]?.isLogged == true }
        }
        if hasStoreWithoutTasks, let error = unmatchedPattern { throw error }
        return PartitionPlan(
            partitions: Dictionary(
                uniqueKeysWithValues: counts.map { ($0.key.resolved(applicationId: applicationId), $0.value) }
            ),
            taskCounts: taskCounts
        )
    }

    /// The counts of all topics, those of the free ones so chosen that what must be alike is, if that can be.
    private func determine(
        _ free: [TopicReference],
        _ given: [TopicReference: Int32]
    ) throws -> [TopicReference: Int32] {
        var chosen: [TopicReference: Int32] = [:]
        // Each round settles a topic or is the last.
        while true {
            var counts = given.merging(chosen) { $1 }
            var undetermined = free.filter { counts[$0] == nil }
            while !undetermined.isEmpty {
                let before = undetermined.count
                undetermined.removeAll { topic in
                    guard let count = derivedCount(of: topic, from: counts) else { return false }
                    counts[topic] = count
                    return true
                }
                if undetermined.count == before {
                    if let error = unmatchedPattern { throw error }
                    throw PartitionPlanError.undeterminedPartitionCount(topic: undetermined[0].name)
                }
            }
            guard
                let (topic, count) = disagreement(
                    counts,
                    free.filter { chosen[$0] == nil && leaders[$0] == nil }
                )
            else { return counts }
            chosen[topic] = count
        }
    }

    /// A free topic that has not as many partitions as those that it must be like, and how many these have: those that
    /// are not free if there are any.
    private func disagreement(
        _ counts: [TopicReference: Int32],
        _ free: [TopicReference]
    ) -> (TopicReference, Int32)? {
        for requirement in copartitioned {
            let involved = topics(of: requirement)
            let fixed = involved.filter { !free.contains($0) }
            guard let count = (fixed.isEmpty ? involved : fixed).compactMap({ counts[$0] }).max() else { continue }
            if let topic = involved.first(where: { free.contains($0) && counts[$0] != count }) { return (topic, count) }
        }
        return nil
    }

    /// The topics that an operator brings together.
    private func topics(of requirement: CopartitionRequirement) -> [TopicReference] {
        var found: [TopicReference] = []
        for parent in requirement.parents {
            for source in sources(upstreamOf: parent) {
                guard case .source(let topics) = nodes[source].kind else { continue }
                for topic in topics where !found.contains(topic) { found.append(topic) }
            }
        }
        return found
    }

    private func derivedCount(of topic: TopicReference, from counts: [TopicReference: Int32]) -> Int32? {
        if let leader = leaders[topic] { return largestCount(upstreamOf: leader, counts) }
        var largest: Int32?
        for node in nodes where node.kind == .sink(topic) {
            guard let count = largestCount(upstreamOf: node.id, counts) else { return nil }
            largest = max(largest ?? 0, count)
        }
        return largest
    }

    /// The most partitions of a topic that an operator's records come from; nil as long as one of them has no number.
    private func largestCount(upstreamOf node: NodeId, _ counts: [TopicReference: Int32]) -> Int32? {
        var largest: Int32?
        for source in sources(upstreamOf: node) {
            guard case .source(let topics) = nodes[source].kind else { continue }
            for topic in topics {
                guard let count = counts[topic] else { return nil }
                largest = max(largest ?? 0, count)
            }
        }
        return largest
    }

    private func checkCopartitioning(_ counts: [TopicReference: Int32], applicationId: String) throws {
        for requirement in copartitioned {
            var involved: [String: Int32] = [:]
            for topic in topics(of: requirement) {
                involved[topic.resolved(applicationId: applicationId)] = counts[topic]
            }
            if Set(involved.values).count > 1 {
                throw PartitionPlanError.unlikePartitionCounts(
                    operator: nodes[requirement.operatorId].name,
                    counts: involved
                )
            }
        }
    }
}
