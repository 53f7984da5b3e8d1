import Millrace
import MillracePrimitives
import Testing

@Suite("Queries of a running application", .short)
struct QueryTests {
    /// Counts the records of each key, and stops at a value that asks for it.
    private static func topology(isCached: Bool = true, _ check: @escaping @Sendable (String) throws -> Void = { _ in })
        throws -> Topology
    {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .count(store: StoreOptions(name: "counts", isCached: isCached))
            .toStream().peek { key, count in try check("\(key)=\(count ?? 0)") }.to("out", values: .int64)
        return try builder.build()
    }

    private func counts(_ running: RunningApplication, _ options: QueryOptions = QueryOptions())
        -> KeyValueView<String, Int64>
    {
        running.application.keyValues(of: "counts", keys: .utf8, values: .int64, options: options)
    }

    private func send(_ world: World, _ keys: [String]) async throws -> [RecordReceipt] {
        let producer = try await Producer(on: world.broker)
        var receipts: [RecordReceipt] = []
        for key in keys { receipts.append(try await producer.send(ProducerRecord(topic: "in", key: key, value: "x"))) }
        await producer.close()
        return receipts
    }

    @Test("a read with a bound sees one's own writes", arguments: [QueryIsolation.latest, .committed])
    func ownWrites(isolation: QueryIsolation) async throws {
        let world = try await World(["in": 3, "out": 1])
        let running = RunningApplication(try Self.topology(), in: world)
        await running.reach(.running)
        for expected in 1...20 as ClosedRange<Int64> {
            let receipts = try await send(world, ["a", "b"])
            let view = counts(running, QueryOptions(isolation: isolation))
            for (key, receipt) in zip(["a", "b"], receipts) {
                let bounded = view.with(QueryOptions(isolation: isolation, after: [receipt]))
                #expect(try await bounded.get(key) == expected)
                #expect(try view.partition(of: key) == receipt.partition.partition)
            }
        }
        #expect(try await counts(running).get("nobody") == nil)
        try await running.stop()
    }

