import Millrace
import MillraceTestKit
import Testing

/// A topology whose processor runs a test's function on a store for each record, and forwards its text.
private func scripted<Store>(
    _ store: StoreReference<Store>,
    _ run: @escaping @Sendable (Record<String, String>, Store) throws -> String
) throws -> Topology {
    let builder = StreamsBuilder()
    let results: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8)
        .process(stores: store) { record, context, store in
            try context.forward(record.withValue(try run(record, store)))
        }
    results.to("out", keys: .utf8, values: .utf8)
    return try builder.build()
}

extension TopologyTestDriver {
    fileprivate func ask(_ value: String, at timestampMs: Int64, key: String = "k") throws -> String? {
        try input("in", keys: .utf8, values: .utf8).pipe(key, value, at: timestampMs)
        return try output("out", keys: .utf8, values: .utf8).read()?.value
    }
}

@Suite("Key-value stores of processors")
struct KeyValueStoreTests {
    @Test("Rows come in the order of their keys' bytes, in ranges with both ends, from either side, and by prefix")
    func reading() throws {
        let store = Stores.keyValue("st", keys: .utf8, values: .int64)
        let driver = try TopologyTestDriver(
            try scripted(store) { _, store in
                for (number, key) in ["b", "a", "ba", "c", "bb"].enumerated() { try store.put(key, Int64(number)) }
                let reads = [
                    try store.all(), try store.reverseAll(), try store.range(from: "b", through: "bb"),
                    try store.reverseRange(from: nil, through: "b"), try store.prefixScan("b"),
                    try store.range(from: "c", through: "a"),
                ]
                return try reads.map { try $0.collect().map(\.key).joined(separator: ",") }.joined(separator: " ")
                    + " \(store.approximateCount)"
            }
        )
        #expect(try driver.ask("", at: 1) == "a,b,ba,bb,c c,bb,ba,b,a b,ba,bb b,a b,ba,bb  5")
    }

    @Test("A prefix may be of another type than the keys: the first half of a pair")
    func prefixOfAPair() throws {
        let store = Stores.keyValue("st", keys: .pair(.utf8, .int64), values: .utf8)
        let driver = try TopologyTestDriver(
            try scripted(store) { _, store in
                for (name, number) in [("x", 2), ("x", 1), ("y", 1)] as [(String, Int64)] {
                    try store.put((name, number), "\(name)\(number)")
                }
                let halves = Serde<String>(
                    encode: { half, writer in
                        writer.append(Int32(half.utf8.count))
                        writer.append(utf8: half)
                    },
                    decode: { _ in "" }
                )
                return try store.prefixScan("x", as: halves).collect().map(\.value).joined(separator: " ")
            }
        )
        #expect(try driver.ask("", at: 1) == "x1 x2")
    }

    @Test("Nil is put as a deletion, and a delete gives what was there")
    func deleting() throws {
        let store = Stores.keyValue("st", keys: .utf8, values: .utf8)
        let driver = try TopologyTestDriver(
            try scripted(store) { _, store in
                try store.put("a", "1")
                try store.put("a", nil)
                try store.put("b", "2")
                let results = [
                    try store.get("a"), try store.delete("a"), try store.delete("b"), try store.get("b"),
                    try store.putIfAbsent("c", "3"), try store.putIfAbsent("c", "4"), try store.get("c"),
                ]
                return results.map { $0 ?? "-" }.joined(separator: " ")
            }
        )
        #expect(try driver.ask("", at: 1) == "- - 2 - - 3 3")
    }

    @Test("A key that is written as null is an error that names the store")
    func nullKey() throws {
        let store = Stores.keyValue("st", keys: .optional(.utf8), values: .utf8)
        let driver = try TopologyTestDriver(
            try scripted(store) { _, store in
                do {
                    try store.put(nil, "x")
                } catch let error as StoreError {
                    return error.description
                }
                return ""
            }
        )
        #expect(try driver.ask("", at: 1)?.hasPrefix("the store st was given a key that is written as null") == true)
    }

