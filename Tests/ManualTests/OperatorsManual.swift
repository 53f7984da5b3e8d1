import Foundation
import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on operators and stores, run.
struct OperatorsManual {
    @Test("Sales are aggregated as the page on aggregations says")
    func aggregations() throws {
        let builder = StreamsBuilder()
        // snippet: aggregations
        let sales = builder.stream("sales", keys: .utf8, values: .int64)
        let byShop = sales.groupByKey()
        byShop.count(store: "sales-count").toStream().to("sales-count", values: .int64)
        byShop.reduce(store: "turnover") { total, cents in total + cents }
            .filter { _, total in total >= 1_000 }
            .toStream()
            .to("good-shops", values: .optional(.int64))
        byShop.top(3, store: "best-sales") { cents in cents }
            .toStream()
            .to("best-sales", values: .optional(.list(of: .int64)))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("sales", keys: .utf8, values: .int64)
        for cents: Int64 in [400, 700, 100, 500] { try input.pipe("corner", cents) }
        #expect(try driver.store("sales-count", keys: .utf8, values: .int64).value(for: "corner") == 4)
        let good = driver.output("good-shops", keys: .utf8, values: .int64)
        #expect(try good.readAll().compactMap(\.value) == [1_100, 1_200, 1_700])
        let best = driver.output("best-sales", keys: .utf8, values: .list(of: .int64))
        #expect(try best.readAll().last?.value == [700, 500, 400])
    }
}
