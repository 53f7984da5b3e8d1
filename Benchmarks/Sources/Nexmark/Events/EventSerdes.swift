import Millrace

extension Person: Columns {
    package func write(to writer: inout ByteWriter) {
        writer.append(id)
        writer.append(dateTimeMs)
        writer.append(text.bytes)
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(id: try reader.int64(), dateTimeMs: try reader.int64(), text: try reader.texts(6))
    }
}

extension Auction: Columns {
    package func write(to writer: inout ByteWriter) {
        writer.append(id)
        writer.append(initialBid)
        writer.append(reserve)
        writer.append(dateTimeMs)
        writer.append(expiresMs)
        writer.append(seller)
        writer.append(category)
        writer.append(text.bytes)
    }

    package init(from reader: inout ColumnReader) throws {
        try self.init(numbers: &reader)
        text = try reader.texts(3)
    }

    /// All but the text.
    init(numbers reader: inout ColumnReader) throws {
        self.init(
            id: try reader.int64(),
            initialBid: try reader.int64(),
            reserve: try reader.int64(),
            dateTimeMs: try reader.int64(),
            expiresMs: try reader.int64(),
            seller: try reader.int64(),
            category: try reader.int64(),
            text: .notRead
        )
    }
}

extension Bid: Columns {
    package func write(to writer: inout ByteWriter) {
        writer.append(auction)
        writer.append(bidder)
        writer.append(price)
        writer.append(dateTimeMs)
        writer.append(text.bytes)
    }

    package init(from reader: inout ColumnReader) throws {
        try self.init(numbers: &reader)
        text = try reader.texts(3)
    }

    /// All but the text.
    init(numbers reader: inout ColumnReader) throws {
        self.init(
            auction: try reader.int64(),
            bidder: try reader.int64(),
            price: try reader.int64(),
            dateTimeMs: try reader.int64(),
            text: .notRead
        )
    }
}

extension Event: Columns {
    /// The first byte of an event.
    private enum Kind: UInt8 {
        case person, auction, bid
    }

    package func write(to writer: inout ByteWriter) {
        switch self {
        case .person(let person):
            writer.append(Kind.person.rawValue)
            person.write(to: &writer)
        case .auction(let auction):
            writer.append(Kind.auction.rawValue)
            auction.write(to: &writer)
        case .bid(let bid):
            writer.append(Kind.bid.rawValue)
            bid.write(to: &writer)
        }
    }

    package init(from reader: inout ColumnReader) throws {
        switch try Self.kind(&reader) {
        case .person: self = .person(try Person(from: &reader))
        case .auction: self = .auction(try Auction(from: &reader))
        case .bid: self = .bid(try Bid(from: &reader))
        }
    }

    /// All but the text of auctions and bids.
    init(numbers reader: inout ColumnReader) throws {
        switch try Self.kind(&reader) {
        case .person: self = .person(try Person(from: &reader))
        case .auction: self = .auction(try Auction(numbers: &reader))
        case .bid: self = .bid(try Bid(numbers: &reader))
        }
    }

    private static func kind(_ reader: inout ColumnReader) throws -> Kind {
        let byte = try reader.integer(UInt8.self)
        guard let kind = Kind(rawValue: byte) else { throw SerdeError.invalid("\(byte) is no kind of event") }
        return kind
    }
}

extension Serde where Value == Event {
    /// Events with all of their columns.
    package static var event: Serde<Event> { .columns }

    /// Events of which only the numbers of auctions and bids are read, for queries that ask for nothing else: what a
    /// planner of SQL does of itself.
    package static var eventNumbers: Serde<Event> {
        Serde(
            encode: { event, writer in event.write(to: &writer) },
            decode: { bytes in
                try bytes.withUnsafeBytes { bytes throws in
                    var reader = ColumnReader(bytes)
                    return try Event(numbers: &reader)
                }
            }
        )
    }
}
