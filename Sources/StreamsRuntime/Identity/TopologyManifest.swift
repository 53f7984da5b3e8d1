import MillraceTopology

/// What an application's topology keeps in the log: its stores, its repartition topics and its inputs. Written before
/// anything is processed, so that whoever starts next can tell whether the state that it finds is its own.
///
/// A value; `ManifestLog` keeps it.
struct TopologyManifest: Hashable, Sendable {
    /// A store whose changes are kept in a changelog, or in the topic that it is made of.
    struct Store: Hashable, Sendable {
        /// What its entries look like.
        var format: StoreFormat
        /// The number of partitions of its changelog.
        var partitions: Int32
        /// The settings of its changelog that the topology asked for.
        var changelogConfiguration: [String: String]
        /// Whether the topology that ran last has it; the changelog of one that it has not is left as it was.
        var isLive = true
        /// The topic that it is restored from; nil for its changelog.
        var sourceTopic: String?
    }

    /// A repartition topic.
    struct RepartitionTopic: Hashable, Sendable {
        /// The number of its partitions.
        var partitions: Int32
        /// What its records look like; nil if that is not known.
        var format: TopicFormat?
    }

    /// The number of partitions of each topic of the user's that is read.
    var inputs: [String: Int32] = [:]
    /// The patterns of the sources that name no topics, by the names of the sources.
    var patterns: [String: String] = [:]
    /// The logged stores by name.
    var stores: [String: Store] = [:]
    /// The repartition topics by name, without the application's id.
    var repartitionTopics: [String: RepartitionTopic] = [:]
    /// Whether a reset was begun and has not come to its end.
    var isBeingReset = false

    /// Whether there is nothing that a later topology could misread.
    var isStateless: Bool { stores.isEmpty && repartitionTopics.isEmpty && !isBeingReset }

    init() {}

    /// What a topology keeps.
    init(_ graph: TopologyGraph, _ plan: PartitionPlan, applicationId: String) {
        patterns = graph.patternsByName
        for part in graph.subtopologies() {
            for topic in part.sourceTopics {
                let count = plan.partitions[topic.resolved(applicationId: applicationId)] ?? 0
                if topic.isInternal {
                    repartitionTopics[topic.name] = RepartitionTopic(
                        partitions: count,
                        format: graph.repartitionFormats[topic.name]
                    )
                } else {
                    inputs[topic.name] = count
                }
            }
            for store in part.stores.compactMap({ graph.stores[$0] })
            where store.isLogged || store.sourceTopic != nil {
                stores[store.name] = Store(
                    format: store.format,
                    partitions: plan.taskCounts[part.id],
                    changelogConfiguration: store.changelogConfiguration,
                    sourceTopic: store.sourceTopic
                )
            }
        }
    }

    /// The names of all internal topics that there may be, the one of this manifest left out.
    func internalTopics(applicationId: String) -> [String] {
        let changelogs = stores.filter { $0.value.sourceTopic == nil }.keys.map {
            StoreDefinition.changelogTopic(of: $0)
        }
        return (changelogs + repartitionTopics.keys).map { "\(applicationId)-\($0)" }.sorted()
    }
}
