import Millrace
import MillraceTestKit
import Testing

/// What a test of a topology can do with the driver.
struct TopologyTestDriverTests {
    @Test("A record has gone through the whole topology when pipe returns")
    func processesAtOnce() throws {
        let driver = try TopologyTestDriver(Self.upperCase())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        let output = driver.output("out", keys: .utf8, values: .utf8)

        try input.pipe("a", "x", at: 5, headers: [RecordHeader("h", text: "1")])

        let record = try #require(try output.read())
        #expect(record.key == "a")
        #expect(record.value == "X")
        #expect(record.timestampMs == 5)
        #expect(record.headers["h"] == Array("1".utf8))
        #expect(try output.read() == nil)
    }

    @Test("A record without a timestamp gets the wall clock's, which only the test moves")
    func movesTheWallClock() throws {
        let driver = try TopologyTestDriver(Self.upperCase(), startMs: 1_000)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "x")
        try driver.advanceWallClock(by: .seconds(2))
        try input.pipe("a", "y")
        #expect(try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.timestampMs) == [1_000, 3_000])
    }

    @Test("Null keys and values are nil on both sides")
    func passesNulls() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .optional(.utf8), values: .optional(.utf8)).to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("in", keys: .utf8, values: .utf8).pipe(nil, nil, at: 1)
        let record = try #require(driver.readRaw(from: "out"))
        #expect(record.key == nil)
        #expect(record.value == nil)
    }

    @Test("Records come back from a repartition topic, and counts are in the store")
    func countsThroughARepartitionTopic() throws {
        let driver = try TopologyTestDriver(Self.wordCount())
        try driver.input("in", keys: .utf8, values: .utf8).pipe("line", "to be or not to be", at: 7)
        let written = try driver.output("out", keys: .utf8, values: .int64).readAll()
        #expect(written.map(\.key) == ["to", "be", "or", "not", "to", "be"])
        #expect(written.map(\.value) == [1, 1, 1, 1, 2, 2])
        let counts = driver.store("counts", keys: .utf8, values: .int64)
        #expect(try counts.value(for: "to") == 2)
        #expect(try counts.value(for: "absent") == nil)
        #expect(try counts.entries().map(\.key) == ["be", "not", "or", "to"])
    }

    @Test("A cache holds updates back until the test commits, and shows them in the store")
    func commitsExplicitly() throws {
        let driver = try TopologyTestDriver(Self.wordCount(), commitMode: .explicit)
        let output = driver.output("out", keys: .utf8, values: .int64)
        try driver.input("in", keys: .utf8, values: .utf8).pipe("line", "a a b", at: 7)
        #expect(try output.readAll().isEmpty)
        #expect(try driver.store("counts", keys: .utf8, values: .int64).value(for: "a") == 2)
        try driver.commit()
        #expect(try output.readAll().map(\.value) == [2, 1])
    }

    @Test("A crash undoes what was not committed, restores the stores and processes the input again")
    func crashes() throws {
        let driver = try TopologyTestDriver(Self.wordCount(), commitMode: .explicit)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        let counts = driver.store("counts", keys: .utf8, values: .int64)
        try input.pipe("line", "a b", at: 1)
        try driver.commit()
        try input.pipe("line", "a", at: 2)
        try driver.crash()
        #expect(try counts.value(for: "a") == 2)
        #expect(try counts.value(for: "b") == 1)
        try driver.commit()
        #expect(try driver.output("out", keys: .utf8, values: .int64).readAll().map(\.value) == [1, 1, 2])
    }

    @Test("Keys are spread over the partitions, and every partition has a task with a store")
    func spreadsOverPartitions() throws {
        let driver = try TopologyTestDriver(Self.wordCount(), partitions: ["in": 3, "out": 2])
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for word in ["a", "b", "c", "d", "e"] { try input.pipe(word, "\(word) x", at: 1) }
        let counts = driver.store("counts", keys: .utf8, values: .int64)
        #expect(Set(try counts.entries().map(\.key)) == ["a", "b", "c", "d", "e", "x"])
        #expect(try counts.value(for: "x") == 5)
    }

    @Test("Records of all output topics can be read in the order in which they were written")
    func readsAllInOrder() throws {
        let builder = StreamsBuilder()
        let source = builder.stream("in", keys: .utf8, values: .utf8)
        source.to("first")
        source.to("second")
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "1", at: 1)
        try input.pipe("a", "2", at: 2)
        #expect(driver.readAllRaw().map(\.topic) == ["first", "second", "first", "second"])
        #expect(driver.readAllRaw().isEmpty)
    }

    @Test("A topic that the topology does not read is refused by name")
    func refusesUnknownTopics() throws {
        let driver = try TopologyTestDriver(Self.upperCase())
        let error = #expect(throws: ClientError.self) {
            try driver.pipe(key: nil, value: nil, to: "elsewhere")
        }
        #expect(error?.message.contains("the topology does not read elsewhere; it reads in") == true)
    }

    @Test("A store that the topology does not have is refused, with those that it has")
    func refusesUnknownStores() throws {
        let driver = try TopologyTestDriver(Self.wordCount())
        let error = #expect(throws: StreamsError.self) {
            try driver.store("count", keys: .utf8, values: .int64).entries()
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("it has counts"))
    }

    @Test("What an operator throws comes out of pipe, and says at which record")
    func reportsErrors() throws {
        struct Refused: Error {}
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).peek { _, value in
            if value == "bad" { throw Refused() }
        }.to("out")
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "good", at: 1)
        #expect(throws: StreamsError.self) { try input.pipe("a", "bad", at: 2) }
        try input.pipe("a", "better", at: 3)
        #expect(try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value) == ["good", "better"])
    }

    private static func upperCase() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).mapValues { $0.uppercased() }.to("out", values: .utf8)
        return try builder.build()
    }

    private static func wordCount() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .flatMapValues { $0.split(separator: " ").map(String.init) }
            .groupBy(keys: .utf8, values: .utf8) { _, word in word }
            .count(store: "counts")
            .toStream()
            .to("out", values: .int64)
        return try builder.build()
    }
}

