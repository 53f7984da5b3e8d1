import MillraceTopology
import Testing

@Suite("Numbers of partitions")
struct PartitionPlanTests {
    private struct Unreachable: Error {}

    private func plan(_ graph: TopologyGraph, _ existing: [String: Int32]) throws -> PartitionPlan {
        try graph.partitionPlan(applicationId: "shop") { existing[$0] }
    }

    private static let existing: [String: Int32] = ["orders": 4, "customers": 3, "payments": 3, "refunds": 3]

    @Test("a repartition topic has as many as the source before it; a task is a partition of a part")
    func derived() throws {
        let plan = try plan(SampleTopology().graph, Self.existing)
        #expect(
            plan.partitions == [
                "orders": 4, "shop-by-customer-repartition": 4, "customers": 3, "payments": 3, "refunds": 3,
            ]
        )
        #expect(plan.taskCounts == [4, 4, 3])
    }

    @Test("a number that the user chose is kept")
    func chosen() throws {
        let sample = SampleTopology(repartition: .repartition("by-customer", partitions: 7))
        let plan = try plan(sample.graph, Self.existing)
        #expect(plan.partitions["shop-by-customer-repartition"] == 7)
        #expect(plan.taskCounts == [4, 7, 3])
    }

    @Test("of several sources before a repartition topic, the one with the most partitions decides")
    func most() throws {
        var graph = TopologyGraph()
        let both = graph.add(.source([.external("a"), .external("b")]))
        let other = graph.add(.source([.external("c")]))
        let topic = TopicReference.repartition("r", partitions: nil)
        let merge = graph.add(.processor("merge"), after: [both, other])
        _ = graph.add(.sink(topic), after: [merge])
        _ = graph.add(.source([topic]))
        let plan = try plan(graph, ["a": 2, "b": 9, "c": 5])
        #expect(plan.partitions["shop-r-repartition"] == 9)
        #expect(plan.taskCounts == [9, 9])
    }

    @Test("numbers go through a chain of repartition topics, in whatever order they were added")
    func chain() throws {
        let topics = (0..<4).map { TopicReference.repartition("r\($0)", partitions: nil) }
        var graph = TopologyGraph()
        for number in (0..<3).reversed() {
            let source = graph.add(.source([topics[number]]))
            _ = graph.add(.sink(topics[number + 1]), after: [source])
        }
        _ = graph.add(.source([topics[3]]))
        _ = graph.add(.sink(topics[0]), after: [graph.add(.source([.external("orders")]))])
        let plan = try plan(graph, ["orders": 6])
        #expect(topics.map { plan.partitions[$0.resolved(applicationId: "shop")] } == [6, 6, 6, 6])
        #expect(plan.taskCounts == [6, 6, 6, 6, 6])
    }

    @Test("all topics that do not exist are named")
    func missing() {
        #expect(throws: PartitionPlanError.missingTopics(["customers", "refunds"])) {
            try plan(SampleTopology().graph, ["orders": 4, "payments": 3])
        }
        #expect(
            PartitionPlanError.missingTopics(["customers", "refunds"]).description
                == "the topology reads topics that do not exist: customers, refunds; create them first"
        )
    }

    @Test("a global topic that does not exist is named as well, and has no say in the numbers of tasks")
    func global() throws {
        var graph = TopologyGraph()
        _ = graph.add(.source([.external("orders")]))
        _ = graph.add(.globalSource("countries"))
        #expect(throws: PartitionPlanError.missingTopics(["countries"])) { try plan(graph, ["orders": 4]) }
        let made = try plan(graph, ["orders": 4, "countries": 9])
        #expect(made.partitions == ["orders": 4])
        #expect(made.taskCounts == [4])
    }

    @Test("unlike numbers of topics that are brought together are named with the operator")
    func unlike() {
        var existing = Self.existing
        existing["refunds"] = 5
        let expected = PartitionPlanError.unlikePartitionCounts(
            operator: "join",
            counts: ["customers": 3, "payments": 3, "refunds": 5]
        )
        #expect(throws: expected) { try plan(SampleTopology().graph, existing) }
        #expect(
            expected.description == """
                join brings together topics with unlike numbers of partitions: customers has 3, payments has 3, \
                refunds has 5; repartition one of them
                """
        )
    }

    @Test("a repartition topic that is brought together counts with its full name")
    func unlikeRepartition() {
        var sample = SampleTopology(repartition: .repartition("by-customer", partitions: 2))
        sample.graph.requireCopartitioning(of: [sample.counted, sample.join], for: sample.counted)
        let expected = PartitionPlanError.unlikePartitionCounts(
            operator: "count",
            counts: ["shop-by-customer-repartition": 2, "payments": 3, "refunds": 3]
        )
        #expect(throws: expected) { try plan(sample.graph, Self.existing) }
    }

    /// Records of `orders`, rekeyed, joined with the table `customers`.
    private func rekeyedJoin(repartition: TopicReference, tableTopic: TopicReference) -> TopologyGraph {
        var graph = TopologyGraph()
        _ = graph.add(.sink(repartition), after: [graph.add(.source([.external("orders")]))])
        let rekeyed = graph.add(.source([repartition]))
        if tableTopic.isInternal {
            _ = graph.add(.sink(tableTopic), after: [graph.add(.source([.external("customers")]))])
        }
        let table = graph.add(.source([tableTopic]))
        let join = graph.add(.processor("join"), after: [rekeyed])
        graph.requireCopartitioning(of: [rekeyed, table], for: join)
        return graph
    }

    @Test("a repartition topic has as many as the topic that it is brought together with, whatever comes before it")
    func together() throws {
        let graph = rekeyedJoin(
            repartition: .repartition("by-customer", partitions: nil),
            tableTopic: .external("customers")
        )
        let plan = try plan(graph, Self.existing)
        #expect(plan.partitions["shop-by-customer-repartition"] == 3)
        #expect(plan.taskCounts == [4, 3, 3])
    }

    @Test("of repartition topics that are brought together, the sources of all decide, or the user's number for one")
    func repartitionedTogether() throws {
        for (chosen, expected) in [(nil, 4), (2, 2)] as [(Int32?, Int32)] {
            let graph = rekeyedJoin(
                repartition: .repartition("by-customer", partitions: nil),
                tableTopic: .repartition("by-name", partitions: chosen)
            )
            let plan = try plan(graph, Self.existing)
            #expect(plan.partitions["shop-by-customer-repartition"] == expected)
            #expect(plan.partitions["shop-by-name-repartition"] == expected)
        }
    }

    @Test("a topic that brings answers back has as many as the operator that asked")
    func led() throws {
        let (question, answer) = (
            TopicReference.repartition("ask", partitions: nil), TopicReference.repartition("answer", partitions: nil)
        )
        var graph = TopologyGraph()
        let orders = graph.add(.source([.external("orders")]))
        _ = graph.add(.sink(question), after: [orders])
        let customers = graph.add(.source([.external("customers")]))
        let asked = graph.add(.source([question]))
        graph.setPartitions(of: question, like: customers)
        _ = graph.add(.sink(answer), after: [asked])
        let answered = graph.add(.source([answer]))
        graph.setPartitions(of: answer, like: orders)
        graph.requireCopartitioning(of: [orders, answered], for: answered)
        let plan = try plan(graph, Self.existing)
        #expect(plan.partitions["shop-ask-repartition"] == 3)
        #expect(plan.partitions["shop-answer-repartition"] == 4)
    }

    @Test("a repartition topic whose number follows from itself is named")
    func selfDependent() throws {
        func loop(partitions: Int32?) -> TopologyGraph {
            let topic = TopicReference.repartition("loop", partitions: partitions)
            var graph = TopologyGraph()
            let source = graph.add(.source([.external("orders")]))
            let again = graph.add(.source([topic]))
            let merge = graph.add(.processor("merge"), after: [source, again])
            _ = graph.add(.sink(topic), after: [merge])
            return graph
        }
        #expect(throws: PartitionPlanError.undeterminedPartitionCount(topic: "loop-repartition")) {
            try plan(loop(partitions: nil), ["orders": 4])
        }
        #expect(try plan(loop(partitions: 2), ["orders": 4]).taskCounts == [4])
    }

    @Test("a repartition topic that nobody writes has no number")
    func unwritten() {
        var graph = TopologyGraph()
        _ = graph.add(.source([.repartition("r", partitions: nil)]))
        #expect(throws: PartitionPlanError.undeterminedPartitionCount(topic: "r-repartition")) { try plan(graph, [:]) }
    }

    @Test("an error while asking for a topic reaches the caller")
    func askingFails() {
        #expect(throws: Unreachable.self) {
            try SampleTopology().graph.partitionPlan(applicationId: "shop") { (_) throws(Unreachable) -> Int32? in
                throw Unreachable()
            }
        }
    }

    /// Brings together the records of two topics, the second of which goes through a repartition topic.
    private func joined(_ left: TopicReference, _ right: TopicReference) -> TopologyGraph {
        var graph = TopologyGraph()
        let lefts = graph.add(.source([left]))
        _ = graph.add(.sink(right), after: [graph.add(.source([.external("orders")]))])
        let rights = graph.add(.source([right]))
        let join = graph.add(.processor("join"), after: [lefts, rights])
        graph.requireCopartitioning(of: [lefts, rights], for: join)
        return graph
    }

    @Test("a repartition topic takes the number of the topic that it is brought together with")
    func followsPartner() throws {
        let plan = try plan(
            joined(.external("customers"), .repartition("by-customer", partitions: nil)),
            ["orders": 5, "customers": 3]
        )
        #expect(plan.partitions["shop-by-customer-repartition"] == 3)
        #expect(plan.taskCounts == [3, 5])
    }

    @Test("a repartition topic takes the number that the user chose for another one that it is brought together with")
    func followsChosenPartner() throws {
        var graph = joined(
            .repartition("chosen", partitions: 2),
            .repartition("by-customer", partitions: nil)
        )
        _ = graph.add(
            .sink(.repartition("chosen", partitions: 2)),
            after: [graph.add(.source([.external("customers")]))]
        )
        let plan = try plan(graph, ["orders": 5, "customers": 3])
        #expect(plan.partitions["shop-by-customer-repartition"] == 2)
    }

    @Test("of repartition topics that are brought together, that with the most before it decides for both")
    func openPartners() throws {
        var graph = joined(.repartition("left", partitions: nil), .repartition("right", partitions: nil))
        _ = graph.add(
            .sink(.repartition("left", partitions: nil)),
            after: [graph.add(.source([.external("customers")]))]
        )
        let plan = try plan(graph, ["orders": 5, "customers": 3])
        #expect(plan.partitions["shop-left-repartition"] == 5)
        #expect(plan.partitions["shop-right-repartition"] == 5)
    }

    @Test("a number that a repartition topic takes from a partner is that of the topics after it, too")
    func partnerBeforeChain() throws {
        let middle = TopicReference.repartition("middle", partitions: nil)
        var graph = joined(.external("customers"), middle)
        let last = TopicReference.repartition("last", partitions: nil)
        _ = graph.add(.sink(last), after: [graph.nodes.last?.id ?? 0])
        _ = graph.add(.source([last]))
        let plan = try plan(graph, ["orders": 5, "customers": 3])
        #expect(plan.partitions["shop-last-repartition"] == 3)
    }

    @Test("a repartition topic with a chosen number that its partner has not is reported with both")
    func chosenAgainstPartner() {
        let graph = joined(.external("customers"), .repartition("by-customer", partitions: 4))
        let expected = PartitionPlanError.unlikePartitionCounts(
            operator: "customers-join",
            counts: ["customers": 3, "shop-by-customer-repartition": 4]
        )
        #expect(throws: expected) { try plan(graph, ["orders": 5, "customers": 3]) }
    }
}
