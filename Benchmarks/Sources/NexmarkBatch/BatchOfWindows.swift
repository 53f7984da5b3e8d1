import Millrace
import Nexmark

extension Query5: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        let bids = events.bids
        var counts: [Int64: [Int64: Int64]] = [:]
        for bid in bids {
            let last = bid.dateTimeMs / 2_000 * 2_000
            for startMs in stride(from: last - 8_000, through: last, by: 2_000) {
                counts[startMs, default: [:]][bid.auction, default: 0] += 1
            }
        }
        // Those that have closed: they ended before the last bid, or with it.
        let now = bids.map(\.dateTimeMs).max() ?? 0
        return counts.compactMap { startMs, auctions in
            guard startMs + 10_000 <= now, let most = auctions.values.max() else { return nil }
            return row(startMs, HotItems(bids: most, auctions: auctions.filter { $0.value == most }.keys.sorted()))
        }
    }
}

extension Query7: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: events.bids) { $0.dateTimeMs - $0.dateTimeMs % 10_000 }.map { startMs, bids in
            let highest = bids.map(\.price).max() ?? 0
            let bidders = bids.filter { $0.price == highest }.map { bid in
                HighestBids.Bidder(auction: bid.auction, bidder: bid.bidder, dateTimeMs: bid.dateTimeMs)
            }
            return row(startMs, HighestBids(price: highest, bidders: bidders.sorted()))
        }
    }
}

extension Query8: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        var sellers: [Int64: Set<Int64>] = [:]
        for auction in events.auctions { sellers[auction.dateTimeMs / 10_000, default: []].insert(auction.seller) }
        return events.persons.compactMap { person in
            let number = person.dateTimeMs / 10_000
            guard sellers[number]?.contains(person.id) == true else { return nil }
            let window = Window(startMs: number * 10_000, endMs: number * 10_000 + 10_000)
            return row(Windowed(key: person.id, window: window), person.name)
        }
    }
}

extension Query11: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: events.bids, by: \.bidder).flatMap { bidder, bids in
            var rows: [Row] = []
            for timeMs in bids.map(\.dateTimeMs).sorted() {
                if let last = rows.last, timeMs - last.key.window.endMs <= 10_000 {
                    rows[rows.count - 1].key.window.endMs = timeMs
                    rows[rows.count - 1].result = (last.result ?? 0) + 1
                } else {
                    rows.append(row(Windowed(key: bidder, window: Window(startMs: timeMs, endMs: timeMs)), 1))
                }
            }
            return rows
        }
    }
}

extension Query12: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        events.bids.map { row(Windowed(key: $0.bidder, window: Window(startMs: 0, endMs: 0)), 1) }
    }

    /// The bids of each bidder in all windows together.
    package static func comparable(_ rows: [Row]) -> [Row] {
        var sums: [Int64: Int64] = [:]
        for row in rows { sums[row.key.key, default: 0] += row.result ?? 0 }
        return sums.map { row(Windowed(key: $0, window: Window(startMs: 0, endMs: 0)), $1) }
    }
}
