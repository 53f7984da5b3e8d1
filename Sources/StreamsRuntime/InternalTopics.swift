import MillraceLogClient
import MillraceTopology

/// The topics that an application makes for itself: repartition topics and changelogs.
struct InternalTopics {
    let applicationId: String
    let graph: TopologyGraph
    let configuration: StreamsConfiguration

    /// Finds out how many partitions everything has.
    func plan(with admin: any AdminConnection) throws -> PartitionPlan {
        let plan = try graph.partitionPlan(applicationId: applicationId, with: admin)
        try checkSinks(with: admin)
        try checkSources(with: admin)
        return plan
    }

    /// Makes what is missing, and checks what is there.
    func ensure(_ plan: PartitionPlan, with admin: any AdminConnection) throws {
        for part in graph.subtopologies() {
            for topic in part.sourceTopics where topic.isInternal {
                let name = topic.resolved(applicationId: applicationId)
                try ensure(
                    NewTopic(
                        name,
                        partitions: plan.partitions[name] ?? 1,
                        configuration: [
                            "cleanup.policy": "delete", "retention.ms": "-1", "segment.bytes": "\(50 << 20)",
                        ]
                    ),
                    with: admin
                )
            }
            for store in part.stores.compactMap({ graph.stores[$0] }) where store.isLogged {
                var settings = ["cleanup.policy": "compact"]
                settings.merge(store.changelogConfiguration) { _, chosen in chosen }
                try ensure(
                    NewTopic(
                        "\(applicationId)-\(store.changelogTopic)",
                        partitions: plan.taskCounts[part.id],
                        configuration: settings
                    ),
                    with: admin
                )
            }
        }
    }

    private func ensure(_ topic: NewTopic, with admin: any AdminConnection) throws {
        if let existing = try admin.describeTopic(topic.name) {
            guard existing.partitionCount == topic.partitions else {
                throw StreamsError.internalTopicMismatch(
                    topic: topic.name,
                    expected: topic.partitions,
                    actual: existing.partitionCount
                )
            }
            return
        }
        do throws(ClientError) {
            try admin.createTopic(topic)
        } catch {
            // Another instance of the application may have been faster.
            guard error.code == .topicAlreadyExists else { throw error }
        }
    }

    /// A table is what its topic holds only as long as that keeps the last record of each key.
    private func checkSources(with admin: any AdminConnection) throws {
        for store in graph.stores.values.sorted(by: { $0.name < $1.name }) {
            guard let topic = store.sourceTopic, let settings = try admin.describeTopic(topic)?.configuration,
                settings["cleanup.policy"] != "compact"
            else { continue }
            if settings["retention.ms"] == "-1", settings["retention.bytes"] ?? "-1" == "-1" { continue }
            throw StreamsError.invalidConfiguration(
                "the store \(store.name) is restored from the topic \(topic), which deletes records by their age or its "
                    + "size: set its cleanup.policy to compact, or leave restoresFromTopic out"
            )
        }
    }

    /// Output topics are the user's and must exist: their number of partitions is not ours to choose.
    private func checkSinks(with admin: any AdminConnection) throws {
        var missing: Set<String> = []
        for case .sink(.external(let name)) in graph.nodes.map(\.kind) {
            if try admin.describeTopic(name) == nil { missing.insert(name) }
        }
        for name in configuration.deadLetterTopics.sorted() where try admin.describeTopic(name) == nil {
            missing.insert(name)
        }
        guard missing.isEmpty else {
            throw StreamsError.log(
                ClientError(
                    .unknownTopicOrPartition,
                    "the topology writes topics that do not exist: \(missing.sorted().joined(separator: ", ")); "
                        + "create them first"
                )
            )
        }
    }
}

extension TopologyGraph {
    /// The topology as it is on a log; see `resolved(among:applicationId:)`.
    func resolved(applicationId: String, with admin: any AdminConnection) throws -> TopologyGraph {
        guard !patterns.isEmpty else { return self }
        return try resolved(among: try admin.topicNames(), applicationId: applicationId)
    }

    /// How many partitions everything has on a log.
    func partitionPlan(applicationId: String, with admin: any AdminConnection) throws -> PartitionPlan {
        try partitionPlan(applicationId: applicationId) { topic in try admin.describeTopic(topic)?.partitionCount }
    }
}
