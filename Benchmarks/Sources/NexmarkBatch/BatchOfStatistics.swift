import Millrace
import Nexmark

private let dayMs: Int64 = 86_400_000

/// Counts something in all bids, and in those of each rank.
private func ranks(_ bids: [Bid], _ count: ([Bid]) -> Int) -> BidRanks {
    var ranks = BidRanks()
    ranks.total = Int64(count(bids))
    ranks.low = Int64(count(bids.filter { $0.price < 10_000 }))
    ranks.middle = Int64(count(bids.filter { $0.price >= 10_000 && $0.price < 1_000_000 }))
    ranks.high = Int64(count(bids.filter { $0.price >= 1_000_000 }))
    return ranks
}

private func statistics(_ bids: [Bid]) -> BidStatistics {
    var statistics = BidStatistics()
    statistics.bids = ranks(bids) { $0.count }
    statistics.bidders = ranks(bids) { Set($0.map(\.bidder)).count }
    statistics.auctions = ranks(bids) { Set($0.map(\.auction)).count }
    return statistics
}

extension Query15: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        Dictionary(grouping: events.bids) { $0.dateTimeMs / dayMs }.map { row($0 * dayMs, statistics($1)) }
    }
}

extension Query16: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        let groups = Dictionary(grouping: events.bids) { bid in
            ChannelDay(channel: bid.channel, dayMs: bid.dateTimeMs - bid.dateTimeMs % dayMs)
        }
        return groups.map { channel, bids in
            var all = statistics(bids)
            all.lastMinute = bids.map { ($0.dateTimeMs - channel.dayMs) / 60_000 }.max() ?? 0
            return row(channel, all)
        }
    }
}

extension Query17: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        let groups = Dictionary(grouping: events.bids) { bid in
            let startMs = bid.dateTimeMs / dayMs * dayMs
            return Windowed(key: bid.auction, window: Window(startMs: startMs, endMs: startMs + dayMs))
        }
        return groups.map { auction, bids in
            var prices = PriceStatistics()
            prices.ranks = ranks(bids) { $0.count }
            prices.least = bids.map(\.price).min() ?? 0
            prices.greatest = bids.map(\.price).max() ?? 0
            prices.sum = bids.reduce(0) { $0 + $1.price }
            return row(auction, prices)
        }
    }
}