    @Test("A timestamped store keeps the record's timestamp, or the one it is given")
    func timestamps() throws {
        let store = Stores.timestampedKeyValue("st", keys: .utf8, values: .utf8)
        let driver = try TopologyTestDriver(
            try scripted(store) { record, store in
                try store.put("a", record.value)
                try store.put("b", record.value, timestampMs: 7)
                return try ["a", "b"].map { "\(try store.get($0)?.timestampMs ?? -1)" }.joined(separator: " ")
            },
            commitMode: .explicit
        )
        #expect(try driver.ask("x", at: 50) == "50 7")
        try driver.commit()
        try driver.crash()
        #expect(try driver.store("st", keys: .utf8, values: .utf8).entries().map(\.timestampMs) == [50, 7])
    }

    @Test("Operators that name the same reference share the store, also of different types of records")
    func sharing() throws {
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64)
        let builder = StreamsBuilder()
        let stream = builder.stream("in", keys: .utf8, values: .utf8)
        let counted: KStream<String, String> = stream.process(stores: counts) { record, context, counts in
            try counts.put(record.key, (try counts.get(record.key) ?? 0) + 1)
            try context.forward(record)
        }
        let numbers: KStream<String, Int64> = counted.processValues(stores: counts) { record, context, counts in
            try context.forward(record.withValue(try counts.get(record.key) ?? 0))
        }
        numbers.to("out", keys: .utf8, values: .int64)
        let driver = try TopologyTestDriver(try builder.build())
        for key in ["a", "b", "a"] { try driver.input("in", keys: .utf8, values: .utf8).pipe(key, "x", at: 1) }
        #expect(try driver.output("out", keys: .utf8, values: .int64).readAll().map(\.value) == [1, 1, 2])
    }

    @Test("build() reports two references of one name, and options that make no sense")
    func mistakes() throws {
        let builder = StreamsBuilder()
        let stream = builder.stream("in", keys: .utf8, values: .utf8)
        let first = Stores.keyValue("same", keys: .utf8, values: .utf8)
        let second = Stores.keyValue("same", keys: .utf8, values: .int64)
        let short = Stores.keyValue("short", keys: .utf8, values: .utf8, timeToLive: .zero)
        let past = Stores.versioned("past", keys: .utf8, values: .utf8, historyRetention: .seconds(-1))
        let narrow = Stores.window("narrow", keys: .utf8, values: .utf8, size: .seconds(2), retention: .seconds(1))
        let forgetful = Stores.session("forgetful", keys: .utf8, values: .utf8, retention: .seconds(-1))
        stream.process(stores: first, second, named: "one") { (_, _: ProcessorContext<String, String>, _, _) in }
        stream.process(stores: short, past, narrow, forgetful, named: "two") {
            (_, _: ProcessorContext<String, String>, _, _, _, _) in
        }
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        let problems = (error?.mistakes ?? []).map(\.description)
        #expect(
            problems == [
                "one: the store \"same\" is declared by another operator already; name one of them differently",
                "two: the store \"short\" cannot be made: its time to live, 0.0 seconds, is less than a millisecond",
                "two: the store \"past\" cannot be made: its history retention, -1.0 seconds, is negative",
                "two: the store \"narrow\" cannot be made: its retention, 1.0 seconds, is shorter than its windows, "
                    + "2.0 seconds",
                "two: the store \"forgetful\" cannot be made: its retention, -1.0 seconds, is negative",
            ]
        )
    }
}

@Suite("Time to live in stores of processors")
struct StoreLifetimeTests {
    private func seen(isCached: Bool = false) throws -> Topology {
        let store = Stores.keyValue(
            "seen",
            keys: .utf8,
            values: .utf8,
            isCached: isCached,
            timeToLive: .milliseconds(100)
        )
        return try scripted(store) { record, store in
            switch record.value {
            case "put": try store.put(record.key, "\(record.timestampMs)")
            case "get": return try store.get(record.key) ?? "-"
            case "all": return try store.all().collect().map(\.key).joined(separator: " ")
            default: break
            }
            return "\(store.approximateCount)"
        }
    }

    @Test("A row is found for so many milliseconds of stream time after its last write, and no longer")
    func exact() throws {
        let driver = try TopologyTestDriver(try seen())
        _ = try driver.ask("put", at: 1_000, key: "a")
        _ = try driver.ask("put", at: 1_050, key: "b")
        #expect(try driver.ask("get", at: 1_099, key: "a") == "1000")
        #expect(try driver.ask("get", at: 1_100, key: "a") == "-")
        #expect(try driver.ask("all", at: 1_100) == "b")
        _ = try driver.ask("put", at: 1_140, key: "b")
        #expect(try driver.ask("get", at: 1_239, key: "b") == "1140")
    }

