import MillracePrimitives

/// The operators of a topology and how records flow between them: an ordinary graph, made for naming, checking and
/// describing. The code of the operators is kept elsewhere and composed once per task.
///
/// Built by one thread, then only read.
public struct TopologyGraph: Sendable, Hashable {
    /// An operator's number; operators are numbered in the order in which they were added.
    public typealias NodeId = Int

    /// What an operator is.
    public enum Kind: Sendable, Hashable {
        /// Reads topics.
        case source([TopicReference])
        /// Reads all topics of the user's whose names fit, those that are made later too.
        case patternSource(TopicPattern)
        /// Reads a topic of the user's whole, in every instance of the application; its records make a global store, and
        /// no task is made for it.
        case globalSource(String)
        /// Does something with each record; the text is its name in the DSL, such as `mapValues`.
        case processor(String)
        /// Writes a topic.
        case sink(TopicReference)
        /// Writes topics that are chosen record by record.
        case dynamicSink
    }

    /// One operator.
    public struct Node: Sendable, Hashable {
        /// Its number.
        public var id: NodeId
        /// Its name, unique in the topology.
        public var name: String
        /// What it is.
        public var kind: Kind
        /// Where its records come from.
        public var parents: [NodeId]
        /// Where its records go.
        public var children: [NodeId] = []
        /// The state stores that it uses, by name.
        public var stores: [String] = []
        /// Whether the name was given, not derived.
        public internal(set) var isNamed = false
        /// What derived names of stores and internal topics after this operator begin with.
        public internal(set) var nameBase = ""
    }

    /// All operators; a node's id is its index.
    public internal(set) var nodes: [Node] = []
    /// All state stores by name.
    public private(set) var stores: [String: StoreDefinition] = [:]
    /// Topics that must have the same number of partitions, each group with the operator that asks for it.
    public private(set) var copartitioned: [CopartitionRequirement] = []
    /// Repartition topics that have as many partitions as the sources of an operator, whatever comes before them.
    private(set) var leaders: [TopicReference: NodeId] = [:]
    /// What is written to repartition topics, by their names without the application's prefix.
    public private(set) var repartitionFormats: [String: TopicFormat] = [:]
    /// The names of stores and repartition topics that the user did not give.
    public internal(set) var derivedNames: Set<String> = []
    /// After how long without records a source is idle, in milliseconds, for those that may be.
    var idlePausesMs: [NodeId: Int64] = [:]
    /// Where the topics of sources come from whose patterns are resolved.
    var resolvedPatterns: [NodeId: TopicPattern] = [:]
    /// The mistakes found so far.
    public private(set) var mistakes: [TopologyMistake] = []

    /// Makes an empty graph.
    public init() {}

    /// Adds an operator after others.
    ///
    /// - Parameters:
    ///   - name: the name that the user gave; nil derives one from the parent and the operation, so that adding an
    ///     unrelated operator changes no other's name.
    public mutating func add(
        _ kind: Kind,
        name: String? = nil,
        after parents: [NodeId] = [],
        stores storeNames: [String] = []
    ) -> NodeId {
        let id = nodes.count
        let chosen: String
        if let name {
            chosen = name
            if let problem = NameRule.problem(with: name) {
                mistakes.append(.invalidName(operator: name, name: name, problem: problem))
            }
            if nodes.contains(where: { $0.name == name }) { mistakes.append(.duplicateName(operator: name)) }
        } else {
            chosen = unusedName(derivedName(kind, after: parents))
        }
        nodes.append(
            Node(
                id: id,
                name: chosen,
                kind: kind,
                parents: parents,
                stores: storeNames,
                isNamed: name != nil,
                nameBase: initialNameBase(kind, name: name, after: parents)
            )
        )
        for parent in parents { nodes[parent].children.append(id) }
        for topic in topics(of: kind) {
            if case .external(let topicName) = topic, let problem = NameRule.problem(with: topicName) {
                mistakes.append(.invalidTopicName(operator: chosen, topic: topicName, problem: problem))
            }
        }
        return id
    }

    /// Adds a state store, to be used by the operators that name it.
    ///
    /// - Parameter isNamed: whether the user gave the name; otherwise it is that of `storeName(for:role:)`.
    public mutating func add(_ store: StoreDefinition, usedBy node: NodeId, isNamed: Bool = true) {
        if let problem = NameRule.problem(with: store.name) {
            mistakes.append(.invalidStoreName(operator: nodes[node].name, store: store.name, problem: problem))
        }
        if stores[store.name] != nil {
            report(
                isNamed
                    ? .duplicateStore(operator: nodes[node].name, store: store.name)
                    : .ambiguousStoreName(operator: nodes[node].name, store: store.name)
            )
            return
        }
        if !isNamed { derivedNames.insert(store.name) }
        stores[store.name] = store
        nodes[node].stores.append(store.name)
    }

    /// Remembers what is written to a repartition topic.
    public mutating func setFormat(of topic: TopicReference, _ format: TopicFormat) {
        repartitionFormats[topic.name] = format
    }

    /// Lets another operator use a store.
    public mutating func connect(_ node: NodeId, to store: String) {
        nodes[node].stores.append(store)
    }

    /// Remembers that the sources upstream of these operators must have the same number of partitions.
    public mutating func requireCopartitioning(of parents: [NodeId], for node: NodeId) {
        copartitioned.append(CopartitionRequirement(operatorId: node, parents: parents))
    }

