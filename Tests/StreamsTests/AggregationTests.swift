import Millrace
import Testing

@Suite("Aggregations and tables", .short)
struct AggregationTests {
    static func words(_ builder: StreamsBuilder) -> KGroupedStream<String, String> {
        builder.stream("in", keys: .ignored, values: .utf8)
            .flatMapValues { $0.split(separator: " ").map(String.init) }
            .groupBy(keys: .utf8, values: .utf8) { _, word in word }
    }

    @Test("count counts the records of each key, across partitions of the input")
    func counting() async throws {
        let world = try await World(["in": 3, "out": 2])
        try await world.write([("1", "a b a"), ("2", "b c"), ("3", "a")])
        try await world.run { builder in
            Self.words(builder).count().toStream().to("out", values: .int64)
        }
        #expect(try await world.table(.int64) == ["a": 3, "b": 2, "c": 1])
    }

    @Test("count needs no serde for values")
    func countingWithoutValues() async throws {
        struct Opaque {}
        let world = try await World()
        try await world.write(["a", "b", "a"])
        try await world.run { builder in
            let grouped = builder.stream("in", keys: .ignored, values: .utf8)
                .map { _, word in (word, Opaque()) }
                .groupByKey(keys: .utf8)
            grouped.count().toStream().to("out", values: .int64)
            grouped.count(store: "again").toStream().mapValues { _ in Int64(-1) }.filter { _, _ in false }.to(
                "out",
                values: .int64
            )
        }
        #expect(try await world.table(.int64) == ["a": 2, "b": 1])
    }

