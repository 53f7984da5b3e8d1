import Millrace

/// Top ten: the ten highest bids for each auction, the highest first; of equal ones those of the smaller bidders' ids, of
/// those the earlier ones.
package enum Query19: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<[Bid]>.list(of: .columns)

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .groupByKey(values: .columns)
            .top(10, store: "highest-bids") { bid in bid.price }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}
