import Nexmark

extension Query3: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        var persons: [Int64: Person] = [:]
        for person in events.persons { persons[person.id] = person }
        return events.auctions.compactMap { auction in
            guard auction.category == 10, let person = persons[auction.seller] else { return nil }
            guard person.state == "OR" || person.state == "ID" || person.state == "CA" else { return nil }
            return row(auction.id, Seller(name: person.name, city: person.city, state: person.state))
        }
    }
}

/// All auctions that have a valid bid, with the best.
private func wonAuctions(_ events: [Event]) -> [WonAuction] {
    let bids = Dictionary(grouping: events.bids, by: \.auction)
    return events.auctions.compactMap { auction in
        var valid = (bids[auction.id] ?? []).filter { (auction.dateTimeMs...auction.expiresMs).contains($0.dateTimeMs) }
        valid.sort { first, second in
            if first.price != second.price { return first.price > second.price }
            if first.dateTimeMs != second.dateTimeMs { return first.dateTimeMs < second.dateTimeMs }
            return first.bidder < second.bidder
        }
        return valid.first.map { WonAuction(auction: auction, bid: $0) }
    }
}

extension Query4: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: wonAuctions(events), by: \.auction.category).map { category, won in
            row(category, won.reduce(0) { $0 + $1.bid.price } / Int64(won.count))
        }
    }
}

extension Query6: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: wonAuctions(events), by: \.auction.seller).map { seller, won in
            let last = won.sorted { first, second in
                if first.auction.expiresMs != second.auction.expiresMs {
                    return first.auction.expiresMs > second.auction.expiresMs
                }
                return first.auction.id < second.auction.id
            }.prefix(10)
            return row(seller, last.reduce(0) { $0 + $1.bid.price } / Int64(last.count))
        }
    }
}

extension Query9: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        wonAuctions(events).map { row($0.auction.id, $0) }
    }
}

extension Query18: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        let groups = Dictionary(grouping: events.bids) { BidderInAuction(bidder: $0.bidder, auction: $0.auction) }
        return groups.compactMap { key, bids in
            // The last of those with the greatest time.
            bids.last { bid in bid.dateTimeMs == bids.map(\.dateTimeMs).max() }.map { row(key, $0) }
        }
    }
}

extension Query19: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: events.bids, by: \.auction).map { auction, bids in
            let sorted = bids.sorted { first, second in
                if first.price != second.price { return first.price > second.price }
                if first.bidder != second.bidder { return first.bidder < second.bidder }
                return first.dateTimeMs < second.dateTimeMs
            }
            return row(auction, Array(sorted.prefix(10)))
        }
    }
}

extension Query20: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        var auctions: [Int64: Auction] = [:]
        for auction in events.auctions where auction.category == 10 { auctions[auction.id] = auction }
        return events.bids.compactMap { bid in
            auctions[bid.auction].map { row(bid.auction, WonAuction(auction: $0, bid: bid)) }
        }
    }
}
