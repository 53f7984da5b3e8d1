import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on joins, run.
struct JoinsManual {
    @Test("Clicks find their views, and those without one leave when their window has closed")
    func streams() throws {
        let builder = StreamsBuilder()
        // snippet: stream-join
        let views = builder.stream("views", keys: .utf8, values: .utf8)
        let clicks = builder.stream("clicks", keys: .utf8, values: .utf8)
        views.leftJoin(clicks, within: JoinWindows(before: .zero, after: .seconds(30), grace: .seconds(5))) {
            view,
            click in "\(view) \(click ?? "ignored")"
        }
        .to("seen", values: .utf8)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("views", keys: .utf8, values: .utf8)
        try input.pipe("ada", "banner", at: 0)
        try driver.input("clicks", keys: .utf8, values: .utf8).pipe("ada", "clicked", at: 30_000)
        try input.pipe("bob", "banner", at: 31_000)
        try driver.advanceWallClock(by: .seconds(1))
        try input.pipe("eve", "banner", at: 66_001)
        let seen = try driver.output("seen", keys: .utf8, values: .utf8).readAll()
        #expect(seen.map { "\($0.key ?? "") \($0.value ?? "")" } == ["ada banner clicked", "bob banner ignored"])
        #expect(seen.map(\.timestampMs) == [30_000, 31_000])
    }

    @Test("An order meets the customer's row of its time")
    func streamAndTable() throws {
        let builder = StreamsBuilder()
        // snippet: stream-table-join
        let customers = builder.table(
            "customers",
            keys: .utf8,
            values: .utf8,
            store: .versioned("customers", historyRetention: .seconds(3_600))
        )
        builder.stream("orders", keys: .utf8, values: .utf8)
            .join(customers, grace: .seconds(60)) { order, city in "\(order) to \(city)" }
            .to("deliveries", values: .utf8)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let rows = driver.input("customers", keys: .utf8, values: .utf8)
        let orders = driver.input("orders", keys: .utf8, values: .utf8)
        try rows.pipe("ada", "Graz", at: 0)
        try orders.pipe("ada", "tea", at: 10_000)
        try rows.pipe("ada", "Bonn", at: 5_000)
        try orders.pipe("bob", "jam", at: 70_000)
        let deliveries = try driver.output("deliveries", keys: .utf8, values: .utf8).readAll()
        #expect(deliveries.map(\.value) == ["tea to Bonn"])
    }

    @Test("Orders follow the customers that they name")
    func foreignKey() throws {
        let builder = StreamsBuilder()
        // snippet: foreign-key-join
        let orders = builder.table("orders", keys: .utf8, values: .utf8)
        let customers = builder.table("customers", keys: .utf8, values: .utf8)
        orders.join(
            customers,
            foreignKey: { order in order.split(separator: ":").first.map(String.init) },
            values: .utf8,
            store: "orders-with-customers"
        ) { order, city in "\(order) in \(city)" }
        .toStream()
        .to("orders-with-customers", values: .optional(.utf8))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build(), partitions: ["customers": 3])
        let orderInput = driver.input("orders", keys: .utf8, values: .utf8)
        let customerInput = driver.input("customers", keys: .utf8, values: .utf8)
        try orderInput.pipe("1", "ada:tea")
        try customerInput.pipe("ada", "Graz")
        try customerInput.pipe("ada", "Bonn")
        try orderInput.pipe("1", nil)
        let results = try driver.output("orders-with-customers", keys: .utf8, values: .utf8).readAll()
        #expect(results.map(\.value) == ["ada:tea in Graz", "ada:tea in Bonn", nil])
    }

    @Test("Stock and price of an article are one row")
    func tables() throws {
        let builder = StreamsBuilder()
        // snippet: table-join
        let stock = builder.table("stock", keys: .utf8, values: .int64)
        let prices = builder.table("prices", keys: .utf8, values: .int64)
        stock.outerJoin(prices) { count, cents in "\(count ?? 0) at \(cents ?? 0)" }
            .toStream()
            .to("articles", values: .optional(.utf8))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let counts = driver.input("stock", keys: .utf8, values: .int64)
        let cents = driver.input("prices", keys: .utf8, values: .int64)
        try counts.pipe("pen", 3)
        try cents.pipe("pen", 250)
        try counts.pipe("pen", nil)
        try cents.pipe("pen", nil)
        let articles = try driver.output("articles", keys: .utf8, values: .utf8).readAll()
        #expect(articles.map(\.value) == ["3 at 0", "3 at 250", "0 at 250", nil])
    }

    @Test("A global table is joined by any key, and a global store is made by a function")
    func globals() throws {
        let builder = StreamsBuilder()
        // snippet: global-table
        let countries = builder.globalTable("countries", keys: .utf8, values: .utf8)
        builder.stream("orders", keys: .utf8, values: .utf8)
            .leftJoin(countries, key: { _, code in code }) { code, country in country ?? "unknown: \(code)" }
            .to("destinations", values: .utf8)
        // snippet.end
        // snippet: global-store
        let blocked = builder.addGlobalStore(
            Stores.keyValue("blocked", keys: .utf8, values: .bool),
            topic: "decisions",
            keys: .utf8,
            values: .optional(.utf8)
        ) { decision, blocked in
            try blocked.put(decision.key, decision.value == "block" ? true : nil)
        }
        let allowed: KStream<String, Int64> = builder.stream("payments", keys: .utf8, values: .int64)
            .processValues(stores: blocked) { payment, context, blocked in
                if try blocked.get(payment.key) == nil { try context.forward(payment) }
            }
        allowed.to("allowed-payments", values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build(), partitions: ["countries": 2])
        try driver.input("countries", keys: .utf8, values: .utf8).pipe("at", "Austria")
        let orders = driver.input("orders", keys: .utf8, values: .utf8)
        try orders.pipe("1", "at")
        try orders.pipe("2", "xx")
        let destinations = try driver.output("destinations", keys: .utf8, values: .utf8).readAll()
        #expect(destinations.map(\.value) == ["Austria", "unknown: xx"])
        let payments = driver.input("payments", keys: .utf8, values: .int64)
        try driver.input("decisions", keys: .utf8, values: .utf8).pipe("eve", "block")
        try payments.pipe("eve", 1)
        try payments.pipe("ada", 2)
        #expect(try driver.output("allowed-payments", keys: .utf8, values: .int64).readAll().map(\.value) == [2])
    }
}
