import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on tables and on flow, run.
struct TablesManual {
    @Test("Members are counted by city as they move")
    func regrouping() throws {
        let builder = StreamsBuilder()
        // snippet: tables
        let members = builder.table("members", keys: .utf8, values: .utf8, store: "members")
        let cities = members.compactMapValues { address in address.split(separator: ",").last.map(String.init) }
        cities.groupBy(keys: .utf8, values: .utf8) { _, city in (city, city) }
            .count(store: "members-by-city")
            .toStream()
            .to("members-by-city", values: .optional(.int64))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("members", keys: .utf8, values: .utf8)
        try input.pipe("ada", "Hill 1,Graz")
        try input.pipe("bob", "Lane 2,Graz")
        try input.pipe("ada", "Dock 3,Bonn")
        let counts = driver.store("members-by-city", keys: .utf8, values: .int64)
        #expect(try counts.entries().map { "\($0.key) \($0.value)" } == ["Bonn 1", "Graz 1"])
    }

    @Test("A sum follows the rows of its group")
    func subtracting() throws {
        let builder = StreamsBuilder()
        let stock = builder.table("stock", keys: .utf8, values: .int64)
        // snippet: table-reduce
        let total = stock.groupBy(keys: .utf8, values: .int64) { _, count in ("all", count) }
            .reduce(
                store: "total",
                adder: { total, count in total + count },
                subtractor: { total, count in total - count }
            )
        // snippet.end
        total.toStream().to("total", values: .optional(.int64))
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("stock", keys: .utf8, values: .int64)
        for (article, count): (String, Int64?) in [("pen", 3), ("ink", 4), ("pen", 1), ("ink", nil)] {
            try input.pipe(article, count)
        }
        #expect(try driver.store("total", keys: .utf8, values: .int64).value(for: "all") == 1)
    }

    @Test("Repetitions, floods and trickles are dealt with as the page on flow says")
    func flow() throws {
        let builder = StreamsBuilder()
        // snippet: flow
        let payments = builder.stream("payments", keys: .utf8, values: .utf8)
        payments.deduplicate(by: { _, id in id }, ids: .utf8, within: .seconds(600))
            .to("payments-once")
        payments.throttle(to: 3, per: .seconds(60))
            .to("payments-few")
        payments.groupByKey().batch(count: 100, within: .seconds(5))
            .to("payments-together", values: .list(of: .utf8))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("payments", keys: .utf8, values: .utf8)
        for id in ["p1", "p1", "p2", "p3", "p4"] { try input.pipe("ada", id, at: 1_000) }
        #expect(
            try driver.output("payments-once", keys: .utf8, values: .utf8).readAll().map(\.value)
                == ["p1", "p2", "p3", "p4"]
        )
        #expect(
            try driver.output("payments-few", keys: .utf8, values: .utf8).readAll().map(\.value) == ["p1", "p1", "p2"]
        )
        try driver.advanceWallClock(by: .seconds(5))
        #expect(
            try driver.output("payments-together", keys: .utf8, values: .list(of: .utf8)).readAll().map(\.value)
                == [["p1", "p1", "p2", "p3", "p4"]]
        )
    }
}
