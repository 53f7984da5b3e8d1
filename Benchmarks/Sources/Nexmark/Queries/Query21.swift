import Millrace

/// Add channel id: every bid of a known channel, or with a channel's id in its address.
package enum Query21: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<BidOfChannel>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .compactMapValues { bid -> BidOfChannel? in
                let (channel, url) = (bid.channel, bid.url)
                guard let id = channelId(of: channel, url: url) else { return nil }
                return BidOfChannel(bidder: bid.bidder, price: bid.price, channel: channel, url: url, channelId: id)
            }
            .to("output", keys: keys, values: results)
    }

    private static func channelId(of channel: String, url: String) -> String? {
        switch channel {
        case "Apple": "0"
        case "Google": "1"
        case "Facebook": "2"
        case "Baidu": "3"
        default:
            // By bytes: a split by characters would have to find where they begin and end.
            url.utf8.split(separator: UInt8(ascii: "&")).lazy.map(Substring.init)
                .first { $0.hasPrefix("channel_id=") }
                .map { String(Substring($0.utf8.dropFirst(11))) }
        }
    }
}

/// A bid and its channel; its auction is the key.
package struct BidOfChannel: Columns {
    package var bidder: Int64
    package var price: Int64
    package var channel: String
    package var url: String
    package var channelId: String

    package init(bidder: Int64, price: Int64, channel: String, url: String, channelId: String) {
        self.bidder = bidder
        self.price = price
        self.channel = channel
        self.url = url
        self.channelId = channelId
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(
            bidder: try reader.int64(),
            price: try reader.int64(),
            channel: try reader.text(),
            url: try reader.text(),
            channelId: try reader.text()
        )
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(bidder)
        writer.append(price)
        writer.append(text: channel)
        writer.append(text: url)
        writer.append(text: channelId)
    }
}
