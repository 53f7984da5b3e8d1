import Millrace
import Testing

@Suite("Building a topology")
struct TopologyTests {
    private func mistakes(_ build: (StreamsBuilder) -> Void) -> [TopologyMistake] {
        let builder = StreamsBuilder()
        build(builder)
        do {
            _ = try builder.build()
            return []
        } catch {
            return error.mistakes
        }
    }

    @Test("a topology without a source is a mistake")
    func empty() {
        #expect(mistakes { _ in } == [.noSources])
    }

    @Test("all mistakes are reported at once, each with its operator, each once")
    func manyMistakes() {
        let found = mistakes { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8, named: "source")
            stream.filter(named: "same") { _, _ in true }.filter(named: "same") { _, _ in true }
                .mapValues(named: "sized") { $0.count }.to("out")
            stream.to("not a topic", named: "sink")
            let grouped = stream.map(named: "mapped") { key, value in (value, key) }.groupByKey(named: "regrouped")
            _ = grouped.count(named: "counted")
            _ = stream.repartition(partitions: 0, named: "none")
            _ = builder.stream("in", keys: .utf8, values: .utf8, named: "again")
            _ = stream.groupByKey().count(store: "store", named: "one")
            _ = stream.groupByKey().count(store: "store", named: "two")
            let branches = stream.split(named: "parts").branch("a") { _, _ in true }.branch("a") { _, _ in false }
                .noDefaultBranch()
            _ = branches["b"]
            _ = builder.stream([], keys: .utf8, values: .utf8)
        }
        let expected: [TopologyMistake] = [
            .duplicateName(operator: "same"),
            .missingSerde(operator: "sized-to-out", of: "values"),
            .missingSerde(operator: "mapped", of: "keys"),
            .duplicateStore(operator: "two", store: "store"),
            .invalidPartitionCount(operator: "none-repartition", count: 0),
            .topicReadTwice(operator: "again", topic: "in"),
            .duplicateBranch(operator: "parts", branch: "a"),
            .unknownBranch(operator: "parts", branch: "b", known: ["a"]),
            .sourceWithoutTopics(operator: "source-2"),
        ]
        for mistake in expected { #expect(found.contains(mistake), "\(mistake) is missing in \(found)") }
        #expect(found.contains { if case .invalidTopicName("sink", "not a topic", _) = $0 { true } else { false } })
        #expect(found.count == expected.count + 1, "\(found)")
        #expect(Set(found).count == found.count)
    }

    @Test("a split without branches is a mistake")
    func splitWithoutBranches() {
        let found = mistakes { builder in
            _ = builder.stream("in", keys: .utf8, values: .utf8).split(named: "parts").noDefaultBranch()
        }
        #expect(found == [.splitWithoutBranches(operator: "parts")])
    }

    @Test("the error says how many mistakes there are and what to do about each")
    func errorText() {
        let error = TopologyError([.noSources, .missingSerde(operator: "mapped", of: "keys")])
        #expect(
            error.description == """
                the topology has 2 mistakes:
                  - the topology reads no topic: begin with stream(_:keys:values:) or table(_:keys:values:)
                  - mapped: it must write keys and does not know how; pass the keys: argument a serde
                """
        )
    }

    @Test("a topology describes its sub-topologies, operators, stores and topics")
    func description() throws {
        let builder = StreamsBuilder()
        builder.stream("lines", keys: .ignored, values: .utf8)
            .flatMapValues { $0.split(separator: " ").map(String.init) }
            .groupBy(keys: .utf8, named: "by-word") { _, word in word }
            .count(store: "word-counts")
            .toStream()
            .to("word-counts", values: .int64)
        #expect(
            try builder.build().describe() == """
                Topologies:
                   Sub-topology: 0
                    Source: lines (topics: [lines])
                      --> lines-flatMapValues
                    Processor: lines-flatMapValues (stores: [])
                      --> by-word
                      <-- lines
                    Processor: by-word (stores: [])
                      --> by-word-presence
                      <-- lines-flatMapValues
                    Processor: by-word-presence (stores: [])
                      --> by-word-repartition-sink
                      <-- by-word
                    Sink: by-word-repartition-sink (topic: by-word-repartition)
                      --> none
                      <-- by-word-presence

                   Sub-topology: 1
                    Source: by-word-repartition (topics: [by-word-repartition])
                      --> by-word-repartition-count
                    Processor: by-word-repartition-count (stores: [word-counts])
                      --> by-word-repartition-count-toStream
                      <-- by-word-repartition
                    Processor: by-word-repartition-count-toStream (stores: [])
                      --> by-word-repartition-count-toStream-to-word-counts
                      <-- by-word-repartition-count
                    Sink: by-word-repartition-count-toStream-to-word-counts (topic: word-counts)
                      --> none
                      <-- by-word-repartition-count-toStream

                """
        )
    }

    @Test("names that are derived do not depend on unrelated operators")
    func stableNames() throws {
        func names(_ build: (StreamsBuilder) -> Void) throws -> Set<String> {
            let builder = StreamsBuilder()
            build(builder)
            return Set(try builder.build().graph.nodes.map(\.name))
        }
        let alone = try names { builder in
            _ = builder.stream("a", keys: .utf8, values: .utf8).groupByKey().count()
        }
        let withOther = try names { builder in
            builder.stream("b", keys: .utf8, values: .utf8).filter { _, _ in true }.to("c")
            _ = builder.stream("a", keys: .utf8, values: .utf8).groupByKey().count()
        }
        #expect(alone.isSubset(of: withOther))
    }
}
