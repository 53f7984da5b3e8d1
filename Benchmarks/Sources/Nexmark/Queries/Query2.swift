import Millrace

/// Selection: auction and price of the bids for every 123rd auction.
package enum Query2: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<Int64>.int64

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().bids
            .filter { auction, _ in auction % 123 == 0 }
            .mapValues { bid in bid.price }
            .to("output", keys: keys, values: results)
    }
}
