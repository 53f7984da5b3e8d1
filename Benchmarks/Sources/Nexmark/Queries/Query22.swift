import Millrace

/// Get directories: every bid with the three directories of its address.
package enum Query22: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<BidWithDirectories>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .mapValues { bid in
                // By bytes: a split by characters would have to find where they begin and end.
                let parts = bid.url.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                func part(_ place: Int) -> String { place < parts.count ? String(Substring(parts[place])) : "" }
                return BidWithDirectories(
                    bidder: bid.bidder,
                    price: bid.price,
                    channel: bid.channel,
                    directories: TextColumns(part(3), part(4), part(5))
                )
            }
            .to("output", keys: keys, values: results)
    }
}

/// A bid and the directories of its address; its auction is the key.
package struct BidWithDirectories: Columns {
    package var bidder: Int64
    package var price: Int64
    package var channel: String
    /// Three.
    package var directories: TextColumns

    package init(bidder: Int64, price: Int64, channel: String, directories: TextColumns) {
        self.bidder = bidder
        self.price = price
        self.channel = channel
        self.directories = directories
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(
            bidder: try reader.int64(),
            price: try reader.int64(),
            channel: try reader.text(),
            directories: try reader.texts(3)
        )
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(bidder)
        writer.append(price)
        writer.append(text: channel)
        writer.append(directories.bytes)
    }
}
