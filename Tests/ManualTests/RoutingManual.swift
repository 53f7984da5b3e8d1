import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on operators without state and on routing, run.
struct RoutingManual {
    @Test("Words come out of lines as the page on stateless operators says")
    func stateless() throws {
        let builder = StreamsBuilder()
        // snippet: stateless
        builder.stream("lines", keys: .ignored, values: .utf8)
            .flatMapValues { line in line.split(separator: " ").map { $0.lowercased() } }
            .filterNot { _, word in word == "the" }
            .map { _, word in (word, Int64(word.utf8.count)) }
            .to("lengths", keys: .utf8, values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("lines", keys: .utf8, values: .utf8).pipe(nil, "The mill the race")
        let lengths = try driver.output("lengths", keys: .utf8, values: .int64).readAll()
        #expect(lengths.map(\.key) == ["mill", "race"])
        #expect(lengths.map(\.value) == [4, 4])
    }

    @Test("Orders are split and routed as the page on routing says")
    func routing() throws {
        let builder = StreamsBuilder()
        // snippet: routing
        let orders = builder.stream("orders", keys: .utf8, values: .int64)
            .filter { _, cents in cents > 0 }
        let branches = orders.split()
            .branch("large") { _, cents in cents >= 100_000 }
            .defaultBranch("small")
        branches["large"].to("large-orders")
        branches["small"]
            .mapValues { cents in cents / 100 }
            .to(values: .int64) { customer, _ in "orders-of-\(customer)" }
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("orders", keys: .utf8, values: .int64)
        for (customer, cents): (String, Int64) in [("ada", 250_000), ("bob", 700), ("bob", -1)] {
            try input.pipe(customer, cents)
        }
        #expect(try driver.output("large-orders", keys: .utf8, values: .int64).readAll().map(\.value) == [250_000])
        #expect(try driver.output("orders-of-bob", keys: .utf8, values: .int64).readAll().map(\.value) == [7])
    }

    @Test("Two streams are merged as the page on routing says")
    func merging() throws {
        let builder = StreamsBuilder()
        // snippet: merge
        let web = builder.stream("web-orders", keys: .utf8, values: .int64)
        let shop = builder.stream("shop-orders", keys: .utf8, values: .int64)
        web.merge(shop).to("orders")
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("shop-orders", keys: .utf8, values: .int64).pipe("a", 1)
        try driver.input("web-orders", keys: .utf8, values: .int64).pipe("b", 2)
        #expect(try driver.output("orders", keys: .utf8, values: .int64).readAll().map(\.value) == [1, 2])
    }

    @Test("A partitioner chooses one partition, several, or none")
    func partitioners() throws {
        let builder = StreamsBuilder()
        // snippet: partitioner
        let regions = StreamPartitioner<String, Int64> { region, _, partitionCount in
            switch region {
            case "test": .drop
            case "all": .all
            case "north": 0
            default: .partition(1 % partitionCount)
            }
        }
        builder.stream("alarms", keys: .utf8, values: .int64).to("alarms-by-region", partitioner: regions)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build(), partitions: ["alarms-by-region": 3])
        let alarms = driver.input("alarms", keys: .utf8, values: .int64)
        for region in ["north", "south", "test", "all"] { try alarms.pipe(region, 1) }
        let written = try driver.output("alarms-by-region", keys: .utf8, values: .int64).readAll()
        #expect(written.map { "\($0.key ?? "")\($0.partition)" } == ["north0", "all0", "south1", "all1", "all2"])
    }

    @Test("Headers and timestamps are read and changed with the whole record")
    func records() throws {
        let builder = StreamsBuilder()
        // snippet: records
        builder.stream("orders", keys: .utf8, values: .utf8)
            .filter { order in !order.headers.contains { $0.name == "test" } }
            .mapHeaders { order in order.headers + [RecordHeader("seen-by", text: "billing")] }
            .mapTimestamps { order in order.timestampMs / 1_000 * 1_000 }
            .mapRecords(keys: .utf8, values: .utf8) { order in order.withValue("\(order.value) at \(order.timestampMs)")
            }
            .to("billed")
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let orders = driver.input("orders", keys: .utf8, values: .utf8)
        try orders.pipe("a", "tea", at: 1_234)
        try orders.pipe("a", "tea", at: 1_234, headers: [RecordHeader("test", text: "")])
        let billed = try driver.output("billed", keys: .utf8, values: .utf8).readAll()
        #expect(billed.map(\.value) == ["tea at 1000"])
        #expect(billed.first?.headers.map(\.name) == ["seen-by"])
    }

    @Test("A timestamp is taken from the value")
    func extractor() throws {
        let builder = StreamsBuilder()
        // snippet: timestamp-extractor
        let readings = builder.stream(
            "readings",
            keys: .utf8,
            values: .int64,
            timestamps: TimestampExtractor { record, _ in record.value }
        )
        // snippet.end
        readings.to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("readings", keys: .utf8, values: .int64).pipe("a", 77, at: 5)
        #expect(try driver.output("out", keys: .utf8, values: .int64).read()?.timestampMs == 77)
    }
}
