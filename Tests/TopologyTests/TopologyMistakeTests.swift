import MillraceTopology
import Testing

@Suite("A user's mistakes")
struct TopologyMistakeTests {
    static let forbidden = "only letters, digits, '.', '_' and '-' are allowed"

    /// A graph with one source, to make a mistake in.
    private func mistakes(_ make: (inout TopologyGraph, TopologyGraph.NodeId) -> Void) -> [TopologyMistake] {
        var graph = TopologyGraph()
        let source = graph.add(.source([.external("orders")]))
        make(&graph, source)
        return graph.check()
    }

    @Test("a sound topology has none")
    func none() {
        #expect(SampleTopology().graph.check() == [])
    }

    @Test("nothing is read")
    func noSources() {
        #expect(TopologyGraph().check() == [.noSources])
        var graph = TopologyGraph()
        _ = graph.add(.processor("peek"))
        #expect(graph.check() == [.noSources])
    }

    @Test("a source of no topics")
    func sourceWithoutTopics() {
        let found = mistakes { graph, _ in _ = graph.add(.source([]), name: "input") }
        #expect(found == [.sourceWithoutTopics(operator: "input")])
    }

    @Test("a name given twice, or given to another by derivation")
    func duplicateName() {
        let found = mistakes { graph, source in
            _ = graph.add(.processor("peek"), name: "look", after: [source])
            _ = graph.add(.processor("peek"), name: "look", after: [source])
            _ = graph.add(.processor("filter"), after: [source])
            _ = graph.add(.processor("filter"), name: "orders-filter", after: [source])
        }
        #expect(found == [.duplicateName(operator: "look"), .duplicateName(operator: "orders-filter")])
    }

    @Test("names that Kafka does not allow, of operators, topics and stores")
    func invalidNames() {
        let long = String(repeating: "n", count: 250)
        let found = mistakes { graph, source in
            let bad = graph.add(.processor("peek"), name: "no spaces", after: [source])
            _ = graph.add(.processor("peek"), name: long, after: [bad])
            _ = graph.add(.source([.external("größe")]), name: "sizes")
            _ = graph.add(.sink(.external("..")), name: "out", after: [bad])
            graph.add(StoreDefinition(name: "", format: .sample), usedBy: source)
        }
        #expect(
            found == [
                .invalidName(operator: "no spaces", name: "no spaces", problem: Self.forbidden),
                .invalidName(operator: long, name: long, problem: "it has 250 characters, 249 are allowed"),
                .invalidTopicName(operator: "sizes", topic: "größe", problem: Self.forbidden),
                .invalidTopicName(operator: "out", topic: "..", problem: "it stands for a directory"),
                .invalidStoreName(operator: "orders", store: "", problem: "it is empty"),
            ]
        )
    }

    @Test("a store declared twice keeps its first declaration")
    func duplicateStore() {
        var graph = TopologyGraph()
        let source = graph.add(.source([.external("orders")]))
        let second = graph.add(.processor("count"), after: [source])
        graph.add(StoreDefinition(name: "counts", format: .sample, isLogged: false), usedBy: source)
        graph.add(StoreDefinition(name: "counts", format: .sample), usedBy: second)
        #expect(graph.check() == [.duplicateStore(operator: "orders-count", store: "counts")])
        #expect(graph.stores["counts"]?.isLogged == false)
        #expect(graph.nodes[second].stores == [])
    }

    @Test("a store that nobody declares, and none if it is declared later")
    func unknownStore() {
        let found = mistakes { graph, source in
            let reader = graph.add(.processor("process"), after: [source], stores: ["missing"])
            graph.connect(reader, to: "late")
            graph.add(StoreDefinition(name: "late", format: .sample), usedBy: source)
        }
        #expect(found == [.unknownStore(operator: "orders-process", store: "missing")])
    }

    @Test("a topic read by two sources, or twice by one")
    func topicReadTwice() {
        let found = mistakes { graph, _ in
            _ = graph.add(.source([.external("orders")]), name: "again")
            _ = graph.add(.source([.external("b"), .external("b")]), name: "both")
        }
        #expect(
            found == [
                .topicReadTwice(operator: "again", topic: "orders"), .topicReadTwice(operator: "both", topic: "b"),
            ]
        )
    }

    @Test("a number of partitions that is not positive", arguments: [0, -1, .min] as [Int32])
    func invalidPartitionCount(count: Int32) {
        let found = mistakes { graph, source in
            let topic = TopicReference.repartition("r", partitions: count)
            _ = graph.add(.sink(topic), after: [source])
            _ = graph.add(.source([topic]), name: "regrouped")
        }
        #expect(found == [.invalidPartitionCount(operator: "regrouped", count: count)])
    }

    @Test("all of them are found at once, those that others report among them")
    func together() {
        let found = mistakes { graph, source in
            graph.report(.missingSerde(operator: "orders", of: "values"))
            _ = graph.add(.processor("peek"), name: "a b", after: [source])
            graph.report(.splitWithoutBranches(operator: "split"))
            _ = graph.add(.processor("peek"), name: "process", after: [source], stores: ["missing"])
            _ = graph.add(.source([]), name: "empty")
        }
        #expect(
            found == [
                .missingSerde(operator: "orders", of: "values"),
                .invalidName(operator: "a b", name: "a b", problem: Self.forbidden),
                .splitWithoutBranches(operator: "split"),
                .unknownStore(operator: "process", store: "missing"),
                .sourceWithoutTopics(operator: "empty"),
            ]
        )
    }

    static let all: [TopologyMistake] = [
        .sourceWithoutTopics(operator: "op"), .duplicateName(operator: "op"),
        .invalidName(operator: "op", name: "thing", problem: "it is empty"),
        .invalidTopicName(operator: "op", topic: "thing", problem: "it is empty"),
        .invalidStoreName(operator: "op", store: "thing", problem: "it is empty"),
        .duplicateStore(operator: "op", store: "thing"), .unknownStore(operator: "op", store: "thing"),
        .missingSerde(operator: "op", of: "thing"), .topicReadTwice(operator: "op", topic: "thing"),
        .invalidPartitionCount(operator: "op", count: 0), .splitWithoutBranches(operator: "op"),
        .unknownBranch(operator: "op", branch: "thing", known: ["x", "y"]),
        .duplicateBranch(operator: "op", branch: "thing"),
    ]

    @Test("each names the operator and what it is about", arguments: all)
    func descriptions(mistake: TopologyMistake) {
        #expect(mistake.description.hasPrefix("op: "))
        if "\(String(reflecting: mistake))".contains("thing") { #expect(mistake.description.contains("thing")) }
    }

    @Test("the error lists them, one a line")
    func error() {
        #expect(
            TopologyError([.noSources, .splitWithoutBranches(operator: "split")]).description == """
                the topology has 2 mistakes:
                  - the topology reads no topic: begin with stream(_:keys:values:) or table(_:keys:values:)
                  - split: a split needs at least one branch
                """
        )
        #expect(
            TopologyError([.unknownBranch(operator: "s", branch: "b", known: ["x", "y"])]).description == """
                the topology has a mistake:
                  - s: there is no branch "b"; there are: x, y
                """
        )
    }
}
