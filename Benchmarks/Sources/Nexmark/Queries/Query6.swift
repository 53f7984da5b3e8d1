import Millrace

/// Average selling price by seller: the mean of the winning bids of the ten of a seller's auctions that expire last,
/// without decimals.
///
/// Ten, as the text says (the SQL of nexmark-flink has eleven), and of auctions that expire in the same millisecond those
/// with the smaller ids. An auction counts from its first valid bid on, as in the SQL, not only when it has expired.
package enum Query6: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<Int64>.int64

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().winningBids()
            .groupBy(keys: .int64, values: .columns) { auction, won in
                (won.auction.seller, Sale(expiresMs: won.auction.expiresMs, auction: auction, price: won.bid.price))
            }
            .top(10, store: "sales-of-sellers") { sale in sale.expiresMs }
            .mapValues { sales in sales.map(\.price).reduce(0, +) / Int64(max(sales.count, 1)) }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// An auction of a seller.
struct Sale: Columns {
    var expiresMs: Int64
    var auction: Int64
    var price: Int64

    init(expiresMs: Int64, auction: Int64, price: Int64) {
        self.expiresMs = expiresMs
        self.auction = auction
        self.price = price
    }

    init(from reader: inout ColumnReader) throws {
        self.init(expiresMs: try reader.int64(), auction: try reader.int64(), price: try reader.int64())
    }

    func write(to writer: inout ByteWriter) {
        writer.append(expiresMs)
        writer.append(auction)
        writer.append(price)
    }
}
