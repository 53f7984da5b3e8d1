import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// The ways by which the records of a query's bound come to a store: directly, as its task reads them, or by way of
/// repartition topics, stage by stage.
struct BoundPlan: Equatable {
    /// A topic whose work must be committed, and the repartition topics on the way to the store that this work writes to.
    struct Stage: Equatable {
        var topic: String
        var next: [String]
    }

    /// What is to be waited for before the store's own task, in the order in which records flow.
    private(set) var stages: [Stage] = []
    /// The repartition topics that the store's own task reads what it holds from.
    private(set) var lastTopics: [String] = []
    /// The topics of the bound that the store's own task reads.
    private(set) var ownTopics: Set<String> = []

    /// Finds the ways from topics, by their full names, to a store; throws the first topic that has none.
    init(from topics: Set<String>, to store: String, routing: TopicRouting, applicationId: String) throws(NoWay) {
        var search = Search(store: store, routing: routing, applicationId: applicationId)
        for topic in topics.sorted() {
            let isOwn = search.isOwn(topic)
            if isOwn { ownTopics.insert(topic) }
            guard search.leadsOn(topic) || isOwn else { throw NoWay(topic: topic) }
        }
        stages = search.stages.reversed()
        lastTopics = stages.flatMap(\.next).filter { search.feedsStore($0) }
        lastTopics = Set(lastTopics).sorted()
    }

    /// Finds the ways to a global store, which is made from one topic.
    init(from topics: Set<String>, toGlobal store: String, in graph: TopologyGraph) throws(NoWay) {
        let own = graph.globalStores().first { $0.store == store }?.topic
        if let other = topics.sorted().first(where: { $0 != own }) { throw NoWay(topic: other) }
        ownTopics = topics
    }

    /// No record of this topic leads to the store.
    struct NoWay: Error {
        var topic: String
    }

    private struct Search {
        private let store: String
        private let graph: TopologyGraph
        private let routing: TopicRouting
        private let applicationId: String
        private let part: Set<TopologyGraph.NodeId>
        /// Topics whose records lead to the store, each after those that it leads to.
        private(set) var stages: [Stage] = []
        private var answers: [String: Bool] = [:]

        init(store: String, routing: TopicRouting, applicationId: String) {
            self.store = store
            self.routing = routing
            self.applicationId = applicationId
            graph = routing.topology.graph
            part = Set(graph.subtopologies().first { $0.stores.contains(store) }?.nodes ?? [])
        }

        /// Whether the store's own task reads a topic.
        func isOwn(_ topic: String) -> Bool { routing.sourceNode(of: topic).map(part.contains) ?? false }

        /// Whether a record of a topic may change the store without another topic between.
        func feedsStore(_ topic: String) -> Bool {
            operators(after: topic).contains { graph.nodes[$0].stores.contains(store) }
        }

        /// Whether repartition topics lead from a topic to the store; notes the stages of the way.
        mutating func leadsOn(_ topic: String) -> Bool {
            if let known = answers[topic] { return known }
            // Records flow in one direction only; the entry ends the search all the same if they should not.
            answers[topic] = false
            var next: [String] = []
            for id in operators(after: topic).sorted() {
                guard case .sink(let sink) = graph.nodes[id].kind, sink.isInternal else { continue }
                let name = sink.resolved(applicationId: applicationId)
                let leadsOn = leadsOn(name)
                if leadsOn || feedsStore(name), !next.contains(name) { next.append(name) }
            }
            guard !next.isEmpty else { return false }
            answers[topic] = true
            stages.append(Stage(topic: topic, next: next))
            return true
        }

        /// The operators that a record of a topic may come to.
        private func operators(after topic: String) -> Set<TopologyGraph.NodeId> {
            var found: Set<TopologyGraph.NodeId> = []
            var pending = routing.sourceNode(of: topic).map { [$0] } ?? []
            while let id = pending.popLast() {
                if found.insert(id).inserted { pending += graph.nodes[id].children }
            }
            return found
        }
    }
}

/// A bound on its way through the stages of its plan.
///
/// A stage is over when the group has committed what it was to process: then the records that came of this are in the
/// repartition topics, before their ends of that moment, decided or about to be. These ends are what the next stage has
/// to process. Of the last one, the store's own task has to.
struct UpstreamBound {
    private let plan: BoundPlan
    private let partition: Int32?
    private var nextStage = 0
    /// The positions that must be reached, of all partitions found so far.
    private var required: [TopicPartition: Int64]

    /// - Parameters:
    ///   - positions: those of the bound: one more than the offsets of its records.
    ///   - partition: the store's partition; nil for all, of a global store.
    init(_ plan: BoundPlan, positions: [TopicPartition: Int64], partition: Int32?) {
        self.plan = plan
        self.partition = partition
        required = positions
    }

    /// Whether anything is to be waited for before the store's own task.
    var isUpstream: Bool { nextStage < plan.stages.count }

    /// What the store's task must have reached, once nothing upstream is to be waited for.
    var ownPositions: [TopicPartition: Int64] {
        required.filter { input, _ in
            (partition ?? input.partition) == input.partition
                && (plan.ownTopics.contains(input.topic) || plan.lastTopics.contains(input.topic))
        }
    }

    /// Goes on as far as the group has committed; returns what it waits for, nil at the end.
    ///
    /// - Parameter ends: asks for the ends of all partitions of a topic, undecided records included.
    mutating func advance(
        _ committed: [TopicPartition: CommittedOffset],
        ends: (String) throws(ClientError) -> [TopicPartition: Int64]
    ) throws(ClientError) -> (input: TopicPartition, position: Int64)? {
        while nextStage < plan.stages.count {
            let stage = plan.stages[nextStage]
            for (input, position) in required where input.topic == stage.topic {
                if committed[input]?.offset ?? -1 < position { return (input, position) }
            }
            for topic in stage.next { required.merge(try ends(topic)) { max($0, $1) } }
            nextStage += 1
        }
        return nil
    }
}
