import Millrace

/// Local items: auctions of category 10 whose sellers live in Oregon, Idaho or California, with name, city and state.
///
/// The join is without bounds in time, and an auction may come before its seller does: two tables, joined by the seller.
/// Persons and auctions never change, so every result is final; where both come between two commits, it may come twice.
package enum Query3: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<Seller>.columns

    package static func build(_ builder: StreamsBuilder) {
        let events = builder.eventNumbers()
        let persons = events.persons
            .filter { person in ["OR", "ID", "CA"].contains(person.state) }
            .mapValues { person in Seller(name: person.name, city: person.city, state: person.state) }
            .toTable(values: .columns, store: "persons")
        let sellers = events.auctions
            .filter { auction in auction.category == 10 }
            .mapValues { auction in auction.seller }
            .toTable(values: .int64, store: "sellers")
        sellers.join(persons, foreignKey: { seller in seller }, values: results) { _, person in person }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// Who offers an auction, which is the key.
package struct Seller: Columns {
    package var name: String
    package var city: String
    package var state: String

    package init(name: String, city: String, state: String) {
        self.name = name
        self.city = city
        self.state = state
    }

    package init(from reader: inout ColumnReader) throws {
        self.init(name: try reader.text(), city: try reader.text(), state: try reader.text())
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(text: name)
        writer.append(text: city)
        writer.append(text: state)
    }
}
