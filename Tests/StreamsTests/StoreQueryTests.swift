import Millrace
import MillracePrimitives
import Testing

/// Puts what its records say into stores of all kinds: the value is `count at time`.
private struct Stock {
    let plain = Stores.keyValue("plain", keys: .utf8, values: .int64)
    let stamped = Stores.timestampedKeyValue("stamped", keys: .utf8, values: .int64, timeToLive: .milliseconds(100))
    let windows = Stores.window(
        "windows",
        keys: .utf8,
        values: .int64,
        size: .milliseconds(10),
        retention: .milliseconds(1_000)
    )
    let duplicates = Stores.window(
        "duplicates",
        keys: .utf8,
        values: .int64,
        size: .milliseconds(10),
        retention: .milliseconds(1_000),
        retainsDuplicates: true
    )
    let sessions = Stores.session("sessions", keys: .utf8, values: .int64, retention: .milliseconds(1_000))
    let versions = Stores.versioned("versions", keys: .utf8, values: .int64, historyRetention: .seconds(10))

    func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .int64).process(
            stores: plain,
            stamped,
            windows,
            duplicates,
            sessions,
            versions
        ) { record, context, plain, stamped, windows, duplicates, sessions, versions in
            let timeMs = record.timestampMs
            try plain.put(record.key, record.value)
            try stamped.put(record.key, record.value, timestampMs: timeMs)
            try windows.put(record.key, record.value, startMs: timeMs)
            try duplicates.put(record.key, record.value, startMs: timeMs)
            try sessions.put(record.key, Window(startMs: timeMs - 5, endMs: timeMs), record.value)
            try versions.put(record.key, record.value, timestampMs: timeMs)
            try context.forward(record)
        }.to("out", keys: .utf8, values: .int64)
        return try builder.build()
    }
}

@Suite("Queries of each kind of store", .short)
struct StoreQueryTests {
    /// Runs the stores over some records; returns the application, with options that wait for all of them.
    private func start(
        _ records: [(String, Int64, Int64)],
        partitions: Int32 = 2,
        _ isolation: QueryIsolation = .latest
    ) async throws -> (RunningApplication, Stock, QueryOptions) {
        let world = try await World(["in": partitions, "out": 1])
        let stock = Stock()
        let running = RunningApplication(try stock.topology(), in: world)
        await running.reach(.running)
        let producer = try await Producer(on: world.broker)
        var receipts: [RecordReceipt] = []
        for (number, (key, value, timeMs)) in records.enumerated() {
            let bytes = try Serde<Int64>.int64.bytes(of: value)
            let record = ProducerRecord(topic: "in", key: Array(key.utf8), value: bytes, timestamp: timeMs)
            // The last record of a partition stands for all before it.
            if partitions == 1, number < records.count - 1 {
                try await producer.enqueue(record)
            } else {
                receipts.append(try await producer.send(record))
            }
        }
        await producer.close()
        return (running, stock, QueryOptions(isolation: isolation, after: receipts))
    }

    private func texts(_ rows: StoreRows<WindowRow<String, Int64>>) async throws -> [String] {
        var found: [String] = []
        for try await row in rows { found.append("\(row.key)=\(row.value)") }
        return found
    }

