import Millrace
import MillraceTestKit
import Testing

@Suite("Timestamp extractors")
struct TimestampExtractorTests {
    private func driver(
        _ timestamps: TimestampExtractor<String?, String>,
        startMs: Int64 = 0
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .optional(.utf8), values: .utf8, timestamps: timestamps).to("out")
        return try TopologyTestDriver(try builder.build(), startMs: startMs)
    }

    private func pipe(_ driver: TopologyTestDriver, _ value: String, _ ms: Int64, to topic: String = "in") throws {
        try driver.input(topic, keys: .utf8, values: .utf8).pipe("k", value, at: ms)
    }

    private func times(_ driver: TopologyTestDriver) throws -> [Int64] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.timestampMs)
    }

    @Test("a record without a valid timestamp stops a source that says nothing, with an error that names the record")
    func fails() throws {
        let driver = try driver(.ofRecord())
        try pipe(driver, "a", 5)
        let error = #expect(throws: StreamsError.self) { try pipe(driver, "b", -1) }
        #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("the record at offset 1 of in-0 has the timestamp -1"))
    }

    @Test("a source leaves such records out if it is told to")
    func skips() throws {
        let driver = try driver(.ofRecord(onInvalid: .skip))
        for ms: Int64 in [5, -1, 6] { try pipe(driver, "a", ms) }
        #expect(try times(driver) == [5, 6])
    }

    @Test("or gives them the greatest timestamp of their partition, also after a restart")
    func takesThePartitionTime() throws {
        let driver = try driver(.ofRecord(onInvalid: .usePartitionTime))
        for ms: Int64 in [9, 5, -1] { try pipe(driver, "a", ms) }
        try driver.crash()
        try pipe(driver, "a", -1)
        #expect(try times(driver) == [9, 5, 9, 9])
        let first = try self.driver(.ofRecord(onInvalid: .usePartitionTime))
        #expect(throws: StreamsError.self, "there is no time yet") { try pipe(first, "a", -1) }
    }

    @Test("the wall clock can tell the time")
    func takesTheWallClock() throws {
        let driver = try driver(.wallClock, startMs: 1_000)
        try pipe(driver, "a", 5)
        try driver.advanceWallClock(by: .milliseconds(30))
        try pipe(driver, "a", -1)
        #expect(try times(driver) == [1_000, 1_030])
    }

    @Test("a function can tell the time from the whole record and its partition's time; -1 leaves the record out")
    func takesAFunction() throws {
        let extractor = TimestampExtractor<String?, String> { record, partitionTimeMs in
            switch record.value {
            case "later": partitionTimeMs + 1
            case "header": record.headers["time"].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? -1
            case "own": record.timestampMs
            default: -1
            }
        }
        let driver = try driver(extractor)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("k", "own", at: 7)
        try input.pipe("k", "later", at: 3)
        try input.pipe("k", "header", at: 3, headers: [RecordHeader("time", text: "50")])
        try input.pipe("k", "nothing", at: 3)
        try input.pipe("k", "later", at: 3)
        #expect(try times(driver) == [7, 8, 50, 51])
    }

    @Test("a task takes records from its topics in the order of the times that are told")
    func ordersByExtractedTime() async throws {
        let builder = StreamsBuilder()
        let extractor = TimestampExtractor<String?, String> { record, _ in Int64(record.value) ?? -1 }
        let left = builder.stream("in", keys: .optional(.utf8), values: .utf8, timestamps: extractor)
        let right = builder.stream("other", keys: .optional(.utf8), values: .utf8, timestamps: extractor)
        left.mapTimestamps { $0.timestampMs }.merge(right).flatMap { key, value in
            // What is written to `in` while a record is processed waits beside what `other` already holds.
            value == "1" ? [(key, "30"), (key, "20")] : []
        }.to("in", keys: .optional(.utf8), values: .utf8)
        left.merge(right, named: "all").to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try pipe(driver, "1", 0, to: "other")
        #expect(try times(driver) == [1, 30, 20], "within a partition the order is that of the log")
    }

    @Test("a function that throws is a failure at the source, for which the application has a policy")
    func throwing() throws {
        struct Unreadable: Error {}
        let builder = StreamsBuilder()
        let extractor = TimestampExtractor<String?, String> { record, _ in
            guard let time = Int64(record.value) else { throw Unreadable() }
            return time
        }
        builder.stream("in", keys: .optional(.utf8), values: .utf8, timestamps: extractor, named: "source").to("out")
        var configuration = StreamsConfiguration()
        configuration.onProcessingError = .logAndContinue
        let topology = try builder.build()
        let lenient = try TopologyTestDriver(topology, configuration: configuration)
        for value in ["1", "x", "3"] { try pipe(lenient, value, 0) }
        #expect(try times(lenient) == [1, 3])
        let error = #expect(throws: StreamsError.self) { try pipe(try TopologyTestDriver(topology), "x", 0) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("source: Unreadable()"))
    }
}
