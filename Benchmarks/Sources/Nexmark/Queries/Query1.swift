import Millrace

/// Currency conversion: every bid with its price times 0.908, to three decimals: in thousandths, which is exact.
package enum Query1: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<PlainBid>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .mapValues { bid in
                PlainBid(bidder: bid.bidder, price: bid.price * 908, dateTimeMs: bid.dateTimeMs, extra: bid.extra)
            }
            .to("output", keys: keys, values: results)
    }
}
