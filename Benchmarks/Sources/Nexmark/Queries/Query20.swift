import Millrace

/// Expand bid with auction: every bid for an auction of category 10, with all columns of both.
///
/// The SQL joins without bounds in time. Bids come at most some seconds before or after their auction begins, so a window
/// of a minute loses none, and nothing is kept longer than that.
package enum Query20: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<WonAuction>.columns

    package static func build(_ builder: StreamsBuilder) {
        let events = builder.events()
        let auctions = events.auctions.filter { auction in auction.category == 10 }
        events.bids
            .join(
                auctions,
                within: JoinWindows(difference: .seconds(60), grace: .zero),
                keys: .int64,
                values: .columns,
                otherValues: .columns
            ) { bid, auction in WonAuction(auction: auction, bid: bid) }
            .to("output", keys: keys, values: results)
    }
}
