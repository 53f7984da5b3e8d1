import Millrace

/// Last bid: of each person for each auction the latest; of those in the same millisecond the one that came last.
package enum Query18: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<BidderInAuction>.columns
    package static let results = Serde<Bid>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .groupBy(keys: keys, values: results) { auction, bid in
                BidderInAuction(bidder: bid.bidder, auction: auction)
            }
            .reduce(store: "last-bids") { last, bid in bid.dateTimeMs >= last.dateTimeMs ? bid : last }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// A person and an auction.
package struct BidderInAuction: Columns {
    package var bidder: Int64
    package var auction: Int64

    package init(bidder: Int64, auction: Int64) {
        self.bidder = bidder
        self.auction = auction
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(bidder: try reader.int64(), auction: try reader.int64())
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(bidder)
        writer.append(auction)
    }
}
