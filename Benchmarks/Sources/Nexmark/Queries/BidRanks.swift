import Millrace

/// How many bids there are, and of each of three ranks by price: below 10,000, below 1,000,000, and above.
package struct BidRanks: Columns {
    package var total: Int64 = 0
    package var low: Int64 = 0
    package var middle: Int64 = 0
    package var high: Int64 = 0

    package init() {}

    package init(from reader: inout ColumnReader) throws {
        total = try reader.int64()
        low = try reader.int64()
        middle = try reader.int64()
        high = try reader.int64()
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(total)
        writer.append(low)
        writer.append(middle)
        writer.append(high)
    }

    mutating func add(price: Int64) {
        total += 1
        switch price {
        case ..<10_000: low += 1
        case ..<1_000_000: middle += 1
        default: high += 1
        }
    }

    /// 1 where there is a bid: of all bids of one auction, or one bidder, it is what they add to a number of different ones.
    var presence: BidRanks {
        var presence = BidRanks()
        presence.total = min(total, 1)
        presence.low = min(low, 1)
        presence.middle = min(middle, 1)
        presence.high = min(high, 1)
        return presence
    }

    static func + (left: BidRanks, right: BidRanks) -> BidRanks {
        var sum = left
        sum.total += right.total
        sum.low += right.low
        sum.middle += right.middle
        sum.high += right.high
        return sum
    }

    static func - (left: BidRanks, right: BidRanks) -> BidRanks {
        var difference = left
        difference.total -= right.total
        difference.low -= right.low
        difference.middle -= right.middle
        difference.high -= right.high
        return difference
    }
}

/// Numbers of bids, and of the different bidders and auctions among them.
package struct BidStatistics: Columns {
    package var bids = BidRanks()
    package var bidders = BidRanks()
    package var auctions = BidRanks()
    /// The last minute of the day in which there was a bid; only query 16 asks for it.
    package var lastMinute: Int64 = 0

    package init() {}

    package init(from reader: inout ColumnReader) throws {
        bids = try BidRanks(from: &reader)
        bidders = try BidRanks(from: &reader)
        auctions = try BidRanks(from: &reader)
        lastMinute = try reader.int64()
    }

    package func write(to writer: inout ByteWriter) {
        bids.write(to: &writer)
        bidders.write(to: &writer)
        auctions.write(to: &writer)
        writer.append(lastMinute)
    }
}
