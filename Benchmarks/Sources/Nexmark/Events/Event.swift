/// What happens in NEXMark's auction house: somebody registers, offers something, or bids.
///
/// Bids are 46 of 50 events, auctions 3, persons 1. All three share one topic, as in NEXMark's own source.
package enum Event: Hashable, Sendable {
    case person(Person)
    case auction(Auction)
    case bid(Bid)

    /// What the event is known by, and the key of its record: the person's id, or the auction's, also for a bid.
    package var key: Int64 {
        switch self {
        case .person(let person): person.id
        case .auction(let auction): auction.id
        case .bid(let bid): bid.auction
        }
    }

    /// When it happened, in milliseconds since 1970.
    package var dateTimeMs: Int64 {
        switch self {
        case .person(let person): person.dateTimeMs
        case .auction(let auction): auction.dateTimeMs
        case .bid(let bid): bid.dateTimeMs
        }
    }

    package var person: Person? { if case .person(let person) = self { person } else { nil } }
    package var auction: Auction? { if case .auction(let auction) = self { auction } else { nil } }
    package var bid: Bid? { if case .bid(let bid) = self { bid } else { nil } }
}

/// Somebody who offers or bids.
package struct Person: Hashable, Sendable {
    package var id: Int64
    package var dateTimeMs: Int64
    /// Name, e-mail address, credit card, city, state, and what fills the record up.
    package var text: TextColumns

    package var name: String { text[0] }
    package var email: String { text[1] }
    package var creditCard: String { text[2] }
    package var city: String { text[3] }
    package var state: String { text[4] }
    package var extra: String { text[5] }
}

/// Something that is offered for a time.
package struct Auction: Hashable, Sendable {
    package var id: Int64
    /// In cents, as all prices.
    package var initialBid: Int64
    package var reserve: Int64
    package var dateTimeMs: Int64
    package var expiresMs: Int64
    /// The person who offers it.
    package var seller: Int64
    /// 10 to 14.
    package var category: Int64
    /// Name of the thing, description, and what fills the record up.
    package var text: TextColumns

    package var itemName: String { text[0] }
    package var description: String { text[1] }
    package var extra: String { text[2] }
}

/// What somebody would pay.
package struct Bid: Hashable, Sendable {
    package var auction: Int64
    /// The person who bids.
    package var bidder: Int64
    package var price: Int64
    package var dateTimeMs: Int64
    /// Channel, address of the page, and what fills the record up.
    package var text: TextColumns

    package var channel: String { text[0] }
    package var url: String { text[1] }
    package var extra: String { text[2] }
}
