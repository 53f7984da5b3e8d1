import Millrace
import MillraceTestKit
import Testing

/// Global tables in a test of a topology.
struct GlobalTableDriverTests {
    private func driver(commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        let prices = builder.globalTable("prices", keys: .utf8, values: .int64, store: "price-list")
        builder.stream("sales", keys: .utf8, values: .utf8)
            .join(prices, key: { _, article in article }) { _, price in price }
            .to("out", values: .int64)
        builder.stream("new-prices", keys: .utf8, values: .int64).to("prices")
        return try TopologyTestDriver(try builder.build(), partitions: ["prices": 2], commitMode: commitMode)
    }

    @Test("A row is in its table as soon as it is piped in, whatever its time")
    func feedsAtOnce() throws {
        let driver = try driver()
        let prices = driver.input("prices", keys: .utf8, values: .int64)
        let sales = driver.input("sales", keys: .utf8, values: .utf8)
        let output = driver.output("out", keys: .utf8, values: .int64)
        try sales.pipe("s1", "pen", at: 100)
        try prices.pipe("pen", 3, at: 900)
        try sales.pipe("s2", "pen", at: 200)
        try prices.pipe("pen", nil, at: 50)
        try sales.pipe("s3", "pen", at: 300)
        let written = try output.readAll()
        #expect(written.map(\.key) == ["s2"])
        #expect(written.map(\.value) == [3])
        #expect(written.map(\.timestampMs) == [200], "a result has the record's time")
        #expect(try driver.store("price-list", keys: .utf8, values: .int64).entries().isEmpty)
    }

    @Test("A global topic has the times that its extractor tells: a record without one is left out, or has its own")
    func timestamps() throws {
        let builder = StreamsBuilder()
        let prices = builder.globalTable(
            "prices",
            keys: .utf8,
            values: .int64,
            timestamps: TimestampExtractor { record, _ in (record.value ?? nil) ?? 0 }
        )
        let rules = builder.addGlobalStore(
            Stores.keyValue("rules", keys: .utf8, values: .int64),
            topic: "rules",
            keys: .utf8,
            values: .int64,
            timestamps: TimestampExtractor { _, _ in 7 }
        ) { record, rules in try rules.put(record.key, record.timestampMs) }
        builder.stream("sales", keys: .utf8, values: .utf8)
            .join(prices, key: { _, article in article }) { _, price in price }
            .processValues(stores: rules) { record, context, rules in
                try context.forward(record.withValue(record.value + (try rules.get("all") ?? 0)))
            }
            .to("out", values: .int64)
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("prices", keys: .utf8, values: .int64)
        try input.pipe("pen", 3, at: 1)
        try input.pipe("pen", -4, at: 2)
        try driver.input("rules", keys: .utf8, values: .int64).pipe("all", 0, at: 1)
        try driver.input("sales", keys: .utf8, values: .utf8).pipe("s1", "pen", at: 3)
        #expect(try driver.output("out", keys: .utf8, values: .int64).readAll().map(\.value) == [10])
    }

    @Test("A topology may write its own global topic; what it reads next sees that")
    func feedsItself() throws {
        let driver = try driver()
        try driver.input("new-prices", keys: .utf8, values: .int64).pipe("pen", 4, at: 1)
        try driver.input("sales", keys: .utf8, values: .utf8).pipe("s1", "pen", at: 2)
        #expect(try driver.output("out", keys: .utf8, values: .int64).readAll().map(\.value) == [4])
    }

    @Test("After a crash the table is what was piped in and committed")
    func crash() throws {
        let driver = try driver(commitMode: .explicit)
        let prices = driver.input("prices", keys: .utf8, values: .int64)
        let newPrices = driver.input("new-prices", keys: .utf8, values: .int64)
        try prices.pipe("pen", 3, at: 1)
        try newPrices.pipe("ink", 5, at: 2)
        try driver.commit()
        try newPrices.pipe("ink", 6, at: 3)
        try driver.crash()
        let list = driver.store("price-list", keys: .utf8, values: .int64)
        #expect(try list.value(for: "pen") == 3)
        #expect(try list.value(for: "ink") == 6, "what was not committed is processed again")
        #expect(try driver.output("prices", keys: .utf8, values: .int64).readAll().map(\.value).contains(6))
    }
}