    /// Gives a repartition topic as many partitions as the sources upstream of an operator have, and not as many as those
    /// before the topic: its records are brought to where that operator's are.
    public mutating func setPartitions(of topic: TopicReference, like leader: NodeId) {
        leaders[topic] = leader
    }

    /// Remembers a mistake of the user, once; all of them are reported together.
    public mutating func report(_ mistake: TopologyMistake) {
        if !mistakes.contains(mistake) { mistakes.append(mistake) }
    }

    /// A name that no operator has yet: the given one, or with a number after it.
    public func unusedName(_ name: String) -> String {
        guard nodes.contains(where: { $0.name == name }) else { return name }
        var number = 2
        while nodes.contains(where: { $0.name == "\(name)-\(number)" }) { number += 1 }
        return "\(name)-\(number)"
    }

    /// The first operator of each store: the one that declared it, since those that read it come after. A part of a task
    /// that belongs to one operator alone is found by the operator's name.
    public var firstOperators: [String: NodeId] {
        var found: [String: NodeId] = [:]
        for node in nodes {
            for name in node.stores + [node.name] where found[name] == nil { found[name] = node.id }
        }
        return found
    }

    private func derivedName(_ kind: Kind, after parents: [NodeId]) -> String {
        let base = parents.first.map { nodes[$0].name }
        switch kind {
        case .globalSource(let topic): return topic
        case .source(let topics): return topics.isEmpty ? "source" : topics.map(\.name).joined(separator: "-")
        case .patternSource(let pattern): return pattern.nameBase
        case .processor(let operation): return base.map { "\($0)-\(operation)" } ?? operation
        case .sink(let topic): return base.map { "\($0)-to-\(topic.name)" } ?? topic.name
        case .dynamicSink: return base.map { "\($0)-route" } ?? "route"
        }
    }

    func topics(of kind: Kind) -> [TopicReference] {
        switch kind {
        case .source(let topics): topics
        case .globalSource(let topic): [.external(topic)]
        case .processor, .dynamicSink, .patternSource: []
        case .sink(let topic): [topic]
        }
    }

    /// The sources that a node's records come from, itself included.
    public func sources(upstreamOf node: NodeId) -> [NodeId] {
        var found: Set<NodeId> = []
        var pending = [node]
        var seen: Set<NodeId> = []
        while let id = pending.popLast() {
            guard seen.insert(id).inserted else { continue }
            switch nodes[id].kind {
            case .source, .patternSource: found.insert(id)
            case .globalSource, .processor, .sink, .dynamicSink: break
            }
            pending += nodes[id].parents
        }
        return found.sorted()
    }
}

/// A topic as a topology names it.
public enum TopicReference: Sendable, Hashable, Comparable {
    /// A topic of the user's.
    case external(String)
    /// A topic that the topology makes to bring records of one key together; `partitions` is the user's choice, nil for
    /// as many as the sources before it have.
    case repartition(String, partitions: Int32?)

    /// The name without the application's prefix.
    public var name: String {
        switch self {
        case .external(let name): name
        case .repartition(let name, _): "\(name)-repartition"
        }
    }

    /// Whether the topology owns the topic.
    public var isInternal: Bool {
        switch self {
        case .external: false
        case .repartition: true
        }
    }

    /// The topic's full name for an application: internal topics have its id before them.
    public func resolved(applicationId: String) -> String {
        isInternal ? "\(applicationId)-\(name)" : name
    }

    /// By name.
    public static func < (left: TopicReference, right: TopicReference) -> Bool {
        left.name < right.name
    }
}

/// A state store as a topology declares it.
public struct StoreDefinition: Sendable, Hashable {
    /// The name, unique in the topology.
    public var name: String
    /// What its entries look like.
    public var format: StoreFormat
    /// Whether changes are written to a changelog topic, from which the store is restored.
    public var isLogged: Bool
    /// Whether updates are held back until the commit, and only the last one of a key is passed on.
    public var isCached: Bool
    /// Further settings of the changelog topic, by Kafka's names.
    public var changelogConfiguration: [String: String]
    /// What the store was called before, so that it takes over those entries.
    public var formerName: String?
    /// Whether every instance keeps the whole of it, made from a topic of the user's: any operator may read it, which
    /// makes no sub-topology of them, and there is no changelog.
    public var isGlobal: Bool

    /// The topic of the user's whose records are the store's changes, from which it is restored up to the committed input
    /// offset; there is no changelog then.
    public var sourceTopic: String?

    /// Declares a store.
    public init(
        name: String,
        format: StoreFormat,
        isLogged: Bool = true,
        isCached: Bool = true,
        changelogConfiguration: [String: String] = [:],
        formerName: String? = nil,
        isGlobal: Bool = false,
        sourceTopic: String? = nil
    ) {
        self.name = name
        self.format = format
        self.isLogged = isLogged && !isGlobal && sourceTopic == nil
        self.sourceTopic = sourceTopic
        self.isCached = isCached && !isGlobal
        self.changelogConfiguration = changelogConfiguration
        self.formerName = formerName
        self.isGlobal = isGlobal
    }

    /// The changelog topic's name without the application's prefix.
    public var changelogTopic: String { Self.changelogTopic(of: name) }

    /// The name of a store's changelog topic without the application's prefix.
    public static func changelogTopic(of store: String) -> String { "\(store)-changelog" }
}

/// Operators whose sources must have equally many partitions.
public struct CopartitionRequirement: Sendable, Hashable {
    /// The operator that brings the streams together.
    public var operatorId: TopologyGraph.NodeId
    /// The streams.
    public var parents: [TopologyGraph.NodeId]
}
