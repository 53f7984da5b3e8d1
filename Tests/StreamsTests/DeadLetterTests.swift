import Millrace
import Synchronization
import Testing

@Suite("Dead letters", .short)
struct DeadLetterTests {
    private struct Refused: Error {}

    private func text(_ record: ConsumerRecord?, _ header: String) -> String? {
        record?.headers["__streams.errors.\(header)"].map { String(decoding: $0, as: UTF8.self) }
    }

    private func refusingAll() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapHeaders { _ in [RecordHeader("set", text: "by an operator")] }
            .forEach(named: "check") { _, _ in throw Refused() }
        return try builder.build()
    }

    @Test("a letter has the record's own headers, whatever operators made of them")
    func ownHeaders() async throws {
        let world = try await World(["in": 1, "dead": 1])
        let headers: RecordHeaders = [RecordHeader("from", text: "outside")]
        try await world.write([ProducerRecord(topic: "in", key: "a", value: "1", headers: headers)])
        try await world.run(try refusingAll()) { $0.onProcessingError = .deadLetter(topic: "dead") }
        let dead = try await world.records(of: "dead").first
        #expect(dead?.headers.first?.name == "from")
        #expect(dead?.headers["set"] == nil)
    }

    @Test("a letter says all that Kafka's tools look for")
    func kafkaHeaders() async throws {
        let world = try await World(["in": 1, "dead": 1])
        try await world.write([("a", "1")])
        try await world.run(try refusingAll()) { $0.onProcessingError = .deadLetter(topic: "dead") }
        let dead = try await world.records(of: "dead").first
        let names = ["exception", "message", "stacktrace", "topic", "partition", "offset", "operator", "task"]
        #expect(dead?.headers.map(\.name) == names.map { "__streams.errors.\($0)" })
        #expect(text(dead, "exception") == "StreamsTests.DeadLetterTests.Refused")
        #expect(text(dead, "stacktrace")?.contains("at operator check") == true)
    }

    @Test("a letter that would be too large leaves the value out and says so")
    func tooLarge() async throws {
        let world = try await World(["in": 1])
        let admin = try Admin(on: world.broker)
        try await admin.createTopic(NewTopic("dead", configuration: ["max.message.bytes": "1500"]))
        try await world.write([("a", String(repeating: "long", count: 500)), ("b", "short")])
        try await world.run(try refusingAll()) { $0.onProcessingError = .deadLetter(topic: "dead") }
        let dead = try await world.records(of: "dead")
        #expect(dead.map(\.keyText) == ["a", "b"])
        #expect(dead.map(\.valueText) == [nil, "short"])
        #expect(text(dead.first, "omitted.value") == "2000 bytes")
        #expect(text(dead.last, "omitted.value") == nil)
    }

    @Test("when a letter cannot be written, the application stops with what failed first and why there is no letter")
    func missingTopic() async throws {
        let world = try await World(["in": 1])
        try await world.write([("a", "1")])
        let topology = try refusingAll()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) {
                $0.onProcessingError = ErrorPolicy { _ in .deadLetter(topic: "nowhere") }
            }
        }
        #expect(error?.description.contains("check: Refused()") == true, "\(String(describing: error))")
        #expect(error?.description.contains("nowhere") == true)
    }

    @Test("a policy can look at the record's key, value and headers as they were read")
    func recordForPolicies() async throws {
        let world = try await World(["in": 1])
        let headers: RecordHeaders = [RecordHeader("from", text: "outside")]
        try await world.write([ProducerRecord(topic: "in", key: "a", value: "1", headers: headers)])
        let seen = Mutex<FailedRecord?>(nil)
        try await world.run(try refusingAll()) {
            $0.onProcessingError = ErrorPolicy { failure in
                seen.withLock { $0 = failure }
                return .skip
            }
        }
        let failure = seen.withLock { $0 }
        #expect(failure?.key == Array("a".utf8))
        #expect(failure?.value == Array("1".utf8))
        #expect(failure?.headers == headers)
    }

    @Test("a letter of a punctuation belongs to no record, and has the time of the clock")
    func withoutRecord() async throws {
        let world = try await World(["in": 1, "dead": 1])
        try await world.write([ProducerRecord(topic: "in", key: "a", value: "1", timestamp: 5)])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .process(named: "watch") { (context: ProcessorContext<String, String>) in Punctual(context) }
        let topology = try builder.build()
        let progress = try await world.run(topology) { $0.onProcessingError = .deadLetter(topic: "dead") }
        let dead = try await world.records(of: "dead").first
        #expect(dead?.keyText == nil)
        #expect(text(dead, "operator") == "watch")
        #expect(text(dead, "offset") == nil)
        #expect(dead?.timestamp ?? 0 > 1_000_000_000_000)
        #expect(progress.recordsSkipped == 1)
    }

    private struct Punctual: Processor {
        init(_ context: ProcessorContext<String, String>) {
            // An interval of a second or more is never refused.
            _ = try? context.schedule(every: .seconds(3_600), .streamTime) { _ in throw Refused() }
        }

        mutating func process(_ record: Record<String, String>) {}
    }

    @Test("what fails only when a cache is emptied at the commit counts as skipped, too")
    func countedAtTheCommit() async throws {
        let world = try await World(["in": 1])
        try await world.write([("a", "1")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey().count().toStream()
            .forEach(named: "check") { _, _ in throw Refused() }
        let topology = try builder.build()
        let progress = try await world.run(topology) { $0.onProcessingError = .logAndContinue }
        #expect(progress.recordsSkipped == 1)
    }
}
