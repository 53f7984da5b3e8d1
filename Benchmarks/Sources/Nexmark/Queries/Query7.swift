import Millrace

/// Highest bid: the bids with the highest price of each 10 seconds. A window's end does not belong to it.
///
/// The table goes by the window's beginning alone: bids of all partitions come together in an order that is not that of
/// their times, and so none of them is late.
package enum Query7: NexmarkQuery {
    package static let output = OutputMode.update
    /// The beginning of the window, in milliseconds since 1970.
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<HighestBids>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().bids
            .map { auction, bid in
                let bidder = HighestBids.Bidder(auction: auction, bidder: bid.bidder, dateTimeMs: bid.dateTimeMs)
                return (bid.dateTimeMs / 10_000 * 10_000, HighestBids(price: bid.price, bidders: [bidder]))
            }
            .groupByKey(keys: .int64, values: .columns)
            .reduce(store: "highest-bids") { highest, bids in highest.merged(with: bids) }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// The highest price, and who offered it.
package struct HighestBids: Columns {
    package struct Bidder: Columns, Comparable {
        package var auction: Int64
        package var bidder: Int64
        package var dateTimeMs: Int64

        package init(auction: Int64, bidder: Int64, dateTimeMs: Int64) {
            self.auction = auction
            self.bidder = bidder
            self.dateTimeMs = dateTimeMs
        }

        package init(from reader: inout ColumnReader) throws {
            self.init(auction: try reader.int64(), bidder: try reader.int64(), dateTimeMs: try reader.int64())
        }

        package func write(to writer: inout ByteWriter) {
            writer.append(auction)
            writer.append(bidder)
            writer.append(dateTimeMs)
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.auction, left.bidder, left.dateTimeMs) < (right.auction, right.bidder, right.dateTimeMs)
        }
    }

    package var price: Int64
    /// In order.
    package var bidders: [Bidder]

    package init(price: Int64, bidders: [Bidder]) {
        self.price = price
        self.bidders = bidders
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(price: try reader.int64(), bidders: try reader.rows())
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(price)
        writer.append(rows: bidders)
    }

    func merged(with other: HighestBids) -> HighestBids {
        if price != other.price { return price > other.price ? self : other }
        return HighestBids(price: price, bidders: (bidders + other.bidders).sorted())
    }
}
