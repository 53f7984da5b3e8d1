import Millrace

/// Channel statistics: what query 15 asks for, for each channel and day, and the last minute with a bid.
package enum Query16: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<ChannelDay>.columns
    package static let results = Serde<BidStatistics>.columns

    package static func build(_ builder: StreamsBuilder) {
        let bids = builder.events().bids
        let auctions = bids.map { auction, bid in (IdInChannel(channel: bid.channel, id: auction), PriceAtTime(bid)) }
            .groupByKey(keys: .columns, values: .columns, named: "auctions")
            .windowedBy(.tumbling(size: .seconds(86_400), grace: .seconds(3_600)))
            .aggregate(into: BidsUntil(), aggregates: .columns, store: "auctions-of-channels") { bids, _, bid in
                bids.add(bid)
            }
            .groupBy(keys: keys, values: .columns, named: "auctions-by-channel") { auction, bids in
                (ChannelDay(auction), bids)
            }
            .aggregate(
                initial: { BidStatistics() },
                aggregates: .columns,
                store: "auctions",
                adder: { _, bids, day in
                    var day = day.adding(auction: bids.ranks)
                    day.lastMinute = max(day.lastMinute, bids.lastMinute)
                    return day
                },
                // The last minute never goes back: bids stay.
                subtractor: { _, bids, day in day.removing(auction: bids.ranks) }
            )
        let bidders = bids.map { _, bid in (IdInChannel(channel: bid.channel, id: bid.bidder), bid.price) }
            .groupByKey(keys: .columns, values: .int64, named: "bidders")
            .windowedBy(.tumbling(size: .seconds(86_400), grace: .seconds(3_600)))
            .aggregate(into: BidRanks(), aggregates: .columns, store: "bidders-of-channels") { ranks, _, price in
                ranks.add(price: price)
            }
            .groupBy(keys: keys, values: .columns, named: "bidders-by-channel") { bidder, ranks in
                (ChannelDay(bidder), ranks.presence)
            }
            .reduce(
                store: "bidders",
                adder: { day, presence in day + presence },
                subtractor: { day, presence in day - presence }
            )
        auctions.join(bidders) { day, bidders in day.with(bidders: bidders) }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// A channel and a day's beginning, in milliseconds since 1970.
package struct ChannelDay: Columns {
    package var channel: String
    package var dayMs: Int64

    package init(channel: String, dayMs: Int64) {
        self.channel = channel
        self.dayMs = dayMs
    }

    init(_ windowed: Windowed<IdInChannel>) {
        self.init(channel: windowed.key.channel, dayMs: windowed.window.startMs)
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(channel: try reader.text(), dayMs: try reader.int64())
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(text: channel)
        writer.append(dayMs)
    }
}

/// An auction, or a bidder, with a channel.
struct IdInChannel: Columns {
    var channel: String
    var id: Int64

    init(channel: String, id: Int64) {
        self.channel = channel
        self.id = id
    }

    init(from reader: inout ColumnReader) throws {
        self.init(channel: try reader.text(), id: try reader.int64())
    }

    func write(to writer: inout ByteWriter) {
        writer.append(text: channel)
        writer.append(id)
    }
}

/// What of a bid is counted.
struct PriceAtTime: Columns {
    var price: Int64
    var dateTimeMs: Int64

    init(_ bid: Bid) {
        price = bid.price
        dateTimeMs = bid.dateTimeMs
    }

    init(from reader: inout ColumnReader) throws {
        price = try reader.int64()
        dateTimeMs = try reader.int64()
    }

    func write(to writer: inout ByteWriter) {
        writer.append(price)
        writer.append(dateTimeMs)
    }
}

/// Bids, and the minute of the day of the last.
struct BidsUntil: Columns {
    var ranks = BidRanks()
    var lastMinute: Int64 = 0

    init() {}

    init(from reader: inout ColumnReader) throws {
        ranks = try BidRanks(from: &reader)
        lastMinute = try reader.int64()
    }

    func write(to writer: inout ByteWriter) {
        ranks.write(to: &writer)
        writer.append(lastMinute)
    }

    mutating func add(_ bid: PriceAtTime) {
        ranks.add(price: bid.price)
        lastMinute = max(lastMinute, bid.dateTimeMs / 60_000 % 1_440)
    }
}
