import Millrace

/// Calculation: bids whose converted price is between 1,000,000 and 50,000,000, with the time of day and the number of
/// letters c in `extra`.
package enum Query14: NexmarkQuery {
    package static let output = OutputMode.append
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<CalculatedBid>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.events().bids
            .filter { bid in bid.price * 908 > 1_000_000_000 && bid.price * 908 < 50_000_000_000 }
            .mapValues { bid in
                let extra = bid.extra
                return CalculatedBid(
                    bid: PlainBid(
                        bidder: bid.bidder,
                        price: bid.price * 908,
                        dateTimeMs: bid.dateTimeMs,
                        extra: extra
                    ),
                    time: BidTime(hour: bid.dateTimeMs / 3_600_000 % 24),
                    countOfC: Int64(extra.utf8.count { $0 == UInt8(ascii: "c") })
                )
            }
            .to("output", keys: keys, values: results)
    }
}

/// When in the day a bid is made, by UTC.
package enum BidTime: UInt8, Sendable {
    case day, night, other

    init(hour: Int64) {
        self = (8...18).contains(hour) ? .day : hour <= 6 || hour >= 20 ? .night : .other
    }
}

/// A bid with its converted price, and what was calculated.
package struct CalculatedBid: Columns {
    package var bid: PlainBid
    package var time: BidTime
    package var countOfC: Int64

    package init(bid: PlainBid, time: BidTime, countOfC: Int64) {
        self.bid = bid
        self.time = time
        self.countOfC = countOfC
    }

    package init(from reader: inout ColumnReader) throws {
        bid = try PlainBid(from: &reader)
        let time = try reader.integer(UInt8.self)
        guard let time = BidTime(rawValue: time) else { throw SerdeError.invalid("\(time) is no time of day") }
        self.time = time
        countOfC = try reader.int64()
    }

    package func write(to writer: inout ByteWriter) {
        bid.write(to: &writer)
        writer.append(time.rawValue)
        writer.append(countOfC)
    }
}
