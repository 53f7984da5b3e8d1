import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// Which items are bought most: counted in windows of five minutes that begin every minute, and of each window the three
/// first.
struct TrendingItems: Example {
    static let name = "trending-items"
    static let usualRecordCount = 20_000
    static let topics = [NewTopic("purchases", partitions: 3), NewTopic("trending", partitions: 3)]

    static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("purchases", keys: .ignored, values: .utf8)
            .groupBy(keys: .utf8) { _, item in item }
            // Purchases of an item come from three tasks, each as far as it is; the grace period covers all of the input.
            .windowedBy(.hopping(size: .seconds(300), advance: .seconds(60), grace: .seconds(7_200)))
            .count(store: "purchases-by-item")
            .groupBy(keys: .int64, values: .json(Sales.self)) { item, count in
                (item.window.startMs, Sales(item: item.key, count: count))
            }
            .top(3, store: "trending") { $0.count }
            .toStream()
            .to("trending", values: .json)
        return try builder.build()
    }

    static func input(count: Int) -> [ProducerRecord] {
        var random = ExampleRandom(seed: 4)
        let items = ["apples", "bread", "cheese", "dates", "eggs", "figs", "grapes", "honey", "ice", "jam"]
        return (0..<count).map { number in
            // What is wanted changes in the course of time: the favourite gets every third purchase.
            let favourite = number * items.count / count
            let other = Int.random(in: 0..<items.count, using: &random)
            let item = items[Int.random(in: 0..<3, using: &random) == 0 ? favourite : other]
            return ProducerRecord(
                topic: "purchases",
                key: Array("\(number)".utf8),
                value: Array(item.utf8),
                timestamp: 90 * Int64(number)
            )
        }
    }

    static func result(in topics: TopicReader) async throws -> String {
        let trending = try await topics.last(of: "trending", keys: .int64, values: .json([Sales].self))
        var table = TextTable("from minute", "first", "second", "third")
        for (startMs, sales) in trending.sorted(by: { $0.key < $1.key }) where startMs % 300_000 == 0 {
            let cells = sales.map { "\($0.item) \($0.count)" }
            table.add(["\(startMs / 60_000)"] + cells + Array(repeating: "", count: 3 - cells.count))
        }
        return table.text
    }
}

/// How often an item was bought.
struct Sales: Codable, Hashable, Sendable {
    var item: String
    var count: Int64
}
