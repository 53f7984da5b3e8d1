import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// Orders are enriched by asking a slow service that fails now and then, many calls at a time and in order; sales are
/// then summed up by country.
struct SlowEnrichment: Example {
    static let name = "slow-enrichment"
    static let usualRecordCount = 4_000
    static let topics = [NewTopic("orders", partitions: 3), NewTopic("sales", partitions: 3)]

    static func topology() throws -> Topology {
        let countries = CountryService()
        let builder = StreamsBuilder()
        builder.stream("orders", keys: .utf8, values: .int64)
            .mapAsync(concurrency: 64, timeout: .seconds(2), retry: .upTo(5, firstPause: .milliseconds(2))) {
                customer,
                cents in
                (try await countries.country(of: customer), cents)
            }
            .groupByKey(keys: .utf8, values: .int64)
            .reduce(store: "sales") { total, cents in total + cents }
            .toStream()
            .to("sales", values: .int64)
        return try builder.build()
    }

    /// Orders of 500 customers.
    static func input(count: Int) -> [ProducerRecord] {
        var random = ExampleRandom(seed: 6)
        return (0..<count).map { number in
            ProducerRecord(
                topic: "orders",
                key: Array("customer-\(Int.random(in: 1...500, using: &random))".utf8),
                value: withUnsafeBytes(of: Int64.random(in: 100...10_000, using: &random).bigEndian) { Array($0) },
                timestamp: 1_000 * Int64(number)
            )
        }
    }

    static func result(in topics: TopicReader) async throws -> String {
        let sales = try await topics.last(of: "sales", keys: .utf8, values: .int64)
        var table = TextTable("country", " sales")
        for (country, cents) in sales.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            table.add(country, "\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)")
        }
        return table.text
    }
}

/// Stands for a service on the other side of a network: an answer takes a few milliseconds, and some calls fail.
struct CountryService: Sendable {
    struct Unavailable: Error {}

    private static let countries = ["Austria", "Brazil", "Canada", "Denmark", "Egypt", "France", "Ghana"]

    func country(of customer: String) async throws -> String {
        try await Task.sleep(for: .milliseconds(Int.random(in: 1...8)))
        if Int.random(in: 0..<50) == 0 { throw Unavailable() }
        let number = customer.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
        return Self.countries[abs(number % Self.countries.count)]
    }
}
