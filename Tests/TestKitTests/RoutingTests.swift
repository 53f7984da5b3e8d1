import Millrace
import MillraceTestKit
import Testing

@Suite("Routing")
struct RoutingTests {
    private func driver(
        partitions: [String: Int32] = [:],
        _ build: (KStream<String?, String>) -> Void
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        build(builder.stream("in", keys: .optional(.utf8), values: .utf8))
        return try TopologyTestDriver(try builder.build(), partitions: partitions)
    }

    @Test("a topic is chosen for each record, by what the record holds, its timestamp and its headers")
    func choosesTopics() throws {
        let driver = try driver { stream in
            stream.to { record in
                let kind = record.headers["kind"].map { String(decoding: $0, as: UTF8.self) } ?? "plain"
                return "out-\(kind)-\(record.timestampMs)"
            }
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "1", at: 5, headers: [RecordHeader("kind", text: "loud")])
        try input.pipe("b", "2", at: 6)
        #expect(try driver.output("out-loud-5", keys: .utf8, values: .utf8).readAll().map(\.value) == ["1"])
        #expect(try driver.output("out-plain-6", keys: .utf8, values: .utf8).readAll().map(\.value) == ["2"])
        #expect(driver.readAllRaw().map(\.topic) == ["out-loud-5", "out-plain-6"])
    }

    @Test("what was written to a chosen topic and not committed is gone after a crash, and written again")
    func chosenTopicsAreTransactional() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to { _, value in value }
        let driver = try TopologyTestDriver(try builder.build(), commitMode: .explicit)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "x")
        try driver.commit()
        try input.pipe("b", "x")
        try driver.crash()
        #expect(try driver.output("x", keys: .utf8, values: .utf8).readAll().map(\.key) == ["a", "b"])
    }

    @Test("a partitioner sends a record to one partition, to several, to all, to that of its key, or nowhere")
    func partitions() throws {
        let driver = try driver(partitions: ["out": 3]) { stream in
            stream.to(
                "out",
                partitioner: StreamPartitioner { _, value, count in
                    switch value {
                    case "last": .partition(count - 1)
                    case "two": [2, 0]
                    case "all": .all
                    case "key": .byKey
                    default: []
                    }
                }
            )
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        func written() -> [Int32] { driver.readAllRaw().map(\.partition) }
        for (value, expected) in [("last", [2]), ("two", [0, 2]), ("all", [0, 1, 2]), ("none", [])]
            as [(String, [Int32])]
        {
            try input.pipe("k", value)
            #expect(written() == expected, "the partitions of \"\(value)\"")
        }
        try input.pipe("k", "key")
        let byKey = written()
        let plain = try self.driver(partitions: ["out": 3]) { $0.to("out") }
        try plain.input("in", keys: .utf8, values: .utf8).pipe("k", "key")
        #expect(byKey == plain.readAllRaw().map(\.partition))
    }

    @Test("a partitioner sees the whole record and the topic, also of one chosen for the record")
    func partitionerSeesTheTopic() throws {
        let driver = try driver(partitions: ["wide": 4]) { stream in
            stream.to(
                partitioner: StreamPartitioner { record, topic in
                    topic.name == "wide" ? .partition(Int32(record.timestampMs) % topic.partitionCount) : .byKey
                }
            ) { _, value in value }
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "wide", at: 7)
        try input.pipe("a", "narrow", at: 7)
        #expect(driver.readAllRaw().map { "\($0.topic)-\($0.partition)" } == ["wide-3", "narrow-0"])
    }

    @Test("a partition that the topic does not have stops with an error that names both, and nothing is written")
    func noSuchPartition() throws {
        let driver = try driver(partitions: ["out": 2]) { stream in
            stream.to("out", partitioner: StreamPartitioner { _, _, _ in [0, 7] })
        }
        let error = #expect(throws: StreamsError.self) {
            try driver.input("in", keys: .utf8, values: .utf8).pipe("a", "1")
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("topic out has 2 partitions; there is no 7"))
        #expect(driver.readAllRaw().isEmpty)
    }

    @Test("a repartition spreads records as its partitioner says")
    func repartitions() throws {
        let driver = try driver { stream in
            stream.repartition(
                partitions: 3,
                keys: .optional(.utf8),
                partitioner: StreamPartitioner { _, value, count in value == "everywhere" ? .all : .drop },
                named: "spread"
            ).to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "everywhere")
        try input.pipe("a", "nowhere")
        #expect(try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value).count == 3)
    }
}
