import Millrace

/// Average price for a category: the mean of the winning bids of its auctions, without decimals as in SQL.
package enum Query4: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<Int64>.int64

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().winningBids()
            .groupBy(keys: .int64, values: .int64) { _, won in (won.auction.category, won.bid.price) }
            .aggregate(
                initial: { (0, 0) },
                aggregates: .pair(.int64, .int64),
                store: "prices-of-categories",
                adder: { _, price, sum in (sum.0 + price, sum.1 + 1) },
                subtractor: { _, price, sum in (sum.0 - price, sum.1 - 1) }
            )
            .mapValues { sum, count in count == 0 ? 0 : sum / count }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}