    @Test("ranges, prefixes and everything come in the order of keys over all partitions, page by page")
    func ranges() async throws {
        let world = try await World(["in": 3, "out": 1])
        let keys = (0..<2_000).map { "k\(String(10_000 + $0).dropFirst())" }
        try await world.write(keys.map { ($0, "x") })
        let topology = try Self.topology()
        try await world.run(topology)
        let running = RunningApplication(topology, in: world)
        await running.reach(.running)
        let view = counts(running)
        func read(_ rows: StoreRows<KeyValueRow<String, Int64>>) async throws -> [String] {
            var found: [String] = []
            for try await row in rows { found.append(row.key) }
            return found
        }
        #expect(try await read(view.all()) == keys)
        #expect(try await read(view.all(descending: true)) == keys.reversed())
        #expect(try await read(view.range(from: "k0500", through: "k0700")) == Array(keys[500...700]))
        #expect(
            try await read(view.range(from: "k0500", through: "k0700", descending: true)) == keys[500...700].reversed()
        )
        #expect(try await read(view.prefix("k07")) == Array(keys[700..<800]))
        #expect(try await read(view.prefix("k07", descending: true)) == keys[700..<800].reversed())
        #expect(try await read(view.range(from: "z")) == [])
        #expect(try await read(view.all().first(3)) == Array(keys[..<3]))
        #expect(try await read(view.all().first(0)) == [])
        let committed = view.with(QueryOptions(isolation: .committed))
        #expect(try await read(committed.all()) == keys)
        #expect(try await view.approximateCount() == keys.count)
        try await running.stop()
    }

    @Test("committed reads never see what an aborted transaction wrote, and latest ones do")
    func aborted() async throws {
        let world = try await World()
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64)
        let mishap = Mishap(atCall: 1)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).process(stores: counts) { record, context, counts in
            try counts.put(record.key, try counts.get(record.key).map { $0 + 1 } ?? 1)
            if record.value == "fail once" { try mishap.check() }
            if record.value == "commit" { context.requestCommit() }
            try context.forward(record)
        }.to("out", keys: .utf8, values: .utf8)
        // Nothing is committed but when a record asks for it.
        let running = RunningApplication(try builder.build(), in: world) {
            $0.onUncaughtError = .replaceThread
            $0.commitInterval = .seconds(600)
            $0.transactionTimeout = .seconds(900)
        }
        await running.reach(.running)
        func read(_ isolation: QueryIsolation, after receipts: [RecordReceipt], timeout: Duration = .seconds(60))
            async throws -> Int64?
        {
            let options = QueryOptions(isolation: isolation, after: receipts, timeout: timeout)
            return try await running.application.keyValues(of: counts, options: options).get("a")
        }
        func send(_ value: String) async throws -> [RecordReceipt] {
            let producer = try await Producer(on: world.broker)
            let receipt = try await producer.send(ProducerRecord(topic: "in", key: "a", value: value))
            await producer.close()
            return [receipt]
        }
        let first = try await send("commit")
        #expect(try await read(.committed, after: first) == 1)
        let second = try await send("x")
        #expect(try await read(.latest, after: second) == 2)
        // What is there is not committed, and what was committed is overwritten: the query waits, in vain.
        await #expect(throws: QueryError.timedOut(store: "counts", partition: 0)) {
            try await read(.committed, after: [], timeout: .milliseconds(300))
        }
        // The transaction of the second and third is aborted; they are counted again in the next, with the fourth.
        let third = try await send("fail once")
        #expect(try await read(.latest, after: third) == 3)
        async let decided = read(.committed, after: third)
        let fourth = try await send("commit")
        #expect(try await decided == 4)
        #expect(try await read(.committed, after: fourth) == 4)
        try await running.stop()
    }

    @Test("reads beside writes see counts that only grow, and whole rows")
    func concurrent() async throws {
        let world = try await World(["in": 2, "out": 1])
        let running = RunningApplication(try Self.topology(), in: world) { $0.threads = 2 }
        await running.reach(.running)
        let keys = (0..<10).map { "key\($0)" }
        async let written: Void = world.write((0..<20_000).map { (keys[$0 % 10], "x") })
        var last: [String: Int64] = [:]
        for round in 0..<200 {
            let key = keys[round % 10]
            let count = try await counts(running).get(key) ?? 0
            #expect(count >= last[key] ?? 0)
            last[key] = count
        }
        try await written
        // Stopping does not wait for what is not processed yet.
        while try await !running.application.lag().isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        try await running.stop()
        #expect(try await world.table(.int64).values.allSatisfy { $0 == 2_000 })
    }

    @Test("what has no answer is an error that says why")
    func errors() async throws {
        let world = try await World()
        let running = RunningApplication(try Self.topology(), in: world)
        await running.reach(.running)
        let application = running.application
        let unknown = application.keyValues(of: "sums", keys: .utf8, values: .int64)
        await #expect(throws: QueryError.unknownStore("sums", known: ["counts"])) { try await unknown.get("a") }
        let late = QueryOptions(
            after: [RecordReceipt(partition: TopicPartition("in", 0), offset: 7, timestamp: 0)],
            timeout: .milliseconds(200)
        )
        let notThere = QueryError.notUpToBound(store: "counts", partition: 0, of: TopicPartition("in", 0), before: 8)
        await #expect(throws: notThere) {
            try await counts(running, late).get("a")
        }
        let other = TopicPartition("out", 0)
        let unrelated = QueryOptions(after: [RecordReceipt(partition: other, offset: 7, timestamp: 0)])
        await #expect(throws: QueryError.unrelatedBound(store: "counts", other)) {
            try await counts(running, unrelated).get("a")
        }
        await #expect(throws: QueryError.invalidPartition(store: "counts", partition: 4, count: 1)) {
            try await counts(running).get("a", partition: 4)
        }
        let wrong = application.keyValues(of: "counts", keys: .utf8, values: .int32)
        try await world.write([("a", "x")])
        _ = try await counts(
            running,
            QueryOptions(after: [RecordReceipt(partition: TopicPartition("in", 0), offset: 0, timestamp: 0)])
        ).get("a")
        await #expect(throws: QueryError.self) { try await wrong.get("a") }
        try await running.stop()
        await #expect(throws: QueryError.notRunning) { try await counts(running).get("a") }
    }

    @Test("a query that waits ends when its task is cancelled")
    func cancelled() async throws {
        let world = try await World()
        let running = RunningApplication(try Self.topology(), in: world)
        await running.reach(.running)
        let late = QueryOptions(
            after: [RecordReceipt(partition: TopicPartition("in", 0), offset: 7, timestamp: 0)],
            timeout: .seconds(3_600)
        )
        let view = counts(running, late)
        let task = Task { try await view.get("a") }
        task.cancel()
        await #expect(throws: QueryError.cancelled) { try await task.value }
        try await running.stop()
    }
}
