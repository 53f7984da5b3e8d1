import MillraceTopology
import Testing

@Suite("Sub-topologies and descriptions")
struct SubtopologyTests {
    @Test("a repartition topic splits, a shared store joins, and a topic both write does not")
    func parts() {
        let parts = SampleTopology().graph.subtopologies()
        #expect(parts.map(\.id) == [0, 1, 2])
        #expect(parts.map(\.nodes) == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10]])
        #expect(
            parts.map(\.sourceTopics) == [
                [.external("orders")], [SampleTopology.byCustomer],
                [.external("customers"), .external("payments"), .external("refunds")],
            ]
        )
        #expect(
            parts.map(\.sinkTopics) == [
                [SampleTopology.byCustomer], [.external("totals")], [.external("totals")],
            ]
        )
        #expect(parts.map(\.stores) == [[], ["counts"], ["customer-table"]])
    }

    @Test("an operator that brings parts together makes them one, numbered by its first operator")
    func merged() {
        var graph = TopologyGraph()
        let first = graph.add(.source([.external("a")]))
        let second = graph.add(.source([.external("b")]))
        let third = graph.add(.source([.external("c")]))
        let merge = graph.add(.processor("merge"), after: [third, first])
        let parts = graph.subtopologies()
        #expect(parts.map(\.nodes) == [[first, third, merge], [second]])
        #expect(parts.map(\.id) == [0, 1])
    }

    @Test("a chain of shared stores joins all of its users")
    func chainedStores() {
        var graph = TopologyGraph()
        let users = (0..<4).map { number in
            let source = graph.add(.source([.external("topic-\(number)")]))
            return graph.add(.processor("process"), after: [source])
        }
        for number in 0..<3 {
            graph.add(StoreDefinition(name: "store-\(number)", format: .sample), usedBy: users[number])
            graph.connect(users[number + 1], to: "store-\(number)")
        }
        let parts = graph.subtopologies()
        #expect(parts.count == 1)
        #expect(parts.first?.stores == ["store-0", "store-1", "store-2"])
        #expect(parts.first?.nodes == Array(0..<8))
    }

    @Test("a topic that a part writes twice is named once")
    func sinkTwice() {
        var graph = TopologyGraph()
        let source = graph.add(.source([.external("a")]))
        for _ in 0..<2 { _ = graph.add(.sink(.external("out")), after: [source]) }
        #expect(graph.subtopologies().first?.sinkTopics == [.external("out")])
        #expect(graph.nodes.map(\.name) == ["a", "a-to-out", "a-to-out-2"])
    }

    @Test("no operators make no parts")
    func empty() {
        #expect(TopologyGraph().subtopologies().isEmpty)
        #expect(TopologyGraph().describe() == "Topologies:")
    }

    @Test("the description lists parts, operators, topics, stores and where records flow")
    func description() {
        let expected = """
            Topologies:
               Sub-topology: 0
                Source: orders (topics: [orders])
                  --> orders-selectKey
                Processor: orders-selectKey (stores: [])
                  --> orders-selectKey-to-by-customer-repartition
                  <-- orders
                Sink: orders-selectKey-to-by-customer-repartition (topic: by-customer-repartition)
                  --> none
                  <-- orders-selectKey

               Sub-topology: 1
                Source: by-customer-repartition (topics: [by-customer-repartition])
                  --> count
                Processor: count (stores: [counts])
                  --> count-to-totals
                  <-- by-customer-repartition
                Sink: count-to-totals (topic: totals)
                  --> none
                  <-- count

               Sub-topology: 2
                Source: customers (topics: [customers])
                  --> customers-toTable
                Processor: customers-toTable (stores: [customer-table])
                  --> none
                  <-- customers
                Source: payments-refunds (topics: [payments, refunds])
                  --> join
                Processor: join (stores: [customer-table])
                  --> join-to-totals
                  <-- payments-refunds
                Sink: join-to-totals (topic: totals)
                  --> none
                  <-- join

            """
        #expect(SampleTopology().graph.describe() == expected)
    }

    @Test("a global store is no part of a sub-topology, joins none, and is described after them")
    func globalStores() {
        var graph = TopologyGraph()
        let countries = graph.add(.globalSource("countries"))
        let table = graph.add(.processor("globalTable"), after: [countries])
        graph.add(StoreDefinition(name: "country-names", format: .sample, isGlobal: true), usedBy: table)
        for topic in ["orders", "refunds"] {
            let reader = graph.add(.processor("join"), after: [graph.add(.source([.external(topic)]))])
            graph.connect(reader, to: "country-names")
        }
        #expect(graph.check() == [])
        #expect(graph.subtopologies().map(\.nodes) == [[2, 3], [4, 5]])
        #expect(graph.subtopologies().map(\.stores) == [[], []])
        #expect(graph.stores["country-names"]?.isLogged == false, "its topic is its changelog")
        #expect(
            graph.globalStores() == [
                GlobalStore(id: 2, source: countries, processors: [table], topic: "countries", store: "country-names")
            ]
        )
        #expect(
            graph.describe().hasSuffix(
                """
                   Sub-topology: 2 for global store (will not generate tasks)
                    Source: countries (topics: [countries])
                      --> countries-globalTable
                    Processor: countries-globalTable (stores: [country-names])
                      --> none
                      <-- countries

                """
            ),
            "\(graph.describe())"
        )
    }

    @Test("a topic that is read both as a stream and for a global store is a mistake")
    func globalTwice() {
        var graph = TopologyGraph()
        _ = graph.add(.source([.external("a")]))
        _ = graph.add(.globalSource("a"))
        #expect(graph.check() == [.topicReadTwice(operator: "a-2", topic: "a")])
    }
}
