import Millrace
import Testing

@testable import Nexmark

@Suite("The generator of NEXMark's events")
struct GeneratorTests {
    private let generator = Generator()
    private let events = (Int64(0)..<10_000).map { Generator().event(at: $0) }

    @Test("An event follows from seed and number alone, in whatever order events are asked for")
    func isDeterministic() {
        for number in (Int64(0)..<200).reversed() { #expect(generator.event(at: number) == events[Int(number)]) }
        var settings = Generator.Settings()
        settings.seed = 2
        let others = Generator(settings)
        #expect((Int64(0)..<200).count { others.event(at: $0) == events[Int($0)] } == 0)
    }

    @Test("The first events are these, on every machine and in every version")
    func firstEvents() throws {
        let person = try #require(events[0].person)
        #expect(person.id == 1_000)
        #expect(person.name == "Saul Noris" && person.city == "Seattle" && person.state == "OR")
        #expect(person.email == "fqe@yuj.com" && person.creditCard == "9740 6178 2155 3351")
        let auction = try #require(events[1].auction)
        #expect(auction.itemName == "yzhnxkbwanrtd zlkw" && auction.category == 14 && auction.seller == 1_000)
        #expect(auction.initialBid == 86_340_590 && auction.reserve == 94_418_173)
        #expect(auction.expiresMs - auction.dateTimeMs == 294)
        let bid = try #require(events[4].bid)
        #expect(bid.auction == 1_000 && bid.bidder == 1_001 && bid.price == 89_987_073)
        #expect(bid.channel == "channel-2900")
        #expect(bid.url == "https://www.nexmark.com/ujq/zyzm/ekr/item.htm?query=1&channel_id=718274560")
        #expect(bid.extra.hasPrefix("xkzhcofdljxiaqbbphqwtz") && bid.extra.count == 77)
        // FNV-1a of the first thousand as they are written.
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for event in events.prefix(1_000) {
            for byte in try Serde.event.bytes(of: event) ?? [] { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        #expect(sum == 671_038_967_856_583_642)
    }

    @Test("Of 50 events the first is a person, three are auctions, the others bids")
    func proportions() {
        #expect(events.count { $0.person != nil } == 200)
        #expect(events.count { $0.auction != nil } == 600)
        #expect(events.count { $0.bid != nil } == 9_200)
        for period in stride(from: 0, to: events.count, by: 50) {
            #expect(events[period].person != nil)
            #expect(events[period + 1...period + 3].allSatisfy { $0.auction != nil })
        }
    }

    @Test("The ids of persons and auctions count up from 1,000")
    func ids() {
        #expect(events.compactMap(\.person).map(\.id) == Array(1_000..<1_200))
        #expect(events.compactMap(\.auction).map(\.id) == Array(1_000..<1_600))
    }

    @Test("Bidders and sellers are persons that were there, or are among the next ten; bids are for such auctions")
    func references() {
        for (number, event) in events.enumerated() {
            let persons = Int64(1_000 + number / 50 + 1 + 10)
            let auctions = 1_000 + Generator.lastAuction(Int64(number)) + 1 + 10
            if let bid = event.bid {
                #expect((1_000..<persons).contains(bid.bidder), "of event \(number)")
                #expect((1_000..<auctions).contains(bid.auction), "of event \(number)")
            }
            if let auction = event.auction { #expect((1_000..<persons).contains(auction.seller), "of event \(number)") }
        }
    }

    @Test("Every second bid is for the hot auction, three of four come from the hot bidder, half by four channels")
    func hotOnes() {
        let bids = (Int64(100_000)..<110_000).map { generator.event(at: $0) }.compactMap(\.bid)
        let auctions = Dictionary(grouping: bids, by: \.auction).values.map(\.count).sorted(by: >)
        let bidders = Dictionary(grouping: bids, by: \.bidder).values.map(\.count).sorted(by: >)
        let channels = bids.count { ["Google", "Facebook", "Baidu", "Apple"].contains($0.channel) }
        // The hot auction is another one every 100 auctions, the hot bidder every 100 persons.
        #expect((4_200..<5_400).contains(auctions.prefix(7).reduce(0, +)))
        #expect((6_400..<7_400).contains(bidders.prefix(3).reduce(0, +)))
        #expect((4_400..<4_800).contains(channels))
    }

    @Test("Prices lie between 100 and 100,000,000, a third of them below 10,000 and a third above 1,000,000")
    func prices() {
        let prices = events.compactMap(\.bid).map(\.price)
        #expect(prices.allSatisfy { (100...100_000_000).contains($0) })
        #expect((2_900..<3_250).contains(prices.count { $0 < 10_000 }))
        #expect((2_900..<3_250).contains(prices.count { $0 > 1_000_000 }))
    }

    @Test("States are those of query 3's condition, in upper case")
    func states() {
        let states = Set(events.compactMap(\.person).map(\.state))
        #expect(states == ["AZ", "CA", "ID", "OR", "WA", "WY"])
    }

    @Test("Ten events share a millisecond, and an auction runs for a third of a second at most")
    func times() {
        #expect(events[0].dateTimeMs == 1_436_918_400_000)
        #expect(events[9].dateTimeMs == events[0].dateTimeMs)
        #expect(events[9_999].dateTimeMs == events[0].dateTimeMs + 999)
        for auction in events.compactMap(\.auction) {
            #expect((1...334).contains(auction.expiresMs - auction.dateTimeMs))
        }
    }

    @Test("Events out of order are the same events, shuffled within their groups")
    func outOfOrder() {
        var settings = Generator.Settings()
        settings.outOfOrderGroupSize = 100
        let shuffled = (Int64(0)..<1_000).map { Generator(settings).event(at: $0) }
        #expect(shuffled != Array(events.prefix(1_000)))
        for group in stride(from: 0, to: 1_000, by: 100) {
            #expect(Set(shuffled[group..<group + 100]) == Set(events[group..<group + 100]))
        }
    }

    @Test(
        "Records are about as long as the model says: persons 200 bytes, auctions 500, bids 100 and channel and address"
    )
    func sizes() throws {
        func mean(_ events: [Event]) throws -> Int {
            try events.reduce(0) { $0 + (try Serde.event.bytes(of: $1)?.count ?? 0) } / max(events.count, 1)
        }
        #expect((190..<240).contains(try mean(events.filter { $0.person != nil })))
        #expect((480..<530).contains(try mean(events.filter { $0.auction != nil })))
        #expect((150..<200).contains(try mean(events.filter { $0.bid != nil })))
    }

    @Test("An event is read as it was written; without its text all numbers are the same")
    func serdes() throws {
        for event in events.prefix(200) {
            let bytes = try Serde.event.bytes(of: event)
            #expect(try Serde.event.value(of: bytes) == event)
            let numbers = try Serde.eventNumbers.value(of: bytes)
            #expect(numbers.key == event.key && numbers.dateTimeMs == event.dateTimeMs)
            #expect(numbers.bid?.price == event.bid?.price && numbers.auction?.expiresMs == event.auction?.expiresMs)
        }
    }
}
