import Millrace

/// Pass-through: every bid, without channel and address.
package enum Query0: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<PlainBid>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .mapValues { bid in
                PlainBid(bidder: bid.bidder, price: bid.price, dateTimeMs: bid.dateTimeMs, extra: bid.extra)
            }
            .to("output", keys: keys, values: results)
    }
}

/// A bid without channel and address; its auction is the key.
package struct PlainBid: Columns {
    package var bidder: Int64
    /// In cents; in query 1 in thousandths of what it is converted to.
    package var price: Int64
    package var dateTimeMs: Int64
    package var extra: String

    package init(bidder: Int64, price: Int64, dateTimeMs: Int64, extra: String) {
        self.bidder = bidder
        self.price = price
        self.dateTimeMs = dateTimeMs
        self.extra = extra
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(
            bidder: try reader.int64(),
            price: try reader.int64(),
            dateTimeMs: try reader.int64(),
            extra: try reader.text()
        )
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(bidder)
        writer.append(price)
        writer.append(dateTimeMs)
        writer.append(text: extra)
    }
}
