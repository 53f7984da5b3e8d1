import Millrace
import MillracePrimitives
import Testing

@Suite("Queries that wait for one's own writes", .short)
struct QueryBoundTests {
    private func send(_ world: World, _ records: [(key: String, value: String)], to topic: String = "in") async throws
        -> [RecordReceipt]
    {
        let producer = try await Producer(on: world.broker)
        var receipts: [RecordReceipt] = []
        for (key, value) in records {
            receipts.append(try await producer.send(ProducerRecord(topic: topic, key: key, value: value)))
        }
        await producer.close()
        return receipts
    }

    @Test("a bound holds behind a repartition topic", arguments: [QueryIsolation.latest, .committed])
    func behindRepartition(isolation: QueryIsolation) async throws {
        let world = try await World(["in": 3])
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8).groupBy(keys: .utf8) { _, value in value }
            .count(store: "by-value")
        let running = RunningApplication(try builder.build(), in: world) {
            $0.threads = 2
            $0.commitInterval = .milliseconds(10)
        }
        await running.reach(.running)
        for round in 1...15 as ClosedRange<Int64> {
            let receipts = try await send(world, [("a", "x"), ("b", "x"), ("c", "y")])
            let options = QueryOptions(isolation: isolation, after: receipts, timeout: .seconds(60))
            let view = running.application.keyValues(of: "by-value", keys: .utf8, values: .int64, options: options)
            #expect(try await view.get("x") == 2 * round)
            #expect(try await view.get("y") == round)
        }
        try await running.stop()
    }

    @Test("a bound holds behind several repartition topics, and where the ways of records meet again")
    func behindSeveral() async throws {
        let world = try await World(["in": 2, "other": 2])
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .utf8, values: .utf8)
        let counts = input.groupBy(keys: .utf8) { _, value in value }.count(store: "first").toStream()
            .map { value, _ in ("all", value) }
        _ = counts.merge(input.map { _, value in ("all", "direct \(value)") })
            .groupByKey(keys: .utf8, values: .utf8).count(store: "second")
        let running = RunningApplication(try builder.build(), in: world) {
            $0.commitInterval = .milliseconds(10)
            $0.cacheMaximumBytes = 0
        }
        await running.reach(.running)
        for round in 1...10 as ClosedRange<Int64> {
            let receipts = try await send(world, [("a", "x"), ("b", "y")])
            let options = QueryOptions(after: receipts, timeout: .seconds(60))
            let view = running.application.keyValues(of: "second", keys: .utf8, values: .int64, options: options)
            #expect(try await view.get("all") == 4 * round)
        }
        try await running.stop()
    }

    @Test("a bound holds where a foreign-key join leads records to another task and back")
    func foreignKeyJoin() async throws {
        let world = try await World(["orders": 2, "customers": 2])
        let builder = StreamsBuilder()
        let orders = builder.table("orders", keys: .utf8, values: .utf8, store: "orders")
        let customers = builder.table("customers", keys: .utf8, values: .utf8, store: "customers")
        let customerOf: @Sendable (String) -> String? = { $0 }
        _ = orders.join(customers, foreignKey: customerOf, values: .utf8, store: "joined") { order, customer in
            "\(order): \(customer)"
        }
        let running = RunningApplication(try builder.build(), in: world) { $0.commitInterval = .milliseconds(10) }
        await running.reach(.running)
        _ = try await send(world, [("ann", "Ann")], to: "customers")
        for round in 0..<10 {
            let customer = try await send(world, [("c\(round)", "name \(round)")], to: "customers")
            let order = try await send(world, [("o\(round)", "c\(round)")], to: "orders")
            let options = QueryOptions(after: customer + order, timeout: .seconds(60))
            let view = running.application.keyValues(of: "joined", keys: .utf8, values: .utf8, options: options)
            #expect(try await view.get("o\(round)") == "c\(round): name \(round)")
        }
        try await running.stop()
    }

    @Test("a range over all partitions waits in each of them for the records of that partition")
    func ranges() async throws {
        let world = try await World(["in": 3])
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count(store: "counts")
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        let keys = (0..<20).map { "k\(10 + $0)" }
        let receipts = try await send(world, keys.map { ($0, "x") })
        let view = running.application.keyValues(
            of: "counts",
            keys: .utf8,
            values: .int64,
            options: QueryOptions(after: receipts)
        )
        var found: [String] = []
        for try await row in try view.all() { found.append(row.key) }
        #expect(found == keys)
        #expect(try await view.approximateCount() == keys.count)
        try await running.stop()
    }

    @Test("under at-most-once a bound before a repartition topic is refused, and one of the store's own input holds")
    func atMostOnce() async throws {
        let world = try await World(["in": 1])
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .utf8, values: .utf8)
        _ = input.groupBy(keys: .utf8) { _, value in value }.count(store: "by-value")
        _ = input.groupByKey().count(store: "by-key")
        let running = RunningApplication(try builder.build(), in: world) { $0.guarantee = .atMostOnce }
        await running.reach(.running)
        let options = QueryOptions(after: try await send(world, [("a", "x")]))
        let application = running.application
        await #expect(throws: QueryError.unsupportedBound(store: "by-value", TopicPartition("in", 0))) {
            try await application.keyValues(of: "by-value", keys: .utf8, values: .int64, options: options).get("x")
        }
        #expect(
            try await application.keyValues(of: "by-key", keys: .utf8, values: .int64, options: options).get("a") == 1
        )
        try await running.stop()
    }

    @Test("a bound that is not reached upstream in time is an error that says what is missing")
    func lateUpstream() async throws {
        let world = try await World(["in": 1])
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8).groupBy(keys: .utf8) { _, value in value }
            .count(store: "by-value")
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        let future = RecordReceipt(partition: TopicPartition("in", 0), offset: 7, timestamp: 0)
        let options = QueryOptions(after: [future], timeout: .milliseconds(200))
        let missing = QueryError.notUpToBound(
            store: "by-value",
            partition: 0,
            of: TopicPartition("in", 0),
            before: 8
        )
        await #expect(throws: missing) {
            try await running.application.keyValues(of: "by-value", keys: .utf8, values: .int64, options: options)
                .get("x")
        }
        try await running.stop()
    }

    @Test("a global table is asked like any other, and waits for its own topic")
    func globalTable() async throws {
        let world = try await World(["in": 1, "countries": 2])
        let builder = StreamsBuilder()
        let countries = builder.globalTable("countries", keys: .utf8, values: .utf8, store: "countries")
        let keyOf: @Sendable (String, String) -> String? = { key, _ in key }
        _ = builder.stream("in", keys: .utf8, values: .utf8)
            .join(countries, key: keyOf) { value, country in value + country }
        let running = RunningApplication(try builder.build(), in: world) { $0.threads = 2 }
        await running.reach(.running)
        for round in 0..<10 {
            let receipts = try await send(
                world,
                [("at", "Austria \(round)"), ("be", "Belgium"), ("ch", "Switzerland")],
                to: "countries"
            )
            for isolation in [QueryIsolation.latest, .committed] {
                let view = running.application.keyValues(
                    of: "countries",
                    keys: .utf8,
                    values: .utf8,
                    options: QueryOptions(isolation: isolation, after: receipts)
                )
                #expect(try await view.get("at") == "Austria \(round)")
                var keys: [String] = []
                for try await row in try view.range(from: "b") { keys.append(row.key) }
                #expect(keys == ["be", "ch"])
            }
        }
        let other = RecordReceipt(partition: TopicPartition("in", 0), offset: 0, timestamp: 0)
        await #expect(throws: QueryError.unrelatedBound(store: "countries", other.partition)) {
            try await running.application.keyValues(
                of: "countries",
                keys: .utf8,
                values: .utf8,
                options: QueryOptions(after: [other])
            ).get("at")
        }
        try await running.stop()
    }
}