    @Test("reduce keeps the first value and combines the others with it")
    func reducing() async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("b", "2"), ("a", "3")])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .reduce { "\($0)+\($1)" }.toStream().to("out")
        }
        #expect(try await world.table(.utf8) == ["a": "1+3", "b": "2"])
    }

    @Test("aggregate begins with the initial value of each key")
    func aggregating() async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("b", "2"), ("a", "3")])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .aggregate(initial: { Int64(100) }, aggregates: .int64) { _, value, sum in sum + (Int64(value) ?? 0) }
                .toStream().to("out")
        }
        #expect(try await world.table(.int64) == ["a": 104, "b": 102])
    }

    @Test("aggregations of one grouped stream share one repartition topic")
    func sharedRepartition() async throws {
        let world = try await World(["in": 1, "out": 1, "joined": 1])
        try await world.write(["a b a"])
        try await world.run { builder in
            let grouped = Self.words(builder)
            grouped.count().toStream().to("out", values: .int64)
            grouped.reduce { $0 + $1 }.toStream().to("joined")
        }
        #expect(try await world.table(.int64) == ["a": 2, "b": 1])
        #expect(try await world.table(of: "joined", .utf8) == ["a": "aa", "b": "b"])
        let topics = try await Admin(on: world.broker).topicNames()
        #expect(topics.filter { $0.hasSuffix("-repartition") }.count == 1)
    }

    @Test("a rekeyed stream may be grouped twice")
    func groupedTwice() async throws {
        let world = try await World(["in": 1, "out": 1, "joined": 1])
        try await world.write(["a", "b", "a"])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .ignored, values: .utf8).selectKey(keys: .utf8) { $1 }
            stream.groupByKey().count().toStream().to("out", values: .int64)
            stream.groupByKey(named: "again").reduce { $0 + $1 }.toStream().to("joined")
        }
        #expect(try await world.table(.int64) == ["a": 2, "b": 1])
        #expect(try await world.table(of: "joined", .utf8) == ["a": "aa", "b": "b"])
    }

    @Test("records without a key or value are left out of aggregations")
    func nullKeysAndValues() async throws {
        let world = try await World(["in": 1, "out": 1, "regrouped": 1])
        try await world.write([(nil, "1"), ("a", "2"), ("a", nil), (nil, nil)])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .optional(.utf8), values: .optional(.utf8))
            stream.groupByKey().count().toStream().to("out", values: .int64)
            stream.groupBy(keys: .optional(.utf8)) { key, _ in key }.count().toStream()
                .to("regrouped", values: .int64)
        }
        #expect(try await world.values(.int64) == ["a=1"])
        #expect(try await world.values(of: "regrouped", .int64) == ["a=1"])
    }

    @Test("grouping by the key that was read needs no repartition topic")
    func noNeedlessRepartition() async throws {
        let world = try await World()
        try await world.write([("a", "1")])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).mapValues { $0 + $0 }
                .groupByKey().count().toStream().to("out", values: .int64)
        }
        let topics = try await Admin(on: world.broker).topicNames()
        #expect(!topics.contains { $0.hasSuffix("-repartition") })
    }

    @Test("an aggregation over topics with unlike numbers of partitions is refused")
    func unlikePartitions() async throws {
        let world = try await World(["a": 1, "b": 2, "out": 1])
        let builder = StreamsBuilder()
        builder.stream(["a", "b"], keys: .utf8, values: .utf8).groupByKey().count(named: "counted")
            .toStream().to("out", values: .int64)
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) { try await world.run(topology) }
        #expect(error?.description.contains("counted brings together") == true, "\(String(describing: error))")
    }

    @Test("a table keeps the last value of each key, and null removes it")
    func tables() async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("b", "2"), (nil, "3"), ("a", nil), ("c", nil), ("b", "4")])
        try await world.run(cacheMaximumBytes: 0) { builder in
            builder.table("in", keys: .utf8, values: .utf8, store: "rows").toStream().to("out")
        }
        #expect(try await world.texts() == ["a=1", "b=2", "a=~", "c=~", "b=4"])
        #expect(try await world.table(of: "test-rows-changelog", .utf8) == ["b": "4"])
    }

    @Test(
        "an aggregate's timestamp is the greatest of its records, and it carries the headers of the last one, cached or not",
        arguments: [0, 1 << 20]
    )
    func resultsOfAggregates(cache: Int) async throws {
        let world = try await World(["in": 1, "out": 1, "copy": 1])
        let headers: RecordHeaders = [RecordHeader("h", text: String(repeating: "x", count: 500))]
        try await world.write([
            ProducerRecord(topic: "in", key: "a", value: "1", timestamp: 500, headers: headers),
            ProducerRecord(topic: "in", key: "a", value: "1", timestamp: 400, headers: headers),
        ])
        try await world.run(cacheMaximumBytes: cache) { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.groupByKey().count().toStream().to("out", values: .int64)
            stream.to("copy")
        }
        let results = try await world.records()
        #expect(results.map(\.timestamp) == Array(repeating: 500, count: cache == 0 ? 2 : 1))
        #expect(results.allSatisfy { $0.headers == headers })
        #expect(try await world.records(of: "copy").map(\.headers) == [headers, headers])
    }

    @Test("a stream that is split and merged again reaches a stateful operator once a record")
    func diamond() async throws {
        let world = try await World()
        try await world.write((0..<100).map { ("k\($0 % 4)", "\($0)") })
        try await world.run { builder in
            let branches = builder.stream("in", keys: .utf8, values: .utf8).split()
                .branch("even") { _, value in (Int(value) ?? 0) % 2 == 0 }
                .defaultBranch("odd")
            branches["even"].mapValues { "e" + $0 }.merge(branches["odd"].mapValues { "o" + $0 })
                .groupByKey(values: .utf8).count().toStream().to("out", values: .int64)
        }
        #expect(try await world.table(.int64) == ["k0": 25, "k1": 25, "k2": 25, "k3": 25])
    }

    @Test("an aggregation may follow an aggregation")
    func chainedAggregations() async throws {
        let world = try await World(["in": 2, "out": 1])
        try await world.write([("1", "a b a"), ("2", "b c a")])
        try await world.run { builder in
            // How often each word was counted so far; with caching off each update counts.
            Self.words(builder).count().toStream().groupByKey().count(store: "updates").toStream()
                .to("out", values: .int64)
        }
        let updates = try await world.table(.int64)
        #expect(Set(updates.keys) == ["a", "b", "c"])
    }

    @Test(
        "with caching each key is passed on and logged once a commit, without it at every update",
        arguments: [true, false]
    )
    func caching(isCached: Bool) async throws {
        let world = try await World()
        try await world.write((0..<50).map { _ in ("a", "x") })
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .count(store: StoreOptions(name: "counts", isCached: isCached))
                .toStream().to("out", values: .int64)
        }
        let expected = isCached ? ["a=50"] : (1...50).map { "a=\($0)" }
        #expect(try await world.values(.int64) == expected)
        #expect(try await world.values(of: "test-counts-changelog", .int64) == expected)
    }

    @Test("a cache that is full passes on before the commit")
    func fullCache() async throws {
        let world = try await World()
        try await world.write((0..<200).map { ("key-\($0)", "x") })
        try await world.run(cacheMaximumBytes: 500) { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count().toStream().to("out", values: .int64)
        }
        #expect(try await world.table(.int64).count == 200)
        #expect(try await world.table(.int64).values.allSatisfy { $0 == 1 })
    }

    @Test("a store without a changelog forgets when the application stops")
    func unloggedStore() async throws {
        let world = try await World()
        for _ in 0..<2 {
            try await world.write([("a", "x")])
            try await world.run { builder in
                builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                    .count(store: StoreOptions(name: "counts", isLogged: false))
                    .toStream().to("out", values: .int64)
            }
        }
        #expect(try await world.values(.int64) == ["a=1", "a=1"])
        #expect(try await Admin(on: world.broker).describeTopic("test-counts-changelog") == nil)
    }
}
