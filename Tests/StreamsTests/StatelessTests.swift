import Millrace
import Synchronization
import Testing

@Suite("Stateless operators", .short)
struct StatelessTests {
    @Test("filter keeps what it includes, filterNot what it does not exclude")
    func filtering() async throws {
        let world = try await World(["in": 1, "out": 1, "rest": 1])
        try await world.write([("a", "1"), ("b", "22"), ("c", "333")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.filter { _, value in value.count > 1 }.to("out")
            stream.filterNot { _, value in value.count > 1 }.to("rest")
        }
        #expect(try await world.texts() == ["b=22", "c=333"])
        #expect(try await world.texts(of: "rest") == ["a=1"])
    }

    @Test("A value that the application keeps stays as it was when the records after it are read")
    func keeping() async throws {
        let world = try await World(["in": 1])
        let texts = ["one", "two", "", "four", "five", "thirteen"]
        try await world.write(texts.map { ("a", $0) })
        let kept = Mutex<[[UInt8]]>([])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .bytes).forEach(named: "keep") { _, value in
                kept.withLock { $0.append(value) }
            }
        }
        #expect(kept.withLock { $0 } == texts.map { Array($0.utf8) })
    }

    @Test("map changes key and value, mapValues the value with and without the key")
    func mapping() async throws {
        let world = try await World(["in": 1, "out": 1, "values": 1, "keyed": 1])
        try await world.write([("a", "1")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.map { key, value in (value, key) }.to("out", keys: .utf8, values: .utf8)
            stream.mapValues { value in value + "!" }.to("values", values: .utf8)
            stream.mapValues { key, value in key + value }.to("keyed", values: .utf8)
        }
        #expect(try await world.texts() == ["1=a"])
        #expect(try await world.texts(of: "values") == ["a=1!"])
        #expect(try await world.texts(of: "keyed") == ["a=a1"])
    }

    @Test(
        "compactMapValues leaves out what has no new value, with and without the key; a value may be an optional itself"
    )
    func compactMapping() async throws {
        let world = try await World(["in": 1, "out": 1, "keyed": 1, "optional": 1])
        try await world.write([("a", "1"), ("b", "x"), ("c", "3")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.compactMapValues { value in Int64(value) }.mapValues { "\($0 + 1)" }.to("out", values: .utf8)
            stream.compactMapValues { key, value -> String? in Int64(value) == nil ? key : nil }.to(
                "keyed",
                values: .utf8
            )
            stream.compactMapValues { value -> Int64?? in .some(Int64(value)) }.mapValues { "\($0 ?? 0)" }
                .to("optional", values: .utf8)
        }
        #expect(try await world.texts() == ["a=2", "c=4"])
        #expect(try await world.texts(of: "keyed") == ["b=b"])
        #expect(try await world.texts(of: "optional") == ["a=1", "b=0", "c=3"])
    }

    @Test("flatMap and flatMapValues make any number of records, in order")
    func flatMapping() async throws {
        let world = try await World(["in": 1, "out": 1, "values": 1, "keyed": 1])
        try await world.write([("a", "1 2"), ("b", ""), ("c", "3")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.flatMap { key, value in value.split(separator: " ").map { (String($0), key) } }
                .to("out", keys: .utf8, values: .utf8)
            stream.flatMapValues { value in value.split(separator: " ").map(String.init) }.to("values", values: .utf8)
            stream.flatMapValues { key, value in value.isEmpty ? [key] : [] }.to("keyed", values: .utf8)
        }
        #expect(try await world.texts() == ["1=a", "2=a", "3=c"])
        #expect(try await world.texts(of: "values") == ["a=1", "a=2", "c=3"])
        #expect(try await world.texts(of: "keyed") == ["b=b"])
    }

    @Test("selectKey gives records another key")
    func selectingKeys() async throws {
        let world = try await World()
        try await world.write([("a", "x"), (nil, "y")])
        try await world.run { builder in
            builder.stream("in", keys: .ignored, values: .utf8)
                .selectKey(keys: .utf8) { _, value in value }
                .to("out")
        }
        #expect(try await world.texts() == ["x=x", "y=y"])
    }

    @Test("peek sees each record and passes it on; forEach ends there")
    func looking() async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("b", "2")])
        let seen = Mutex<[String]>([])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .utf8, values: .utf8)
            stream.peek { key, value in seen.withLock { $0.append("peek \(key)\(value)") } }.to("out")
            stream.forEach(named: "each") { key, value in seen.withLock { $0.append("each \(key)\(value)") } }
        }
        #expect(try await world.texts() == ["a=1", "b=2"])
        #expect(seen.withLock { $0 } == ["peek a1", "each a1", "peek b2", "each b2"])
    }

    @Test("a stream used by several operators gives each record to all of them, in the order of their declaration")
    func fanOut() async throws {
        let world = try await World()
        try await world.write(["x", "y"])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .ignored, values: .utf8)
            for number in 1...4 { stream.mapValues { "\($0)\(number)" }.to("out", values: .utf8) }
        }
        #expect(try await world.texts() == ["x1", "x2", "x3", "x4", "y1", "y2", "y3", "y4"].map { "~=\($0)" })
    }

    @Test("headers and timestamps pass through stateless operators")
    func headersAndTimestamps() async throws {
        let world = try await World()
        try await world.write([
            ProducerRecord(
                topic: "in",
                key: "a",
                value: "1",
                timestamp: 1_234,
                headers: [RecordHeader("h", text: "v")]
            ),
            ProducerRecord(topic: "in", key: "b", value: "2", timestamp: 99),
        ])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8).mapValues { $0 + $0 }.to("out", values: .utf8)
        }
        let records = try await world.records()
        #expect(records.map(\.timestamp) == [1_234, 99])
        #expect(records.map(\.headers) == [[RecordHeader("h", text: "v")], []])
    }

    @Test("optional serdes read and write null as nil; ignored reads anything and writes null")
    func nulls() async throws {
        let world = try await World(["in": 1, "out": 1, "ignored": 1])
        try await world.write([(nil, "1"), ("b", nil), ("c", "")])
        try await world.run { builder in
            let stream = builder.stream("in", keys: .optional(.utf8), values: .optional(.utf8))
            stream.to("out")
            stream.to("ignored", keys: Serde(encode: { _, _ in }, decode: { _ in nil }))
        }
        #expect(try await world.texts() == ["~=1", "b=~", "c="])
        let anything = try await World()
        try await anything.write([("b", nil), (nil, "x")])
        try await anything.run { builder in
            builder.stream("in", keys: .ignored, values: .ignored).to("out")
        }
        #expect(try await anything.texts() == ["~=~", "~=~"])
    }

    @Test("merge brings streams of different partition counts together")
    func merging() async throws {
        let world = try await World(["one": 1, "three": 3, "out": 1])
        try await world.write((0..<10).map { "a\($0)" }, to: "one")
        try await world.write((0..<10).map { ("k\($0)", "b\($0)") }, to: "three")
        try await world.run { builder in
            builder.stream("one", keys: .ignored, values: .utf8)
                .merge(builder.stream("three", keys: .ignored, values: .utf8))
                .to("out")
        }
        let values = try await world.records().compactMap(\.valueText).sorted()
        #expect(values == (0..<10).map { "a\($0)" } + (0..<10).map { "b\($0)" })
    }

    @Test("one stream of several topics reads all of them")
    func severalTopics() async throws {
        let world = try await World(["a": 1, "b": 2, "out": 1])
        try await world.write(["1"], to: "a")
        try await world.write(["2"], to: "b")
        try await world.run { builder in
            builder.stream(["a", "b"], keys: .ignored, values: .utf8).to("out")
        }
        #expect(try await world.texts().sorted() == ["~=1", "~=2"])
    }

    @Test("a split gives each record to the first branch whose condition it meets")
    func splitting() async throws {
        let world = try await World(["in": 1, "large": 1, "even": 1, "rest": 1, "dropped": 1])
        try await world.write(["1", "2", "11", "12"])
        try await world.run { builder in
            let numbers = builder.stream("in", keys: .ignored, values: .utf8).mapValues { Int64($0) ?? 0 }
            let branches = numbers.split()
                .branch("large") { _, number in number > 10 }
                .branch("even") { _, number in number % 2 == 0 }
                .defaultBranch("rest")
            #expect(branches.names == ["even", "large", "rest"])
            for name in branches.names { branches[name].to(name, values: .int64) }
            numbers.split(named: "second").branch("odd") { _, number in number % 2 == 1 }
                .noDefaultBranch()["odd"].to("dropped", values: .int64)
        }
        #expect(try await world.values(of: "large", .int64) == ["~=11", "~=12"])
        #expect(try await world.values(of: "even", .int64) == ["~=2"])
        #expect(try await world.values(of: "rest", .int64) == ["~=1"])
        #expect(try await world.values(of: "dropped", .int64) == ["~=1", "~=11"])
    }

    @Test("repartition sends records of one key to one partition of a topic with the chosen number of partitions")
    func repartitioning() async throws {
        let world = try await World(["in": 2, "out": 1])
        try await world.write((0..<20).map { ("k\($0 % 5)", "\($0)") })
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .repartition(partitions: 3, named: "spread")
                .to("out")
        }
        #expect(try await world.records().count == 20)
        let topic = try await Admin(on: world.broker).describeTopic("test-spread-repartition")
        #expect(topic?.partitionCount == 3)
        var places: [String: Set<TopicPartition>] = [:]
        for record in try await world.records(of: "test-spread-repartition") {
            places[record.keyText ?? "~", default: []].insert(record.partition)
        }
        #expect(places.count == 5)
        #expect(places.values.allSatisfy { $0.count == 1 })
    }

    @Test("repartitions may follow one another, and a stream may be repartitioned twice")
    func nestedRepartitions() async throws {
        let world = try await World()
        try await world.write((0..<10).map { "\($0)" })
        try await world.run { builder in
            let stream = builder.stream("in", keys: .ignored, values: .utf8).selectKey(keys: .utf8) { $1 }
            stream.repartition().repartition(partitions: 2).to("out")
            stream.repartition(named: "again").to("out")
        }
        #expect(try await world.records().count == 20)
    }
}
