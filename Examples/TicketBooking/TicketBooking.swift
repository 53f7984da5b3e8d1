import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// Seats of shows are booked. An order and the seat that it takes are written in one transaction; when the customer walks
/// away in the middle the transaction is aborted, and neither was ever there. A topology then adds up what was sold.
struct TicketBooking: Example {
    static let name = "ticket-booking"
    static let usualRecordCount = 3_000
    static let topics = [
        NewTopic("requests", partitions: 2), NewTopic("orders", partitions: 3),
        NewTopic("seats", partitions: 3, configuration: ["cleanup.policy": "compact"]),
        NewTopic("sold", partitions: 3), NewTopic("income", partitions: 3),
    ]

    static func work(on broker: EmbeddedBroker) async throws {
        try await BookingDesk(broker: broker).serveAll()
    }

    static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("orders", keys: .utf8, values: .json(Order.self))
            .groupBy(keys: .utf8, values: .json) { _, order in order.show }
            .aggregate(initial: { Int64(0) }, aggregates: .int64, store: "income") { _, order, cents in
                cents + order.cents
            }
            .toStream()
            .to("income", values: .int64)
        builder.stream("seats", keys: .utf8, values: .utf8)
            .groupBy(keys: .utf8) { seat, _ in String(seat.prefix { $0 != "/" }) }
            .count(store: "sold")
            .toStream()
            .to("sold", values: .int64)
        return try builder.build()
    }

    static func result(in topics: TopicReader) async throws -> String {
        let income = try await topics.last(of: "income", keys: .utf8, values: .int64)
        let sold = try await topics.last(of: "sold", keys: .utf8, values: .int64)
        var table = TextTable("show", " seats sold", " income")
        for (show, count) in sold.sorted(by: { $0.key < $1.key }) {
            let cents = income[show] ?? 0
            table.add(show, "\(count)", "\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)")
        }
        let orders = try await topics.records(of: "orders")
        let seats = try await topics.records(of: "seats")
        let seatsOfOrders = try orders.map { try Serde<Order>.json.value(of: $0.value).seat }
        let isPaired = seatsOfOrders.sorted() == seats.compactMap(\.keyText).sorted()
        return """
            \(table.text)

            orders: \(orders.count), seats taken: \(seats.count), each order has its seat: \(isPaired ? "yes" : "no")
            seats taken twice: \(seats.count - Set(seats.compactMap(\.keyText)).count)
            """
    }
}

/// A customer asks for a seat.
struct Request: Codable, Sendable {
    var customer: String
    var show: String
    var seat: String
    var cents: Int64
    /// Whether the customer walks away before the booking is complete.
    var isCancelled: Bool
}

/// A seat was sold.
struct Order: Codable, Sendable {
    var customer: String
    var show: String
    var seat: String
    var cents: Int64
}
