import Millrace
import MillracePrimitives
import MillraceTopology
import Testing

@Suite("The names of stores and internal topics")
struct NameTests {
    private func stores(_ build: (StreamsBuilder) -> Void) throws -> [String] {
        let builder = StreamsBuilder()
        build(builder)
        return try builder.build().graph.stores.keys.sorted()
    }

    private func mistakes(_ build: (StreamsBuilder) -> Void) -> [TopologyMistake] {
        let builder = StreamsBuilder()
        build(builder)
        do throws(TopologyError) {
            _ = try builder.build()
            return []
        } catch {
            return error.mistakes
        }
    }

    @Test(
        "a store without a name is called after its topic and its operation, whatever stateless operators lie between"
    )
    func derived() throws {
        #expect(try stores { _ = $0.stream("in", keys: .utf8, values: .utf8).groupByKey().count() } == ["in-count"])
        let longer = try stores { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8, named: nil)
            stream.filter { _, _ in true }.peek { _, _ in }.mapValues { $0 }.groupByKey().count()
                .toStream().to("out")
        }
        #expect(longer == ["in-count"])
    }

    @Test("a name given to an operator is the beginning of the names after it")
    func anchored() throws {
        let names = try stores { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            _ = stream.filter(named: "large") { _, _ in true }.groupByKey().count()
            _ = stream.filter(named: "small") { _, _ in true }.groupByKey().count()
            _ = stream.groupByKey().count(named: "all")
        }
        #expect(names == ["all", "large-count", "small-count"])
    }

    @Test("a branch's name is part of the names after it")
    func branches() throws {
        let names = try stores { builder in
            let branches = builder.stream("in", keys: .utf8, values: .utf8).split()
                .branch("a") { key, _ in key == "a" }.defaultBranch("b")
            for name in branches.names { _ = branches[name].groupByKey().count() }
        }
        #expect(names == ["in-a-count", "in-b-count"])
    }

    @Test("two stores that would get one name are a mistake, told once, where one of them needs a name")
    func ambiguousStores() {
        let found = mistakes { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            _ = stream.filter { _, _ in true }.groupByKey().count()
            stream.groupByKey().count().toStream().groupByKey().count().toStream().groupByKey()
                .count().toStream().to("out", values: .int64)
        }
        #expect(found == [.ambiguousStoreName(operator: "in-count", store: "in-count")])
        #expect(found.first?.description.contains("name this one with store:") == true)
    }

    @Test("the stores of deduplicate, throttle, batch and top follow the rule, and so does what comes after them")
    func flow() throws {
        typealias Step = (KStream<String, String>) -> Void
        let steps: [(Step, [String])] = [
            ({ _ = $0.deduplicate(within: .seconds(1)) }, ["in-deduplicate"]),
            ({ _ = $0.throttle(to: 1, per: .seconds(1)) }, ["in-throttle"]),
            ({ _ = $0.groupByKey().batch(count: 2, within: .seconds(1)) }, ["in-batch", "in-batch-timers"]),
            ({ _ = $0.groupByKey().top(2) { $0.utf8.count } }, ["in-top", "in-top-ranking"]),
            ({ _ = $0.groupByKey().batch(count: 2, within: .seconds(1), store: "x") }, ["x", "x-timers"]),
            ({ _ = $0.groupByKey().top(2, store: "x") { $0.utf8.count } }, ["x", "x-ranking"]),
            ({ _ = $0.deduplicate(within: .seconds(1), named: "once") }, ["once"]),
            ({ _ = $0.deduplicate(within: .seconds(1)).groupByKey().count() }, ["in-count", "in-deduplicate"]),
            ({ _ = $0.throttle(to: 1, per: .seconds(1)).groupByKey().count() }, ["in-count", "in-throttle"]),
            (
                { _ = $0.selectKey(keys: .utf8) { $1 }.deduplicate(within: .seconds(1)) },
                ["in-deduplicate-deduplicate"]
            ),
        ]
        for (step, expected) in steps {
            let names = try stores { builder in
                let stream = builder.stream("in", keys: .utf8, values: .utf8)
                _ = stream.filter { _, _ in true }
                step(stream.filter { _, _ in true }.peek { _, _ in })
            }
            #expect(names == expected)
        }
        let names = try stores { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey().batch(count: 2, within: .seconds(1))
                .mapValues { $0.count }.filter { $0 > "" && $1 > 0 }.mapValues { "\($0)" }
                .groupByKey(values: .utf8).reduce { $1 }.toStream().to("out", values: .utf8)
        }
        #expect(names == ["in-batch", "in-batch-reduce", "in-batch-timers"])
    }

    @Test("two deduplications of one stream are ambiguous, and a name for one cures it")
    func ambiguousFlow() {
        func build(_ name: String?) -> (StreamsBuilder) -> Void {
            { builder in
                let stream = builder.stream("in", keys: .utf8, values: .utf8)
                _ = stream.deduplicate(within: .seconds(1))
                _ = stream.deduplicate(within: .seconds(9), store: StoreOptions(name: name))
            }
        }
        #expect(
            mistakes(build(nil)) == [.ambiguousStoreName(operator: "in-deduplicate-2", store: "in-deduplicate")]
        )
        #expect(mistakes(build("seen")) == [])
    }

    @Test("stores that are renamed say so, with all that belongs to them")
    func renamed() throws {
        let builder = StreamsBuilder()
        let stream = builder.stream("in", keys: .utf8, values: .utf8)
        let seen = Stores.keyValue("seen", keys: .utf8, values: .utf8, renamedFrom: "noted")
        let alarms = Stores.timers("alarms", keys: .utf8, renamedFrom: "clocks")
        let options = { (name: String) in StoreOptions(name: name, renamedFrom: "old-\(name)") }
        _ = stream.deduplicate(within: .seconds(1), store: options("a"))
        _ = stream.throttle(to: 1, per: .seconds(1), store: options("b"))
        _ = stream.groupByKey().batch(count: 2, within: .seconds(1), store: options("c"))
        _ = stream.groupByKey().top(2, store: options("d")) { $0.utf8.count }
        let _: KStream<String, String> = stream.processValues(stores: seen, alarms) { _, _, _, _ in }
        let former = try builder.build().graph.stores.mapValues(\.formerName)
        #expect(
            former == [
                "a": "old-a", "b": "old-b", "c": "old-c", "c-timers": "old-c-timers", "d": "old-d",
                "d-ranking": "old-d-ranking", "seen": "noted", "alarms": "clocks",
            ]
        )
    }

    @Test("an option that an operator's store does not have is a mistake that names the operator")
    func foreignOptions() {
        let found = mistakes { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            let lived = StoreOptions(timeToLive: .seconds(1))
            let retained = StoreOptions(retention: .seconds(100))
            _ = stream.deduplicate(within: .seconds(1), store: lived)
            _ = stream.throttle(to: 1, per: .seconds(1), store: .versioned(historyRetention: .seconds(1)))
            _ = stream.groupByKey().batch(count: 2, within: .seconds(1), store: retained)
            _ = stream.groupByKey().top(2, store: lived) { $0.utf8.count }
            _ = stream.groupByKey().count(store: retained)
            _ = stream.groupByKey().windowedBy(.tumbling(size: .seconds(1), grace: .zero)).count(
                store: StoreOptions(name: "windows", timeToLive: .seconds(1))
            )
        }
        let operators = found.compactMap { mistake in
            if case .invalidStore(let name, _, _) = mistake { name } else { nil }
        }
        #expect(operators.count == found.count)
        #expect(operators.count == 6, "\(found)")
    }

    @Test("two repartition topics that would get one name are a mistake, and a name for one grouping cures it")
    func ambiguousTopics() {
        func build(_ name: String?) -> (StreamsBuilder) -> Void {
            { builder in
                let stream = builder.stream("in", keys: .utf8, values: .utf8)
                _ = stream.groupBy(keys: .utf8) { key, _ in key }.count()
                _ = stream.groupBy(keys: .utf8, named: name) { _, value in value }.count()
            }
        }
        #expect(
            mistakes(build(nil)) == [
                .ambiguousRepartitionName(operator: "in-groupBy-2", topic: "in-groupBy-repartition")
            ]
        )
        #expect(mistakes(build("by-value")) == [])
    }

    @Test("whether values are written to a repartition topic does not change its name, nor that of the store behind it")
    func presence() throws {
        for values in [nil, Serde.utf8] {
            let builder = StreamsBuilder()
            _ = builder.stream("in", keys: .utf8, values: .utf8).mapValues { $0 }
                .groupBy(keys: .utf8, values: values) { key, _ in key }.count()
            let graph = try builder.build().graph
            #expect(graph.stores.keys.sorted() == ["in-groupBy-count"])
            #expect(
                graph.repartitionFormats == [
                    "in-groupBy-repartition": TopicFormat(keys: "utf8", values: values == nil ? "presence" : "utf8")
                ]
            )
        }
    }

    @Test("no operator that is added changes any other's store or internal topic", arguments: 0..<200)
    func stability(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let program = RandomTopology(using: &random)
        let undisturbed = program.names(disturbances: [])
        let before = try #require(undisturbed, "seed \(seed)")
        for _ in 0..<10 {
            var disturbances: [RandomTopology.Disturbance] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                disturbances.append(RandomTopology.Disturbance(for: program, using: &random))
            }
            let disturbed = program.names(disturbances: disturbances)
            let after = try #require(disturbed, "seed \(seed): \(disturbances)")
            let foreign = after.subtracting(before)
            #expect(after.isSuperset(of: before), "seed \(seed): \(disturbances) changed \(before.subtracting(after))")
            #expect(foreign.allSatisfy { $0.hasPrefix("new-") }, "seed \(seed): \(disturbances) made \(foreign)")
        }
    }
}

