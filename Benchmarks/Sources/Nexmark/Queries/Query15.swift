import Millrace

/// Bidding statistics: for each day the number of bids, of different bidders and of different auctions, all and by rank.
///
/// Different ones are counted by keeping the bids of each bidder, and of each auction, as a row of a table, and then
/// adding up the rows: nothing holds all ids of a day in one place.
package enum Query15: NexmarkQuery {
    package static let output = OutputMode.update
    /// The day's beginning, in milliseconds since 1970.
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<BidStatistics>.columns

    package static func build(_ builder: StreamsBuilder) {
        let bids = builder.eventNumbers().bids
        let auctions = bids.mapValues { bid in bid.price }
            .groupByKey(values: .int64)
            .windowedBy(.tumbling(size: .seconds(86_400), grace: .seconds(3_600)))
            .aggregate(into: BidRanks(), aggregates: .columns, store: "auctions-of-days") { ranks, _, price in
                ranks.add(price: price)
            }
            .groupBy(keys: .int64, values: .columns) { auction, ranks in (auction.window.startMs, ranks) }
            .aggregate(
                initial: { BidStatistics() },
                aggregates: .columns,
                store: "auctions",
                adder: { _, ranks, day in day.adding(auction: ranks) },
                subtractor: { _, ranks, day in day.removing(auction: ranks) }
            )
        let bidders = bids.map { _, bid in (bid.bidder, bid.price) }
            .groupByKey(keys: .int64, values: .int64)
            .windowedBy(.tumbling(size: .seconds(86_400), grace: .seconds(3_600)))
            .aggregate(into: BidRanks(), aggregates: .columns, store: "bidders-of-days") { ranks, _, price in
                ranks.add(price: price)
            }
            .groupBy(keys: .int64, values: .columns) { bidder, ranks in (bidder.window.startMs, ranks.presence) }
            .reduce(
                store: "bidders",
                adder: { day, presence in day + presence },
                subtractor: { day, presence in day - presence }
            )
        auctions.join(bidders) { day, bidders in day.with(bidders: bidders) }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

extension BidStatistics {
    func adding(auction ranks: BidRanks) -> BidStatistics {
        var sum = self
        sum.bids = bids + ranks
        sum.auctions = auctions + ranks.presence
        return sum
    }

    func removing(auction ranks: BidRanks) -> BidStatistics {
        var difference = self
        difference.bids = bids - ranks
        difference.auctions = auctions - ranks.presence
        return difference
    }

    func with(bidders: BidRanks) -> BidStatistics {
        var all = self
        all.bidders = bidders
        return all
    }
}
