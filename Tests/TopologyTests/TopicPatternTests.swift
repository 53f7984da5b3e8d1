import MillraceTopology
import Testing

@Suite("Sources that read what fits a pattern")
struct TopicPatternTests {
    private func graph(_ patterns: TopicPattern...) -> TopologyGraph {
        var graph = TopologyGraph()
        for (number, pattern) in patterns.enumerated() {
            _ = graph.add(.patternSource(pattern), name: "source\(number)")
        }
        return graph
    }

    private func topics(of graph: TopologyGraph) -> [[String]] {
        graph.subtopologies().map { $0.sourceTopics.map(\.name) }
    }

    @Test("a prefix fits what begins so, a regular expression what it fits whole")
    func matching() {
        #expect(TopicPattern.prefix("orders-").matches("orders-"))
        #expect(TopicPattern.prefix("orders-").matches("orders-eu"))
        #expect(!TopicPattern.prefix("orders-").matches("my-orders-eu"))
        #expect(TopicPattern.regex("orders-[0-9]+").matches("orders-12"))
        #expect(!TopicPattern.regex("orders-[0-9]+").matches("orders-12-old"))
        #expect(!TopicPattern.regex("orders-[0-9]+").matches("x-orders-12"))
    }

    @Test("the topics that fit are found, without those of the log and the application's own")
    func resolved() throws {
        let graph = graph(.prefix(""))
        let existing = [
            "b", "a", "__consumer_offsets", "shop-topology", "shop-counts-changelog", "shop-by-key-repartition",
            "shop-news", "other-counts-changelog",
        ]
        #expect(
            try topics(of: graph.resolved(among: existing, applicationId: "shop"))
                == [["a", "b", "other-counts-changelog", "shop-news"]]
        )
    }

    @Test("a topic that fits two sources is refused with all three names")
    func overlapping() throws {
        let graph = graph(.prefix("orders-"), .regex(".*-eu"))
        #expect(graph.check() == [])
        let error = PartitionPlanError.topicReadTwice(topic: "orders-eu", operators: ["source0", "source1"])
        #expect(throws: error) { try graph.resolved(among: ["orders-us", "orders-eu"], applicationId: "shop") }
        #expect(
            try topics(of: graph.resolved(among: ["orders-us", "eu"], applicationId: "shop")) == [["orders-us"], []]
        )
    }

    @Test("what can be told without the topics is found when the topology is built")
    func mistakes() {
        var graph = graph(.prefix("a"), .prefix("ab"), .regex("("))
        _ = graph.add(.source([.external("abc")]), name: "named")
        let found = graph.check()
        #expect(
            found.prefix(3) == [
                .topicReadTwice(operator: "source0", topic: "abc"),
                .topicReadTwice(operator: "source1", topic: "abc"),
                .overlappingPatterns(operator: "source1", pattern: "ab*", other: "source0", "a*"),
            ]
        )
        guard case .invalidTopicPattern("source2", "/(/", _)? = found.last else {
            Issue.record("the last mistake should be about the expression: \(found)")
            return
        }
        #expect(found.count == 4)
    }

    @Test("internal topics get their partitions from the topics that fit; without any they cannot be made")
    func plan() throws {
        var graph = graph(.prefix("orders-"))
        let topic = TopicReference.repartition("by-key", partitions: nil)
        _ = graph.add(.sink(topic), after: [0])
        _ = graph.add(.source([topic]))
        let counts: [String: Int32] = ["orders-eu": 2, "orders-us": 4]
        let plan = try graph.resolved(among: ["orders-eu", "orders-us"], applicationId: "shop")
            .partitionPlan(applicationId: "shop") { counts[$0] }
        #expect(plan.partitions == ["orders-eu": 2, "orders-us": 4, "shop-by-key-repartition": 4])
        let none = try graph.resolved(among: [], applicationId: "shop")
        #expect(throws: PartitionPlanError.noTopicMatches(operator: "source0", pattern: "orders-*")) {
            try none.partitionPlan(applicationId: "shop") { counts[$0] }
        }
    }

    @Test("a source without internal topics after it may wait for its first topic")
    func nothingYet() throws {
        var graph = graph(.prefix("orders-"))
        _ = graph.add(.sink(.external("out")), after: [0])
        let none = try graph.resolved(among: [], applicationId: "shop")
        #expect(try none.partitionPlan(applicationId: "shop") { (_: String) -> Int32? in 1 }.taskCounts == [0])
    }

    @Test("a new topic with more partitions than the internal topics were made for is refused, with what it is about")
    func outgrown() throws {
        var graph = graph(.prefix("orders-"))
        graph.add(StoreDefinition(name: "counts", format: .sample), usedBy: 0)
        func plan(_ counts: [String: Int32]) throws -> PartitionPlan {
            try graph.resolved(among: counts.keys.sorted(), applicationId: "shop")
                .partitionPlan(applicationId: "shop") { counts[$0] }
        }
        let former = try plan(["orders-eu": 2])
        try graph.checkGrowth(from: former, to: plan(["orders-eu": 2, "orders-us": 2]), applicationId: "shop")
        #expect(
            throws: PartitionPlanError.outgrown(
                topics: ["orders-us": 4],
                internalTopic: "shop-counts-changelog",
                was: 2,
                becomes: 4
            )
        ) {
            try graph.checkGrowth(from: former, to: plan(["orders-eu": 2, "orders-us": 4]), applicationId: "shop")
        }
    }

    @Test("names are made of what of the pattern can be in one")
    func names() {
        var graph = TopologyGraph()
        for pattern in [TopicPattern.prefix("orders-"), .regex("(orders|returns)-[0-9]+"), .prefix("")] {
            let source = graph.add(.patternSource(pattern))
            _ = graph.add(.processor("count"), after: [source])
        }
        #expect(
            graph.nodes.map(\.name) == [
                "orders", "orders-count", "ordersreturns-0-9", "ordersreturns-0-9-count", "matching", "matching-count",
            ]
        )
        #expect(graph.describe().contains("Source: orders (topic pattern: orders-*)"))
    }
}
