import Millrace
import MillraceTopology
import Testing

@Suite("A changed topology on old state", .short)
struct TopologyChangeTests {
    /// Counts the records of each key, after as many operators without a name or store as one likes.
    private static func counting(
        _ store: StoreOptions = "counts",
        operators: Int = 0,
        besides: @escaping (KStream<String, String>) -> Void = { _ in }
    ) -> (StreamsBuilder) -> Void {
        { builder in
            var stream = builder.stream("in", keys: .utf8, values: .utf8)
            besides(stream)
            for _ in 0..<operators { stream = stream.filter { _, _ in true } }
            stream.groupByKey().count(store: store).toStream().to("out", values: .int64)
        }
    }

    private func differences(_ world: World, _ build: @escaping (StreamsBuilder) -> Void) async throws
        -> [TopologyDifference]
    {
        do {
            try await world.run(build: build)
            return []
        } catch StreamsError.topologyChanged(let differences) {
            return differences
        }
    }

    private func count(_ world: World, _ key: String) async throws -> Int64? { try await world.table(.int64)[key] }

    @Test("the same topology starts again, and writes nothing about itself a second time")
    func unchanged() async throws {
        let world = try await World()
        for expected in [1, 2, 3] as [Int64] {
            try await world.write([("a", "x")])
            try await world.run(build: Self.counting())
            #expect(try await count(world, "a") == expected)
        }
        #expect(try await world.records(of: "test-topology").count == 1)
    }

    @Test("an application without state writes nothing about itself")
    func stateless() async throws {
        let world = try await World()
        try await world.run { $0.stream("in", keys: .utf8, values: .utf8).to("out") }
        #expect(try await Admin(on: world.broker).describeTopic("test-topology") == nil)
    }

    @Test("operators without a store come and go")
    func operators() async throws {
        let world = try await World()
        for (number, operators) in [0, 2, 1].enumerated() {
            try await world.write([("a", "x")])
            try await world.run(build: Self.counting(StoreOptions(), operators: operators))
            #expect(try await count(world, "a") == Int64(number + 1))
        }
    }

    @Test("a store that is added begins empty, and the others go on")
    func storeAdded() async throws {
        let world = try await World(["in": 1, "out": 1, "more": 1])
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        try await world.write([("a", "x")])
        let more = Self.counting(besides: { stream in
            stream.groupByKey().count(store: "more").toStream().to("more", values: .int64)
        })
        try await world.run(build: more)
        #expect(try await count(world, "a") == 2)
        #expect(try await world.table(of: "more", .int64) == ["a": 1])
    }