/// A topology of random operators, to which unrelated ones can be added.
struct RandomTopology {
    enum Operation: CaseIterable {
        case filter, named, selectKey, count, tableAndBack, repartition, groupBy, merge, branch
    }

    struct Step {
        var operation: Operation
        var input: Int
        var other: Int
    }

    /// Something unrelated.
    struct Disturbance: CustomStringConvertible {
        enum Kind: CaseIterable {
            case peekInChain, filterInChain, filterBeside, source, namedStore
        }

        var kind: Kind
        /// Before which step.
        var place: Int
        /// On which stream.
        var stream: Int

        init(for program: RandomTopology, using random: inout SeededRandom) {
            kind = Kind.allCases.randomElement(using: &random) ?? .source
            place = Int.random(in: 0...program.steps.count, using: &random)
            stream = Int.random(in: 0..<program.sourceCount + place, using: &random)
        }

        var description: String { "\(kind) on stream \(stream) before step \(place)" }
    }

    private(set) var sourceCount: Int
    private(set) var steps: [Step] = []
    /// The steps that need a name of their own.
    private var named: Set<Int> = []

    init(using random: inout SeededRandom) {
        sourceCount = Int.random(in: 1...3, using: &random)
        for number in 0..<Int.random(in: 1...12, using: &random) {
            let streams = sourceCount + number
            steps.append(
                Step(
                    operation: Operation.allCases.randomElement(using: &random) ?? .filter,
                    input: Int.random(in: 0..<streams, using: &random),
                    other: Int.random(in: 0..<streams, using: &random)
                )
            )
            // As a user would: whatever build() calls ambiguous is given a name.
            if names(disturbances: []) == nil { named.insert(number) }
        }
    }

