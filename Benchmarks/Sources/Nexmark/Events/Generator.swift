import Millrace

/// Makes the events of NEXMark's auction house, each of its number alone: the same for the same seed, in whatever order
/// they are asked for.
///
/// The model is that of nexmark-flink: of 50 events the first is a person, three are auctions, the rest bids; ids count
/// up; three bids of four come from the person of the hour and every second is for the auction of the hour; prices spread
/// evenly over six powers of ten. Where the implementations that are around differ, here it is so:
///
/// - Random numbers are those of SplitMix64, seeded with the seed and the number of the event. (nexmark-flink has no seed,
///   so its runs cannot be compared.)
/// - The bidder's id is that of a person. (nexmark-flink adds the id of the first person twice, which moves all bidders by
///   a thousand.)
/// - States are in upper case, `OR`, `ID`, `CA`, as query 3 has them. (Those of nexmark-rs are in lower case.)
package struct Generator: Sendable {
    /// What may be chosen.
    package struct Settings: Hashable, Sendable {
        package var seed: UInt64 = 1
        /// Events in a second of event time.
        package var eventsPerSecond: Int64 = 10_000
        /// Events are shuffled within groups of this size; 1 for none.
        package var outOfOrderGroupSize: Int64 = 1
        /// The time of the first event, in milliseconds since 1970: 15 July 2015, as in Beam.
        package var startMs: Int64 = 1_436_918_400_000

        package init() {}
    }

    package static let firstPersonId: Int64 = 1_000
    package static let firstAuctionId: Int64 = 1_000
    package static let firstCategoryId: Int64 = 10
    static let categories: UInt64 = 5

    /// Of how many events the pattern is: one person, three auctions, 46 bids.
    static let period: Int64 = 50
    static let auctionsInPeriod: Int64 = 3
    /// Sellers and bidders are among so many of the last persons.
    static let activePersons: Int64 = 1_000
    /// Bids are for so many of the last auctions.
    static let auctionsInFlight: Int64 = 100
    /// Events may name so many persons or auctions that come only later.
    static let lead: UInt64 = 10
    /// How many persons, or auctions, one after the other have the same hot one.
    static let hotPeriod: Int64 = 100

    package let settings: Settings

    package init(_ settings: Settings = Settings()) { self.settings = settings }

    /// The event at a place in the stream.
    package func event(at place: Int64) -> Event {
        let number = number(at: place)
        var random = SeededRandom(seed: settings.seed)
        random = SeededRandom(seed: random.next() ^ UInt64(bitPattern: number))
        return switch number % Self.period {
        case 0: .person(person(number, &random))
        case 1...Self.auctionsInPeriod: .auction(auction(number, &random))
        default: .bid(bid(number, &random))
        }
    }

    /// The number of the event at a place: the place itself, or another one of its group.
    func number(at place: Int64) -> Int64 {
        let size = settings.outOfOrderGroupSize
        return place / size * size + place * 953 % size
    }

    /// When an event happens.
    package func timestampMs(_ number: Int64) -> Int64 {
        settings.startMs + number * (1_000_000 / settings.eventsPerSecond) / 1_000
    }

    /// How many persons came before the event, and it, less one.
    static func lastPerson(_ number: Int64) -> Int64 { number / period }

    /// How many auctions came before the event, and it, less one.
    static func lastAuction(_ number: Int64) -> Int64 {
        number / period * auctionsInPeriod + min(number % period, auctionsInPeriod) - 1
    }

    /// A seller or bidder: one of the last persons, or of the next few.
    private func activePerson(_ number: Int64, _ random: inout SeededRandom) -> Int64 {
        let count = Self.lastPerson(number) + 1
        let active = min(count, Self.activePersons)
        return count - active + Int64(random.below(UInt64(active) + Self.lead))
    }

    private func person(_ number: Int64, _ random: inout SeededRandom) -> Person {
        var text = TextColumns()
        text.append("\(random.pick(Names.first)) \(random.pick(Names.last))")
        text.append("\(random.word(upTo: 7))@\(random.word(upTo: 5)).com")
        text.append((0..<4).map { _ in random.digits(4) }.joined(separator: " "))
        text.append(random.pick(Names.cities))
        text.append(random.pick(Names.states))
        // The lengths before the texts are not counted, as in the model.
        text.append(random.filling(from: 8 + text.bytes.count - 10, to: 200))
        return Person(
            id: Self.firstPersonId + Self.lastPerson(number),
            dateTimeMs: timestampMs(number),
            text: text
        )
    }

    private func auction(_ number: Int64, _ random: inout SeededRandom) -> Auction {
        var text = TextColumns()
        text.append(random.word(upTo: 20))
        text.append(random.word(upTo: 100))
        let initialBid = random.price()
        let reserve = initialBid + random.price()
        let timestampMs = timestampMs(number)
        // As long as it takes until so many more auctions have begun.
        let eventsUntilThen = (Self.auctionsInFlight * Self.period + Self.auctionsInPeriod - 1) / Self.auctionsInPeriod
        let horizonMs = self.timestampMs(number + eventsUntilThen) - timestampMs
        let expiresMs = timestampMs + 1 + Int64(random.below(UInt64(max(2 * horizonMs, 1))))
        let hotSeller = Self.lastPerson(number) / Self.hotPeriod * Self.hotPeriod
        let seller = random.below(4) > 0 ? hotSeller : activePerson(number, &random)
        let category = Self.firstCategoryId + Int64(random.below(Self.categories))
        text.append(random.filling(from: 8 * 7 + text.bytes.count - 4, to: 500))
        return Auction(
            id: Self.firstAuctionId + Self.lastAuction(number),
            initialBid: initialBid,
            reserve: reserve,
            dateTimeMs: timestampMs,
            expiresMs: expiresMs,
            seller: Self.firstPersonId + seller,
            category: category,
            text: text
        )
    }

    private func bid(_ number: Int64, _ random: inout SeededRandom) -> Bid {
        let last = Self.lastAuction(number)
        var auction = last / Self.hotPeriod * Self.hotPeriod
        if random.below(2) == 0 {
            let first = max(last - Self.auctionsInFlight, 0)
            auction = first + Int64(random.below(UInt64(last - first + 1) + Self.lead))
        }
        let hotBidder = Self.lastPerson(number) / Self.hotPeriod * Self.hotPeriod + 1
        let bidder = random.below(4) > 0 ? hotBidder : activePerson(number, &random)
        let price = random.price()
        var text = TextColumns()
        let channel = random.channel()
        text.append(channel.name)
        text.append(channel.url)
        text.append(random.filling(from: 32, to: 100))
        return Bid(
            auction: Self.firstAuctionId + auction,
            bidder: Self.firstPersonId + bidder,
            price: price,
            dateTimeMs: timestampMs(number),
            text: text
        )
    }
}
