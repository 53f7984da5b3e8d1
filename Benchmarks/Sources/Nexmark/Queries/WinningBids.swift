import Millrace

/// An auction and the best of its bids so far: what queries 4, 6 and 9 begin with.
///
/// The best bid is the highest, of equal ones the earliest, of those the one of the smallest bidder's id; it must be made
/// while the auction runs, from its beginning to its expiry, both included.
struct AuctionBids: Columns {
    var auction: Auction?
    var best: Bid?
    /// Bids that came before their auction did: events may name auctions that come only later.
    var early: [Bid] = []

    init() {}

    init(from reader: inout ColumnReader) throws {
        auction = try reader.optional()
        best = try reader.optional()
        early = try reader.rows()
    }

    func write(to writer: inout ByteWriter) {
        writer.append(optional: auction)
        writer.append(optional: best)
        writer.append(rows: early)
    }

    mutating func begin(_ auction: Auction) {
        self.auction = auction
        for bid in early { add(bid) }
        early = []
    }

    mutating func add(_ bid: Bid) {
        guard let auction else { return early.append(bid) }
        guard bid.dateTimeMs >= auction.dateTimeMs, bid.dateTimeMs <= auction.expiresMs else { return }
        if let best, !bid.isBetter(than: best) { return }
        best = bid
    }

    /// The auction and its winner, if there is one.
    var won: WonAuction? {
        guard let auction, let best else { return nil }
        return WonAuction(auction: auction, bid: best)
    }
}

extension Bid {
    fileprivate func isBetter(than other: Bid) -> Bool {
        (-price, dateTimeMs, bidder) < (-other.price, other.dateTimeMs, other.bidder)
    }
}

/// An auction and its winning bid.
package struct WonAuction: Columns {
    package var auction: Auction
    package var bid: Bid

    package init(auction: Auction, bid: Bid) {
        self.auction = auction
        self.bid = bid
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(auction: try Auction(from: &reader), bid: try Bid(from: &reader))
    }

    package func write(to writer: inout ByteWriter) {
        auction.write(to: &writer)
        bid.write(to: &writer)
    }
}

extension KStream where Key == Int64, Value == Event {
    /// For each auction the winning bid so far. Auctions and bids have the same keys and go into one store.
    func winningBids() -> KTable<Int64, WonAuction> {
        auctions.groupByKey(values: .columns)
            .cogroup { (_, auction, bids: AuctionBids) in
                var bids = bids
                bids.begin(auction)
                return bids
            }
            .cogroup(bids.groupByKey(values: .columns)) { _, bid, bids in
                var bids = bids
                bids.add(bid)
                return bids
            }
            .aggregate(initial: { AuctionBids() }, aggregates: .columns, store: "bids-of-auctions")
            .compactMapValues { $0.won }
    }
}
