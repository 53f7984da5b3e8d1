import Millrace
import MillraceTestKit
import Testing

@Suite("Processors")
struct ProcessorTests {
    private struct Refused: Error {}

    @Test("A processor forwards any number of records, with other keys, values, timestamps and headers")
    func forwards() throws {
        let driver = try Self.driver { lines in
            let forwarded: KStream<Int64, String> = lines.process { record, context in
                try context.forward(record.withKey(Int64(record.value.count)))
                var headers = record.headers
                headers.append(RecordHeader("n", text: "1"))
                try context.forward(
                    record.withKey(0).withValue(record.key + "!").withTimestamp(9).withHeaders(headers)
                )
                try context.forward(record.withKey(-1).withHeaders([]))
            }
            forwarded.to("out", keys: .int64, values: .utf8)
        }
        try driver.input("in", keys: .utf8, values: .utf8).pipe(
            "a",
            "xy",
            at: 5,
            headers: [RecordHeader("h", text: "0")]
        )
        let records = try driver.output("out", keys: .int64, values: .utf8).readAll()
        #expect(records.map(\.key) == [2, 0, -1])
        #expect(records.map(\.value) == ["xy", "a!", "xy"])
        #expect(records.map(\.timestampMs) == [5, 9, 5])
        #expect(records.map { $0.headers.map(\.name) } == [["h"], ["h", "n"], []])
    }