extension TopologyTestDriverTests {
    private static func counting(_ commitMode: TopologyTestDriver.CommitMode) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count(store: "counts").toStream()
            .to("out", values: .int64)
        return try TopologyTestDriver(try builder.build(), commitMode: commitMode)
    }

    @Test("With an interval, a commit comes when the wall clock has moved on by it")
    func commitsAtIntervals() throws {
        let driver = try Self.counting(.every(.milliseconds(100)))
        let input = driver.input("in", keys: .utf8, values: .utf8)
        let output = driver.output("out", keys: .utf8, values: .int64)
        for _ in 0..<2 { try input.pipe("a", "x", at: 1) }
        try driver.advanceWallClock(by: .milliseconds(99))
        #expect(try output.readAll().isEmpty)
        try driver.advanceWallClock(by: .milliseconds(1))
        #expect(try output.readAll().map(\.value) == [2])
        try input.pipe("a", "x", at: 1)
        #expect(try output.readAll().isEmpty)
    }

    @Test("A crash before or during a commit undoes it, one after it does not; either way every record counts once")
    func crashesInCommits() throws {
        for point in TopologyTestDriver.CrashPoint.allCases {
            let driver = try Self.counting(.explicit)
            let input = driver.input("in", keys: .utf8, values: .utf8)
            let output = driver.output("out", keys: .utf8, values: .int64)
            for _ in 0..<3 { try input.pipe("a", "x", at: 1) }
            try driver.crash(at: point)
            #expect(try output.readAll().map(\.value) == (point == .afterCommit ? [3] : []), "\(point)")
            #expect(try driver.store("counts", keys: .utf8, values: .int64).value(for: "a") == 3, "\(point)")
            try input.pipe("a", "x", at: 1)
            try driver.commit()
            #expect(try output.readAll().map(\.value) == [4], "\(point)")
        }
    }
}