    /// The names of all stores and internal topics; nil if something is ambiguous.
    func names(disturbances: [Disturbance]) -> Set<String>? {
        let builder = StreamsBuilder()
        var streams = (0..<sourceCount).map { builder.stream("in\($0)", keys: .utf8, values: .utf8) }
        for number in 0...steps.count {
            for (index, disturbance) in disturbances.enumerated() where disturbance.place == number {
                let stream = streams[disturbance.stream]
                switch disturbance.kind {
                case .peekInChain: streams[disturbance.stream] = stream.peek { _, _ in }
                case .filterInChain: streams[disturbance.stream] = stream.filter { _, _ in true }
                case .filterBeside: _ = stream.filter { _, _ in false }.peek { _, _ in }
                case .source:
                    _ = builder.stream("new-\(index)", keys: .utf8, values: .utf8).groupBy(keys: .utf8) { _, value in
                        value
                    }
                    .count()
                case .namedStore:
                    _ = stream.repartition(keys: .utf8, values: .utf8, named: "new-\(index)").groupByKey().count(
                        named: "new-\(index)-count"
                    )
                }
            }
            if number < steps.count { streams.append(apply(steps[number], number, to: streams)) }
        }
        guard let graph = try? builder.build().graph else { return nil }
        return Set(graph.stores.keys).union(graph.repartitionFormats.keys)
    }

    private func apply(_ step: Step, _ number: Int, to streams: [KStream<String, String>]) -> KStream<String, String> {
        let input = streams[step.input]
        let name = named.contains(number) ? "name\(number)" : nil
        switch step.operation {
        case .filter: return input.filter { _, _ in true }
        case .named: return input.peek(named: "named\(number)") { _, _ in }
        case .selectKey: return input.selectKey(keys: .utf8) { _, value in value }
        case .repartition: return input.repartition(keys: .utf8, values: .utf8, named: name)
        case .merge: return input.merge(streams[step.other])
        case .branch:
            return input.split().branch("branch\(number)") { _, _ in true }.noDefaultBranch()["branch\(number)"]
        case .count:
            return text(
                input.groupByKey(keys: .utf8, values: .utf8, named: name).count(store: StoreOptions(name: name))
            )
        case .groupBy:
            return text(
                input.groupBy(keys: .utf8, values: .utf8, named: name) { _, value in value }.count(
                    store: StoreOptions(name: name)
                )
            )
        case .tableAndBack:
            return input.groupByKey(keys: .utf8, values: .utf8, named: name).reduce(store: StoreOptions(name: name)) {
                $1
            }
            .toStream().mapValues { $0 ?? "" }
        }
    }

    private func text(_ table: KTable<String, Int64>) -> KStream<String, String> {
        table.toStream().mapValues { "\($0 ?? 0)" }
    }
}
