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
        case .undeterminedPartitionCount(let topic):
            "the number of partitions of \(topic) follows from itself; give repartition(partitions:) a number"
        }
    }
}

extension TopologyGraph {
    /// Finds the number of partitions of every source and repartition topic.
    ///
    /// A repartition topic whose number the user did not choose has as many partitions as the topics that it is brought
    /// together with, if these are given; otherwise as many as the topic with the most among the sources before it, and
    /// before those that it is brought together with.
    ///
    /// - Parameters:
    ///   - applicationId: the prefix of internal topics.
    ///   - existing: asks for the number of partitions of a topic of the user's; nil if there is no such topic.
    public func partitionPlan<Failure: Error>(
        applicationId: String,
        existing: (String) throws(Failure) -> Int32?
    ) throws -> PartitionPlan {
        var counts: [TopicReference: Int32] = [:]
        var missing: [String] = []
        var undetermined: [TopicReference] = []
        for node in nodes {
            if case .globalSource(let name) = node.kind, try existing(name) == nil { missing.append(name) }
            guard case .source(let topics) = node.kind else { continue }
            for topic in topics {
                switch topic {
                case .external(let name):
                    if let count = try existing(name) { counts[topic] = count } else { missing.append(name) }
                case .repartition(_, .some(let count)): counts[topic] = count
                case .repartition(_, nil): undetermined.append(topic)
                }
            }
        }
        guard missing.isEmpty else { throw PartitionPlanError.missingTopics(missing.sorted()) }
        let groups = copartitioned.map { group in Set(group.parents.flatMap(topics(upstreamOf:))) }
        while !undetermined.isEmpty {
            let before = undetermined.count
            // What is given goes before what is derived, and what is derived settles one topic at a time, because it may
            // give another one its number.
            undetermined.removeAll { topic in
                guard let count = givenCount(of: topic, groups, counts) else { return false }
                counts[topic] = count
                return true
            }
            guard undetermined.count == before else { continue }
            let derived = undetermined.indices.lazy.compactMap { index in
                derivedCount(of: undetermined[index], groups, counts).map { (index: index, count: $0) }
            }
            guard let (index, count) = derived.first else {
                throw PartitionPlanError.undeterminedPartitionCount(topic: undetermined[0].name)
            }
            counts[undetermined.remove(at: index)] = count
        }
        try checkCopartitioning(counts, applicationId: applicationId)
        let taskCounts = subtopologies().map { part in part.sourceTopics.compactMap { counts[$0] }.max() ?? 0 }
        return PartitionPlan(
            partitions: Dictionary(
                uniqueKeysWithValues: counts.map { ($0.key.resolved(applicationId: applicationId), $0.value) }
            ),
            taskCounts: taskCounts
        )
    }

    private func topics(upstreamOf node: NodeId) -> [TopicReference] {
        sources(upstreamOf: node).flatMap { source in
            guard case .source(let topics) = nodes[source].kind else { return [TopicReference]() }
            return topics
        }
    }

    /// The number that a repartition topic takes over from a topic that it is brought together with, or from its leader.
    private func givenCount(
        of topic: TopicReference,
        _ groups: [Set<TopicReference>],
        _ counts: [TopicReference: Int32]
    ) -> Int32? {
        if let leader = leaders[topic] { return largestCount(of: topics(upstreamOf: leader), counts) }
        return groups.filter { $0.contains(topic) }.flatMap { $0.compactMap { counts[$0] } }.max()
    }

    /// The number that follows from the sources before a repartition topic, and before those that it is brought together
    /// with; nil as long as one of them has none.
    private func derivedCount(
        of topic: TopicReference,
        _ groups: [Set<TopicReference>],
        _ counts: [TopicReference: Int32]
    ) -> Int32? {
        guard leaders[topic] == nil else { return nil }
        let together = groups.filter { $0.contains(topic) }.reduce(into: Set([topic])) { $0.formUnion($1) }
            .filter { leaders[$0] == nil }
        var largest: Int32?
        for node in nodes {
            guard case .sink(let written) = node.kind, together.contains(written) else { continue }
            guard let count = largestCount(of: topics(upstreamOf: node.id), counts) else { return nil }
            largest = max(largest ?? 0, count)
        }
        return largest
    }

    private func largestCount(of topics: [TopicReference], _ counts: [TopicReference: Int32]) -> Int32? {
        var largest: Int32?
        for topic in topics {
            guard let count = counts[topic] else { return nil }
            largest = max(largest ?? 0, count)
        }
        return largest
    }

    private func checkCopartitioning(_ counts: [TopicReference: Int32], applicationId: String) throws {
        for requirement in copartitioned {
            var involved: [String: Int32] = [:]
            for parent in requirement.parents {
                for topic in topics(upstreamOf: parent) {
                    involved[topic.resolved(applicationId: applicationId)] = counts[topic]
                }
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
