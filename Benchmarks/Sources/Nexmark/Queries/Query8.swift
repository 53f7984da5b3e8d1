import Millrace

/// Monitoring new users: persons who registered and opened an auction within the same 10 seconds.
///
/// Auctions come to their sellers from all partitions, not in the order of their times: the windows wait for an hour of
/// event time.
package enum Query8: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Windowed<Int64>>.timeWindowed(.int64, size: .seconds(10))
    /// The person's name.
    package static let results = Serde<String>.utf8

    package static func build(_ builder: StreamsBuilder) {
        let events = builder.eventNumbers()
        let persons = events.persons.mapValues { person in person.name }.groupByKey(values: .utf8)
        let auctions = events.auctions.map { id, auction in (auction.seller, id) }
            .groupByKey(keys: .int64, values: .int64)
        persons.cogroup { (_, name, user: NewUser) in NewUser(name: name, hasAuction: user.hasAuction) }
            .cogroup(auctions) { _, _, user in NewUser(name: user.name, hasAuction: true) }
            .windowedBy(.tumbling(size: .seconds(10), grace: .seconds(3_600)))
            .aggregate(initial: { NewUser() }, aggregates: .columns, store: "new-users")
            .compactMapValues { user in user.hasAuction ? user.name : nil }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// What is known of a person in a window.
struct NewUser: Columns {
    /// nil if the person did not register in the window.
    var name: String?
    var hasAuction = false

    init(name: String? = nil, hasAuction: Bool = false) {
        self.name = name
        self.hasAuction = hasAuction
    }

    init(from reader: inout ColumnReader) throws {
        hasAuction = try reader.integer(UInt8.self) == 1
        let name = try reader.text()
        self.name = name.isEmpty ? nil : name
    }

    func write(to writer: inout ByteWriter) {
        writer.append(hasAuction ? UInt8(1) : 0)
        writer.append(text: name ?? "")
    }
}
