import Nexmark

extension Query0: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        events.bids.map { bid in
            row(
                bid.auction,
                PlainBid(bidder: bid.bidder, price: bid.price, dateTimeMs: bid.dateTimeMs, extra: bid.extra)
            )
        }
    }
}

extension Query1: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        events.bids.map { bid in
            let converted = bid.price * 1_000 - bid.price * 92
            return row(
                bid.auction,
                PlainBid(bidder: bid.bidder, price: converted, dateTimeMs: bid.dateTimeMs, extra: bid.extra)
            )
        }
    }
}

extension Query2: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        events.bids.compactMap { bid in bid.auction.isMultiple(of: 123) ? row(bid.auction, bid.price) : nil }
    }
}

extension Query14: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        var rows: [Row] = []
        for bid in events.bids {
            let thousandths = bid.price * 908
            if thousandths <= 1_000_000 * 1_000 || thousandths >= 50_000_000 * 1_000 { continue }
            let secondOfDay = bid.dateTimeMs / 1_000 % 86_400
            var time = BidTime.other
            if secondOfDay >= 8 * 3_600, secondOfDay < 19 * 3_600 { time = .day }
            if secondOfDay < 7 * 3_600 || secondOfDay >= 20 * 3_600 { time = .night }
            let plain = PlainBid(
                bidder: bid.bidder,
                price: thousandths,
                dateTimeMs: bid.dateTimeMs,
                extra: bid.extra
            )
            let countOfC = Int64(bid.extra.split(separator: "c", omittingEmptySubsequences: false).count - 1)
            rows.append(row(bid.auction, CalculatedBid(bid: plain, time: time, countOfC: countOfC)))
        }
        return rows
    }
}

extension Query21: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        let known = ["Apple": "0", "Google": "1", "Facebook": "2", "Baidu": "3"]
        // The regular expression of the SQL: `(&|^)channel_id=([^&]*)`.
        let pattern = /(&|^)channel_id=([^&]*)/
        var ids: [String: String?] = [:]
        var rows: [Row] = []
        for bid in events.bids {
            let (channel, url) = (bid.channel, bid.url)
            if ids[url] == nil { ids[url] = .some(url.firstMatch(of: pattern).map { String($0.2) }) }
            guard let id = known[channel] ?? ids[url] ?? nil else { continue }
            rows.append(
                row(
                    bid.auction,
                    BidOfChannel(bidder: bid.bidder, price: bid.price, channel: channel, url: url, channelId: id)
                )
            )
        }
        return rows
    }
}

extension Query22: BatchQuery {
    package static func answer(to events: [Event]) -> [Row] {
        events.bids.map { bid in
            var directories = ["", "", ""]
            var slashes = 0
            for character in bid.url {
                if character == "/" {
                    slashes += 1
                } else if (3...5).contains(slashes) {
                    directories[slashes - 3].append(character)
                }
            }
            return row(
                bid.auction,
                BidWithDirectories(
                    bidder: bid.bidder,
                    price: bid.price,
                    channel: bid.channel,
                    directories: TextColumns(directories[0], directories[1], directories[2])
                )
            )
        }
    }
}