    @Test("a window store is asked for a window, the windows of a key, and those of a range of keys and times")
    func windows() async throws {
        let records: [(String, Int64, Int64)] = [
            ("a", 1, 100), ("a", 2, 110), ("b", 3, 110), ("a", 4, 120), ("c", 5, 130), ("aa", 6, 110),
        ]
        let (running, stock, options) = try await start(records)
        let application = running.application
        let view = application.windows(of: stock.windows, options: options)
        #expect(try await view.get("a", startMs: 110) == 2)
        #expect(try await view.get("a", startMs: 111) == nil)
        #expect(try await texts(view.fetch("a", from: 105, through: 120)) == ["a@110-120=2", "a@120-130=4"])
        #expect(
            try await texts(view.fetch("a", descending: true))
                == ["a@120-130=4", "a@110-120=2", "a@100-110=1"]
        )
        #expect(try await texts(view.fetch("a", from: 121)) == [])
        #expect(try await texts(view.fetch("a", through: -1)) == [])
        #expect(
            try await texts(view.fetch(keysFrom: "a", through: "b", from: 110, through: 110))
                == ["a@110-120=2", "aa@110-120=6", "b@110-120=3"]
        )
        #expect(try await texts(view.fetch(keysFrom: "b")) == ["b@110-120=3", "c@130-140=5"])
        #expect(
            try await texts(view.all(descending: true))
                == [
                    "c@130-140=5", "b@110-120=3", "aa@110-120=6", "a@120-130=4", "a@110-120=2", "a@100-110=1",
                ]
        )
        #expect(try await texts(view.all().first(2)) == ["a@100-110=1", "a@110-120=2"])
        let named = application.windows(of: "windows", keys: .utf8, values: .int64, options: options)
        #expect(try await named.get("b", startMs: 110) == 3)
        try await running.stop()
    }

    @Test("a window store with duplicates gives all of them, in the order in which they were put")
    func duplicates() async throws {
        let (running, stock, options) = try await start([("a", 1, 100), ("a", 2, 100), ("a", 3, 105)])
        let application = running.application
        let view = application.windows(of: stock.duplicates, options: options)
        #expect(try await view.get("a", startMs: 100) == 1)
        #expect(try await view.get("a", startMs: 101) == nil)
        #expect(try await texts(view.fetch("a", through: 100)) == ["a@100-110=1", "a@100-110=2"])
        #expect(try await texts(view.all()) == ["a@100-110=1", "a@100-110=2", "a@105-115=3"])
        try await running.stop()
    }

    @Test("windows past their retention are not there for who asks")
    func retention() async throws {
        let (running, stock, options) = try await start([("a", 1, 100), ("a", 2, 900), ("a", 3, 1_100)], partitions: 1)
        let application = running.application
        let view = application.windows(of: stock.windows, options: options)
        #expect(try await view.get("a", startMs: 100) == nil)
        #expect(try await texts(view.fetch("a")) == ["a@900-910=2", "a@1100-1110=3"])
        let sessions = application.sessions(of: stock.sessions, options: options)
        #expect(try await texts(sessions.all()) == ["a@895-900=2", "a@1095-1100=3"])
        try await running.stop()
    }

    @Test("a session store is asked for a session, those of a key, and those that touch a span of time")
    func sessions() async throws {
        let (running, stock, options) = try await start([("a", 1, 100), ("a", 2, 120), ("b", 3, 110)])
        let application = running.application
        let view = application.sessions(of: stock.sessions, options: options)
        #expect(try await view.get("a", Window(startMs: 115, endMs: 120)) == 2)
        #expect(try await view.get("a", Window(startMs: 114, endMs: 120)) == nil)
        #expect(try await texts(view.fetch("a")) == ["a@95-100=1", "a@115-120=2"])
        #expect(try await texts(view.fetch("a", descending: true)) == ["a@115-120=2", "a@95-100=1"])
        #expect(try await texts(view.findSessions("a", earliestEndMs: 100, latestStartMs: 114)) == ["a@95-100=1"])
        #expect(
            try await texts(view.findSessions(earliestEndMs: 101, latestStartMs: 115))
                == ["a@115-120=2", "b@105-110=3"]
        )
        let named = application.sessions(of: "sessions", keys: .utf8, values: .int64, options: options)
        #expect(try await texts(named.all()) == ["a@95-100=1", "a@115-120=2", "b@105-110=3"])
        try await running.stop()
    }

    @Test("a versioned store is asked for the latest value, that of a time, and those of a span of time")
    func versions() async throws {
        let (running, stock, options) = try await start([("a", 1, 100), ("a", 2, 120), ("a", 3, 140), ("b", 4, 50)])
        let application = running.application
        let view = application.versions(of: stock.versions, options: options)
        #expect(try await view.get("a") == VersionedValue(3, validFromMs: 140))
        #expect(try await view.get("a", asOf: 139) == VersionedValue(2, validFromMs: 120, validToMs: 140))
        #expect(try await view.get("a", asOf: 99) == nil)
        #expect(try await view.versions(of: "a").map(\.value) == [3, 2, 1])
        #expect(try await view.versions(of: "a", ascending: true).map(\.value) == [1, 2, 3])
        #expect(try await view.versions(of: "a", from: 120, through: 139).map(\.value) == [2])
        #expect(try await view.versions(of: "a", ascending: true, limit: 2).map(\.value) == [1, 2])
        #expect(try await view.versions(of: "c").isEmpty)
        let named = application.versions(of: "versions", keys: .utf8, values: .int64, options: options)
        #expect(try await named.get("b")?.value == 4)
        try await running.stop()
    }

    @Test("the versions of a key come whole, page by page, in both directions")
    func manyVersions() async throws {
        let records = (0..<2_500).map { ("a", Int64($0), Int64(1_000 + $0)) }
        let (running, stock, options) = try await start(records, partitions: 1)
        let application = running.application
        let view = application.versions(of: stock.versions, options: options)
        #expect(try await view.versions(of: "a", ascending: true).map(\.value) == (0..<2_500).map { Int64($0) })
        #expect(try await view.versions(of: "a").map(\.value) == (0..<2_500).reversed().map { Int64($0) })
        try await running.stop()
    }

    @Test("rows past their time to live are not there for who asks, though they were not removed yet")
    func timeToLive() async throws {
        // More rows are past their time at once than one record removes.
        let records = (0..<50).map { ("k\($0)", Int64($0), Int64(100)) } + [("new", 1, 250)]
        let (running, stock, options) = try await start(records, partitions: 1)
        let application = running.application
        let view = application.keyValues(of: stock.stamped, options: options)
        #expect(try await view.approximateCount() > 1)
        var keys: [String] = []
        for try await row in try view.all() { keys.append(row.key) }
        #expect(keys == ["new"])
        #expect(try await view.get("k49") == nil)
        #expect(try await view.row(of: "new")?.timestampMs == 250)
        try await running.stop()
    }

    @Test("rows of a table past their time to live are not there either")
    func tableTimeToLive() async throws {
        let world = try await World(["in": 1])
        let builder = StreamsBuilder()
        _ = builder.table(
            "in",
            keys: .utf8,
            values: .utf8,
            store: StoreOptions(name: "table", timeToLive: .milliseconds(100))
        )
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        let producer = try await Producer(on: world.broker)
        var receipts: [RecordReceipt] = []
        for number in 0..<50 {
            receipts.append(
                try await producer.send(ProducerRecord(topic: "in", key: "k\(number)", value: "x", timestamp: 100))
            )
        }
        receipts.append(try await producer.send(ProducerRecord(topic: "in", key: "new", value: "y", timestamp: 250)))
        await producer.close()
        let view = running.application.keyValues(
            of: "table",
            keys: .utf8,
            values: .utf8,
            options: QueryOptions(after: receipts)
        )
        var keys: [String] = []
        for try await row in try view.all() { keys.append(row.key) }
        #expect(keys == ["new"])
        try await running.stop()
    }

    @Test("committed reads find the same in every kind of store once it is committed")
    func committed() async throws {
        let (running, stock, options) = try await start([("a", 1, 100), ("a", 2, 120)], .committed)
        let application = running.application
        #expect(try await application.keyValues(of: stock.plain, options: options).get("a") == 2)
        #expect(try await application.windows(of: stock.windows, options: options).get("a", startMs: 120) == 2)
        #expect(
            try await texts(application.sessions(of: stock.sessions, options: options).all())
                == ["a@95-100=1", "a@115-120=2"]
        )
        #expect(
            try await application.versions(of: stock.versions, options: options).get("a", asOf: 110)?.value == 1
        )
        try await running.stop()
    }

    @Test("a store of another kind is an error that says of which")
    func otherKind() async throws {
        let (running, _, _) = try await start([])
        let application = running.application
        let view = application.windows(of: "plain", keys: .utf8, values: .int64)
        await #expect(throws: QueryError.otherKind(store: "plain", .keyValue)) {
            try await view.get("a", startMs: 0)
        }
        try await running.stop()
    }

    @Test("windows and sessions of aggregations can be asked, also what is held back until the commit")
    func aggregations() async throws {
        let world = try await World(["in": 2])
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
        _ = input.windowedBy(.tumbling(size: .milliseconds(10), grace: .zero))
            .count(store: StoreOptions(name: "per-window", retention: .seconds(1)))
        _ = input.windowedBy(.sessions(inactivityGap: .milliseconds(5), grace: .zero))
            .count(store: StoreOptions(name: "per-session", retention: .seconds(1)))
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        let producer = try await Producer(on: world.broker)
        var receipts: [RecordReceipt] = []
        for timeMs in [100, 101, 109, 115] as [Int64] {
            receipts.append(
                try await producer.send(ProducerRecord(topic: "in", key: "a", value: "x", timestamp: timeMs))
            )
        }
        await producer.close()
        for isolation in [QueryIsolation.latest, .committed] {
            let options = QueryOptions(isolation: isolation, after: receipts)
            let windows = running.application.windows(
                of: "per-window",
                keys: .utf8,
                values: .int64,
                options: options
            )
            #expect(try await texts(windows.fetch("a")) == ["a@100-110=3", "a@110-120=1"])
            #expect(try windows.partition(of: "a") == receipts[0].partition.partition)
            let sessions = running.application.sessions(
                of: "per-session",
                keys: .utf8,
                values: .int64,
                options: options
            )
            #expect(try await texts(sessions.fetch("a")) == ["a@100-101=2", "a@109-109=1", "a@115-115=1"])
            #expect(try sessions.partition(of: "a") == receipts[0].partition.partition)
        }
        try await running.stop()
    }
}