    @Test("a store that was removed finds its entries when it comes back, and is refused in another format")
    func storeRemoved() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        try await world.run { $0.stream("in", keys: .utf8, values: .utf8).to("out") }
        let found = try await differences(world) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey().reduce(store: "counts") { $1 }
                .toStream().to("out")
        }
        #expect(found.count == 1)
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        #expect(try await count(world, "a") == 2)
    }

    @Test("a store with another format of keys or values is refused, and both are named")
    func formats() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        let values = try await differences(world) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .aggregate(initial: { 0 }, aggregates: .int32, store: "counts") { _, _, sum in sum + 1 }
                .toStream().to("out")
        }
        let was = StoreFormat(.keyValue, keys: "utf8", values: "int64")
        #expect(
            values == [
                .storeFormat(
                    store: "counts",
                    was: was,
                    becomes: StoreFormat(.keyValue, keys: "utf8", values: "int32")
                )
            ]
        )
        #expect(values.first?.description.contains("a key-value store from utf8 to int64") == true)
        #expect(values.first?.description.contains("a key-value store from utf8 to int32") == true)
        let keys = try await differences(world) { builder in
            builder.stream("in", keys: .bytes, values: .utf8).groupByKey().count(store: "counts")
                .toStream().to("out", values: .int64)
        }
        #expect(
            keys == [
                .storeFormat(store: "counts", was: was, becomes: StoreFormat(.keyValue, keys: "bytes", values: "int64"))
            ]
        )
        // Nothing was touched: the former topology goes on.
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        #expect(try await count(world, "a") == 2)
    }

    @Test("a serde that goes by the old one's format takes over its store")
    func sameFormat() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        let found = try await differences(world) { builder in
            builder.stream("in", keys: Serde.bytes.format("utf8"), values: .utf8).groupByKey().count(store: "counts")
                .toStream().to("out", values: .int64)
        }
        #expect(found == [])
    }

    @Test("another number of partitions of an input is refused with the numbers, if a changelog no longer fits")
    func partitions() async throws {
        let world = try await World(["in": 2, "out": 1])
        try await world.run(build: Self.counting())
        try await Admin(on: world.broker).createPartitions(of: "in", total: 3)
        let found = try await differences(world, Self.counting())
        #expect(
            found == [
                .storePartitions(
                    store: "counts",
                    was: 2,
                    becomes: 3,
                    inputs: [TopologyDifference.InputChange(topic: "in", was: 2, isNow: 3)]
                )
            ]
        )
        #expect(found.first?.description.contains("in had 2 and has 3") == true)
    }

    @Test("a repartition topic keeps its number of partitions")
    func repartitionPartitions() async throws {
        let world = try await World()
        func build(_ partitions: Int32) -> (StreamsBuilder) -> Void {
            {
                $0.stream("in", keys: .utf8, values: .utf8).repartition(partitions: partitions, named: "spread").to(
                    "out"
                )
            }
        }
        try await world.run(build: build(2))
        #expect(
            try await differences(world, build(4)) == [
                .repartitionPartitions(topic: "spread-repartition", was: 2, becomes: 4, inputs: [])
            ]
        )
    }

    @Test("a renamed store takes over the entries of the old name, and may go on saying so")
    func renamed() async throws {
        let world = try await World()
        try await world.write([("a", "x"), ("b", "x"), ("a", "x")])
        try await world.run(build: Self.counting())
        for expected in [3, 4] as [Int64] {
            try await world.write([("a", "x")])
            try await world.run(build: Self.counting(StoreOptions(name: "totals", renamedFrom: "counts")))
            #expect(try await count(world, "a") == expected)
        }
        #expect(try await world.table(of: "test-totals-changelog", .int64) == ["a": 4, "b": 1])
        #expect(try await world.table(of: "test-counts-changelog", .int64) == ["a": 2, "b": 1])
    }

    /// Counts in windows that come out when they close, some operators further on than before, or with another store.
    private static func windows(_ store: StoreOptions, extraOperators: Int = 0) -> (StreamsBuilder) -> Void {
        { builder in
            var stream = builder.stream("in", keys: .utf8, values: .utf8)
            for _ in 0..<extraOperators { stream = stream.filter { _, _ in true } }
            stream.groupByKey().windowedBy(.tumbling(size: .milliseconds(100), grace: .zero))
                .emitStrategy(.onWindowClose).count(store: store).toStream()
                .map { windowed, count in ("\(windowed.window.startMs)", count) }.to("out", keys: .utf8, values: .int64)
        }
    }

    @Test("what was late stays late, and what came out does not come again, when operators come and stores are renamed")
    func streamTimeStays() async throws {
        let changed = [
            Self.windows("counts", extraOperators: 2),
            Self.windows(StoreOptions(name: "totals", renamedFrom: "counts")),
        ]
        for build in changed {
            let world = try await World()
            func write(_ times: [Int64]) async throws {
                let records = times.map { ProducerRecord(topic: "in", key: [107], value: [1], timestamp: $0) }
                try await world.write(records)
            }
            func run(_ build: (StreamsBuilder) -> Void) async throws {
                let builder = StreamsBuilder()
                build(builder)
                try await world.run(try builder.build()) { $0.emitInterval = .zero }
            }
            try await write([10, 20, 130, 250])
            try await run(Self.windows("counts"))
            #expect(try await world.values(.int64) == ["0=2", "100=1"])
            try await write([40, 140, 260])
            try await run(build)
            #expect(try await world.values(.int64) == ["0=2", "100=1"], "40 and 140 are late")
            try await write([300])
            try await run(build)
            #expect(try await world.values(.int64) == ["0=2", "100=1", "200=2"])
        }
    }

    @Test("a renamed store in another format is refused")
    func renamedFormat() async throws {
        let world = try await World()
        try await world.run(build: Self.counting())
        let found = try await differences(world) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .reduce(store: StoreOptions(name: "last", renamedFrom: "counts")) { $1 }.toStream().to("out")
        }
        #expect(found.map(\.isStoreFormat) == [true])
    }

    @Test("a store cannot be renamed from one that is still there")
    func renamedFromPresent() throws {
        let builder = StreamsBuilder()
        Self.counting(besides: { stream in
            _ = stream.groupByKey().count(store: StoreOptions(name: "more", renamedFrom: "counts"))
        })(builder)
        #expect(throws: TopologyError([.renamedFromPresentStore(store: "more", formerName: "counts")])) {
            try builder.build()
        }
    }

    private static func through(_ builder: StreamsBuilder) {
        builder.stream("in", keys: .utf8, values: .utf8).repartition(named: "spread").to("out")
    }

    private static func straight(_ builder: StreamsBuilder) {
        builder.stream("in", keys: .utf8, values: .utf8).to("out")
    }

    @Test("a repartition topic may go once everything in it is processed, and not before")
    func repartitionGone() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(build: Self.through)
        try await world.write([("b", "late"), ("c", "later")], to: "test-spread-repartition")
        #expect(
            try await differences(world, Self.straight) == [
                .unprocessedRecords(topic: "test-spread-repartition", count: 2)
            ]
        )
        try await world.run(build: Self.through)
        #expect(try await differences(world, Self.straight) == [])
        #expect(try await world.texts() == ["a=x", "b=late", "c=later"])
    }

    @Test("what an open transaction holds of a repartition topic that goes counts when it is decided")
    func repartitionUndecided() async throws {
        let world = try await World()
        try await world.run(build: Self.through)
        let producer = try await TransactionalProducer(id: "former", on: world.broker)
        try await producer.begin()
        try await producer.send(ProducerRecord(topic: "test-spread-repartition", key: "a", value: "x"))
        async let found = differences(world, Self.straight)
        try await producer.commit()
        await producer.close()
        #expect(try await found == [.unprocessedRecords(topic: "test-spread-repartition", count: 1)])
    }

    @Test("a repartition topic may change its format once everything in it is processed")
    func repartitionFormat() async throws {
        let world = try await World()
        func build(_ values: Serde<String>?) -> (StreamsBuilder) -> Void {
            { builder in
                builder.stream("in", keys: .utf8, values: .utf8).mapValues { $0 }
                    .groupBy(keys: .utf8, values: values, named: "by-key") { key, _ in key }
                    .count(store: "counts").toStream().to("out", values: .int64)
            }
        }
        try await world.write([("a", "x")])
        try await world.run(build: build(nil))
        try await world.write([("a", "x")], to: "test-by-key-repartition")
        #expect(
            try await differences(world, build(.utf8)) == [
                .repartitionFormat(
                    topic: "test-by-key-repartition",
                    was: TopicFormat(keys: "utf8", values: "presence"),
                    becomes: TopicFormat(keys: "utf8", values: "utf8"),
                    unprocessed: 1
                )
            ]
        )
        try await world.run(build: build(nil))
        try await world.write([("a", "x")])
        #expect(try await differences(world, build(.utf8)) == [])
        #expect(try await count(world, "a") == 3)
    }

    @Test("a store whose changelog was deleted is refused")
    func changelogDeleted() async throws {
        let world = try await World()
        try await world.run(build: Self.counting())
        try await Admin(on: world.broker).deleteTopic("test-counts-changelog")
        #expect(
            try await differences(world, Self.counting()) == [
                .missingChangelog(store: "counts", topic: "test-counts-changelog")
            ]
        )
    }

    @Test("a change that a crash left half written is as if it had not been begun")
    func crashedChange() async throws {
        let world = try await World()
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        let crashed = try await TransactionalProducer(id: "test-topology", on: world.broker)
        try await crashed.begin()
        try await crashed.send(ProducerRecord(topic: "test-topology", key: "topology", value: "half"))
        try await world.write([("a", "x")])
        try await world.run(build: Self.counting())
        #expect(try await count(world, "a") == 2)
        await crashed.close()
    }

    @Test("what is written about a topology and cannot be read is an error that says where")
    func unreadable() async throws {
        let world = try await World(["in": 1, "out": 1, "test-topology": 1])
        try await world.write([("topology", "millrace-topology\t99\n")], to: "test-topology")
        let error = await #expect(throws: StreamsError.self) { try await world.run(build: Self.counting()) }
        guard case .unreadableManifest(topic: "test-topology", let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason == "it is of another version: 99")
    }

    @Test("of two topologies that start at once on one new store, only one does", arguments: 0..<5)
    func race(_: Int) async throws {
        let world = try await World()
        async let first = differences(world, Self.counting())
        async let second = differences(world) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey().reduce(store: "counts") { $1 }
                .toStream().to("out")
        }
        let found = try await [first, second]
        #expect(found.filter { $0.isEmpty }.count == 1, "\(found)")
    }

    @Test("derived names are refused if the configuration asks for explicit ones")
    func explicitNames() async throws {
        let world = try await World()
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupBy(keys: .utf8) { key, _ in key }.count()
            .toStream().to("out", values: .int64)
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.requiresExplicitNames = true }
        }
        guard case .unnamed(["in-groupBy-count", "in-groupBy-repartition"]) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

extension TopologyDifference {
    fileprivate var isStoreFormat: Bool {
        if case .storeFormat = self { true } else { false }
    }
}