    @Test("processValues keeps the key, so that grouping by it needs no repartition; after process it does")
    func keepsKeys() throws {
        func topics(_ add: (KStream<String, String>) -> KStream<String, String>) throws -> [String] {
            let builder = StreamsBuilder()
            add(builder.stream("in", keys: .utf8, values: .utf8)).groupByKey(keys: .utf8, values: .utf8).count()
                .toStream().to("out")
            return try builder.build().graph.subtopologies().flatMap(\.sourceTopics).map(\.name)
        }
        #expect(
            try topics { $0.processValues { record, context in try context.forward(record.withValue("x")) } } == [
                "in"
            ]
        )
        #expect(try topics { $0.process { record, context in try context.forward(record) } }.count == 2)
    }

    @Test("A processor that is a struct keeps what it changes in itself; each task has one of its own")
    func structs() throws {
        struct Numbering: FixedKeyProcessor {
            let context: FixedKeyProcessorContext<String, String>
            var count = 0
            mutating func process(_ record: FixedKeyRecord<String, String>) throws {
                count += 1
                try context.forward(record.withValue("\(context.taskId) \(count)"))
            }
        }
        let driver = try Self.driver(partitions: ["in": 2]) { lines in
            lines.processValues { Numbering(context: $0) }.to("out", keys: .utf8, values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for partition in [0, 0, 1, 0] as [Int32] { try input.pipe("a", "x", at: 1, partition: partition) }
        #expect(try Self.values(driver) == ["0_0 1", "0_0 2", "0_1 1", "0_0 3"])
    }

    @Test("Processors that name one store share it")
    func sharesStores() throws {
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64)
        let driver = try Self.driver { lines in
            lines.process(stores: counts, named: "count") {
                (record: Record<String, String>, _: ProcessorContext<Never, Never>, counts) in
                try counts.put(record.key, (try counts.get(record.key) ?? 0) + 1)
            }
            let read: KStream<String, String> = lines.processValues(stores: counts) { record, context, counts in
                try context.forward(record.withValue("\(try counts.get(record.key) ?? 0)"))
            }
            read.to("out", values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for key in ["a", "b", "a"] { try input.pipe(key, "x", at: 1) }
        #expect(try Self.values(driver) == ["1", "1", "2"])
    }

    @Test("A record forwarded to an output goes there alone, with the output's types")
    func outputs() throws {
        let lengths = OutputReference<String, Int64>("lengths")
        let driver = try Self.driver { lines in
            let checked: KStream<String, String> = lines.process(named: "check") { record, context in
                if record.value.isEmpty {
                    try context.forward(record.withValue(0), to: lengths)
                } else {
                    try context.forward(record)
                }
            }
            checked.to("out", keys: .utf8, values: .utf8)
            checked.output(lengths).mapValues { "length \($0)" }.to("lengths", keys: .utf8, values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for value in ["x", "", "y"] { try input.pipe("a", value, at: 1) }
        #expect(try Self.values(driver) == ["x", "y"])
        #expect(try driver.output("lengths", keys: .utf8, values: .utf8).readAll().map(\.value) == ["length 0"])
    }

    @Test("An output of a processor that leaves the key alone keeps the key's serde and needs no repartitioning")
    func outputsOfValues() throws {
        let lengths = OutputReference<String, Int64>("lengths")
        let driver = try Self.driver { lines in
            let checked: KStream<String, String> = lines.processValues(named: "check") { record, context in
                if record.value.isEmpty {
                    try context.forward(record.withValue(0), to: lengths)
                } else {
                    try context.forward(record)
                }
            }
            checked.to("out", values: .utf8)
            checked.output(lengths, values: .int64).groupByKey().count().toStream().to("counts")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for value in ["x", "", "y"] { try input.pipe("a", value, at: 1) }
        #expect(try Self.values(driver) == ["x", "y"])
        #expect(try driver.output("counts", keys: .utf8, values: .int64).readAll().map(\.value) == [1])
    }

    @Test("Forwarding to an output that nothing reads is an error that says what to do")
    func unreadOutput() throws {
        let nowhere = OutputReference<String, String>("nowhere")
        let driver = try Self.driver { lines in
            let _: KStream<String, String> = lines.process(named: "check") { record, context in
                try context.forward(record, to: nowhere)
            }
        }
        let error = #expect(throws: StreamsError.self) {
            try driver.input("in", keys: .utf8, values: .utf8).pipe("a", "x", at: 1)
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("call output(_:) with this reference"))
    }

    @Test("Asking an operator for an output that is no processor is found when the topology is built")
    func outputOfNoProcessor() throws {
        let builder = StreamsBuilder()
        let lines = builder.stream("in", keys: .utf8, values: .utf8, named: "lines")
        lines.output(OutputReference<String, String>("alerts")).to("out", keys: .utf8, values: .utf8)
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.mistakes == [.outputOfNoProcessor(operator: "lines", output: "alerts")])
    }

    @Test("A processor knows where its record was read; a punctuation belongs to no record")
    func metadata() throws {
        let driver = try Self.driver(partitions: ["in": 2]) { lines in
            lines.processValues { Describing($0) }.to("out", keys: .utf8, values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "x", at: 3, partition: 1)
        try input.pipe("a", "x", at: 4, partition: 1)
        #expect(try Self.values(driver) == ["in-1@0 3", "in-1@1 4"])
    }

    private struct Describing: FixedKeyProcessor {
        let context: FixedKeyProcessorContext<String, String>

        init(_ context: FixedKeyProcessorContext<String, String>) { self.context = context }

        func start() throws {
            try context.schedule(every: .seconds(1), .streamTime) { _ in #expect(context.recordMetadata == nil) }
        }

        func process(_ record: FixedKeyRecord<String, String>) throws {
            let place = context.recordMetadata.map { "\($0.topic)-\($0.partition)@\($0.offset)" } ?? "nowhere"
            try context.forward(record.withValue("\(place) \(context.streamTimeMs)"))
        }
    }

    @Test("What a processor throws is left out by policy; what fails after it is not taken for its failure")
    func errors() throws {
        var configuration = StreamsConfiguration()
        configuration.onProcessingError = .logAndContinue
        let builder = StreamsBuilder()
        let checked: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).process {
            record,
            context in
            if record.value == "bad" { throw Refused() }
            try? context.forward(record.withValue("first " + record.value))
            try context.forward(record.withValue("second " + record.value))
        }
        checked.mapValues { value -> String in
            if value == "first worse" { throw Refused() }
            return value
        }.to("out", keys: .utf8, values: .utf8)
        let driver = try TopologyTestDriver(try builder.build(), configuration: configuration)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for value in ["bad", "worse", "good"] { try input.pipe("a", value, at: 1) }
        #expect(try Self.values(driver) == ["second worse", "first good", "second good"])
    }

    @Test("A timestamp before 1970 is refused")
    func negativeTimestamp() throws {
        let driver = try Self.driver { lines in
            let early: KStream<String, String> = lines.process { record, context in
                try context.forward(record.withTimestamp(record.timestampMs - 10))
            }
            early.to("out", keys: .utf8, values: .utf8)
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("a", "x", at: 10)
        #expect(throws: StreamsError.self) { try input.pipe("a", "x", at: 9) }
    }

    @Test("A processor may ask for a commit, which passes on what stores after it held back")
    func requestsCommits() throws {
        let builder = StreamsBuilder()
        let stream: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8).processValues {
            record,
            context in
            try context.forward(record)
            if record.value == "commit" { context.requestCommit() }
        }
        stream.groupByKey(values: .utf8).count().toStream().to("out", values: .int64)
        let driver = try TopologyTestDriver(try builder.build(), commitMode: .explicit)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for value in ["x", "x", "commit", "x"] { try input.pipe("a", value, at: 1) }
        #expect(try driver.output("out", keys: .utf8, values: .int64).readAll().map(\.value) == [3])
    }

    @Test("What user code keeps of a task beyond its end reaches into no memory that belongs to others by then")
    func outliving() throws {
        // The test's thread is the only one.
        final class Kept: @unchecked Sendable {
            var store: TimestampedKeyValueStore<String, String>?
            var scope: ProcessorScope?
        }
        let kept = Kept()
        do {
            let driver = try Self.driver { lines in
                let store = Stores.timestampedKeyValue("kept", keys: .utf8, values: .utf8, isLogged: false)
                let same: KStream<String, String> = lines.process(stores: store) { record, context, store in
                    kept.store = store
                    kept.scope = context
                    try context.forward(record)
                }
                same.to("out", keys: .utf8, values: .utf8)
            }
            try driver.input("in", keys: .utf8, values: .utf8).pipe("a", "x", at: 5)
        }
        // Whatever takes the memory that the task has given back.
        let others = (0..<1_000).map { _ in [UInt64](repeating: .max, count: 24) }
        let store = try #require(kept.store)
        try store.put("b", "y")
        #expect(try store.get("b")?.timestampMs == 5, "\(others.count)")
        #expect(kept.scope?.streamTimeMs == 5)
        #expect(throws: ProcessorError.taskEnded(operator: "in-process")) {
            _ = try kept.scope?.schedule(every: .seconds(1), .wallClock) { _ in }
        }
    }

    static func driver(
        partitions: [String: Int32] = [:],
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        startMs: Int64 = 0,
        _ add: (KStream<String, String>) -> Void
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        add(builder.stream("in", keys: .utf8, values: .utf8))
        return try TopologyTestDriver(
            try builder.build(),
            partitions: partitions,
            commitMode: commitMode,
            startMs: startMs
        )
    }

    static func values(_ driver: TopologyTestDriver) throws -> [String?] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value)
    }
}
