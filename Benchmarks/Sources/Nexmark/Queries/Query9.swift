import Millrace

/// Winning bids: for each auction the best bid, with all columns of both.
package enum Query9: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<WonAuction>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().winningBids()
            .toStream()
            .to("output", keys: keys, values: results)
    }
}
