import MillraceTopology
import Testing

@Suite("Operators' names")
struct TopologyGraphTests {
    /// orders → filter → mapValues → a topic, as a user would write it without giving names.
    private func addChain(to graph: inout TopologyGraph) -> [TopologyGraph.NodeId] {
        let source = graph.add(.source([.external("orders")]))
        let filter = graph.add(.processor("filter"), after: [source])
        let map = graph.add(.processor("mapValues"), after: [filter])
        let sink = graph.add(.sink(.external("totals")), after: [map])
        return [source, filter, map, sink]
    }

    private func names(_ graph: TopologyGraph, _ ids: [TopologyGraph.NodeId]) -> [String] {
        ids.map { graph.nodes[$0].name }
    }

    @Test("names derive from the parent and the operation")
    func derived() {
        var graph = TopologyGraph()
        let chain = addChain(to: &graph)
        #expect(
            names(graph, chain) == [
                "orders", "orders-filter", "orders-filter-mapValues", "orders-filter-mapValues-to-totals",
            ]
        )
    }

    @Test("a source of several topics is named after all of them, an operator of several parents after the first")
    func several() {
        var graph = TopologyGraph()
        let both = graph.add(.source([.external("a"), .external("b")]))
        let other = graph.add(.source([.external("c")]))
        let merge = graph.add(.processor("merge"), after: [other, both])
        #expect(names(graph, [both, other, merge]) == ["a-b", "c", "c-merge"])
    }

    @Test("an unrelated operator, before or after, changes no other's name")
    func stable() {
        var alone = TopologyGraph()
        let chainAlone = addChain(to: &alone)
        let expected = names(alone, chainAlone)

        var before = TopologyGraph()
        let payments = before.add(.source([.external("payments")]))
        _ = before.add(.processor("filter"), after: [payments])
        let chainAfter = addChain(to: &before)
        #expect(names(before, chainAfter) == expected)

        var after = TopologyGraph()
        let chain = addChain(to: &after)
        _ = after.add(.processor("filter"), after: [after.add(.source([.external("payments")]))])
        _ = after.add(.processor("peek"), after: [chain[1]])
        #expect(names(after, chain) == expected)
    }

    @Test("operators that would have one name are numbered in their order")
    func numbered() {
        var graph = TopologyGraph()
        let source = graph.add(.source([.external("orders")]))
        let filters = (0..<3).map { _ in graph.add(.processor("filter"), after: [source]) }
        #expect(names(graph, filters) == ["orders-filter", "orders-filter-2", "orders-filter-3"])
        #expect(graph.unusedName("orders-filter") == "orders-filter-4")
        #expect(graph.unusedName("new") == "new")
        #expect(graph.mistakes.isEmpty)
    }

    @Test("a given name is kept, and names behind it derive from it")
    func given() {
        var graph = TopologyGraph()
        let source = graph.add(.source([.external("orders")]), name: "input")
        let filter = graph.add(.processor("filter"), after: [source])
        #expect(names(graph, [source, filter]) == ["input", "input-filter"])
    }

    @Test("parents and children know each other")
    func links() {
        var graph = TopologyGraph()
        let chain = addChain(to: &graph)
        let peek = graph.add(.processor("peek"), after: [chain[1]])
        #expect(graph.nodes[chain[1]].parents == [chain[0]])
        #expect(graph.nodes[chain[1]].children == [chain[2], peek])
        #expect(graph.nodes[chain[3]].children == [])
    }

    @Test("the sources before an operator are found through every path, the operator included")
    func sources() {
        var graph = TopologyGraph()
        let left = graph.add(.source([.external("left")]))
        let right = graph.add(.source([.external("right")]))
        let other = graph.add(.source([.external("other")]))
        let filter = graph.add(.processor("filter"), after: [left])
        let merge = graph.add(.processor("merge"), after: [right, filter])
        let again = graph.add(.processor("merge"), after: [merge, filter])
        #expect(graph.sources(upstreamOf: again) == [left, right])
        #expect(graph.sources(upstreamOf: other) == [other])
    }

    @Test("internal topics carry the application's id, a user's topics do not")
    func topicNames() {
        let internalTopic = TopicReference.repartition("by-customer", partitions: 3)
        #expect(internalTopic.name == "by-customer-repartition")
        #expect(internalTopic.resolved(applicationId: "shop") == "shop-by-customer-repartition")
        #expect(internalTopic.isInternal)
        #expect(TopicReference.external("orders").resolved(applicationId: "shop") == "orders")
        #expect(!TopicReference.external("orders").isInternal)
        #expect(StoreDefinition(name: "counts", format: .sample).changelogTopic == "counts-changelog")
        #expect(
            [TopicReference.external("b"), .repartition("a", partitions: nil)].sorted().map(\.name).first
                == "a-repartition"
        )
    }
}
