import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// Payments are watched card by card. More than three within a minute, or two in different countries within ten minutes,
/// raise an alarm.
struct FraudDetection: Example {
    static let name = "fraud-detection"
    static let usualRecordCount = 20_000
    static let topics = [NewTopic("payments", partitions: 4), NewTopic("alarms", partitions: 4)]

    static func topology() throws -> Topology {
        let recent = Stores.keyValue("recent-payments", keys: .utf8, values: .json([Payment].self))
        let builder = StreamsBuilder()
        builder.stream("payments", keys: .utf8, values: .json(Payment.self))
            .processValues(as: Alarm.self, stores: recent, named: "watch") { record, context, recent in
                let payment = record.value
                let before = (try recent.get(record.key) ?? []).filter { $0.atMs > payment.atMs - tenMinutesMs }
                if before.filter({ $0.atMs > payment.atMs - minuteMs }).count == 3 {
                    try context.forward(record.withValue(Alarm(reason: .manyPayments, payment: payment)))
                }
                if let last = before.last, last.country != payment.country {
                    try context.forward(record.withValue(Alarm(reason: .farApart, payment: payment)))
                }
                try recent.put(record.key, before + [payment])
            }
            .to("alarms", values: .json)
        return try builder.build()
    }

    private static let minuteMs: Int64 = 60_000
    private static let tenMinutesMs: Int64 = 600_000

    static func result(in topics: TopicReader) async throws -> String {
        let alarms = try await topics.records(of: "alarms").map { record in
            (card: record.keyText ?? "", alarm: try Serde<Alarm>.json.value(of: record.value))
        }
        var table = TextTable("card", " many payments", " far apart", " first alarm at second")
        for (card, found) in Dictionary(grouping: alarms, by: \.card).sorted(by: { $0.key < $1.key }) {
            func count(_ reason: Alarm.Reason) -> String { "\(found.count { $0.alarm.reason == reason })" }
            let first = found.map(\.alarm.payment.atMs).min() ?? 0
            table.add(card, count(.manyPayments), count(.farApart), "\(first / 1_000)")
        }
        return "\(table.text)\n\nalarms: \(alarms.count)"
    }
}

/// A payment with a card.
struct Payment: Codable, Sendable {
    var cents: Int
    var country: String
    var atMs: Int64
}

/// Something that looks like fraud.
struct Alarm: Codable, Sendable {
    enum Reason: String, Codable {
        case manyPayments
        case farApart
    }

    var reason: Reason
    var payment: Payment
}