    @Test("A late record's write lives as long as any other, as stream time does not go back")
    func late() throws {
        let driver = try TopologyTestDriver(try seen())
        _ = try driver.ask("put", at: 1_000, key: "a")
        _ = try driver.ask("put", at: 300, key: "b")
        #expect(try driver.ask("get", at: 300, key: "b") == "300", "what was just written can be read")
        #expect(try driver.ask("get", at: 1_100, key: "b") == "-")
    }

    @Test(
        "Rows past their time are removed a few at a time, and a restart does not bring them back",
        arguments: [0, 1 << 20]
    )
    func removal(cacheBytes: Int) throws {
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheBytes
        let driver = try TopologyTestDriver(
            try seen(isCached: cacheBytes > 0),
            configuration: configuration,
            commitMode: .explicit
        )
        for number in 0..<40 { _ = try driver.ask("put", at: 1_000, key: "k\(number)") }
        try driver.commit()
        #expect(try driver.ask("all", at: 2_000) == "", "all of them are invisible at once")
        let output = driver.output("out", keys: .utf8, values: .utf8)
        #expect(try driver.ask("put", at: 2_000, key: "new") == "25", "8 and 8 are gone, and a new one is there")
        try driver.commit()
        try driver.crash()
        #expect(try driver.ask("count", at: 2_000) == "25")
        #expect(try driver.ask("get", at: 2_000, key: "k5") == "-")
        for _ in 0..<5 { _ = try driver.ask("get", at: 2_000, key: "k5") }
        #expect(try driver.ask("count", at: 2_000) == "1")
        try driver.commit()
        try driver.crash()
        #expect(try driver.ask("all", at: 2_001) == "new")
        _ = output
    }

    @Test("In a timestamped store a row is as old as its timestamp, and a value that is too old already removes it")
    func timestamped() throws {
        let store = Stores.timestampedKeyValue("st", keys: .utf8, values: .utf8, timeToLive: .milliseconds(100))
        let driver = try TopologyTestDriver(
            try scripted(store) { record, store in
                if let timestampMs = Int64(record.value) { try store.put("a", "x", timestampMs: timestampMs) }
                return try store.get("a").map { "\($0.timestampMs)" } ?? "-"
            }
        )
        #expect(try driver.ask("990", at: 1_000) == "990")
        #expect(try driver.ask("901", at: 1_000) == "901")
        #expect(try driver.ask("get", at: 1_001) == "-")
        #expect(try driver.ask("1500", at: 1_001) == "1500", "a row may be from the future")
        #expect(try driver.ask("901", at: 1_001) == "-")
        #expect(try driver.ask("get", at: 1_002) == "-")
    }
}

@Suite("Versioned stores of processors")
struct VersionedStoreTests {
    @Test("Versions come with their beginning and end, and putting one tells where it lies")
    func versions() throws {
        let store = Stores.versioned("st", keys: .utf8, values: .utf8, historyRetention: .milliseconds(100))
        let driver = try TopologyTestDriver(
            try scripted(store) { _, store in
                let puts = [
                    try store.put("a", "1", timestampMs: 1_000), try store.put("a", "3", timestampMs: 1_050),
                    try store.put("a", "2", timestampMs: 1_020), try store.put("a", "0", timestampMs: 949),
                ]
                #expect(puts == [.latest, .latest, .validTo(1_050), .notPut])
                #expect(try store.get("a") == VersionedValue("3", validFromMs: 1_050))
                #expect(
                    try store.get("a", asOf: 1_049) == VersionedValue("2", validFromMs: 1_020, validToMs: 1_050)
                )
                #expect(try store.delete("a", timestampMs: 1_030)?.value == "2")
                #expect(try store.get("a", asOf: 1_035) == nil)
                #expect(try store.versions(of: "a").map(\.value) == ["3", "2", "1"])
                #expect(try store.versions(of: "a", from: 1_020, through: 1_040).map(\.validToMs) == [1_030])
                return "done"
            }
        )
        #expect(try driver.ask("", at: 1) == "done")
    }
}
