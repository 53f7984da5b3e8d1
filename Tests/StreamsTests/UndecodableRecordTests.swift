import Millrace
import Testing

@Suite("Records that cannot be decoded", .short)
struct UndecodableRecordTests {
    private func topology(_ mishap: Mishap? = nil) throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .optional(.utf8), values: .int64)
            .peek { _, _ in try mishap?.check() }
            .to("out")
        return try builder.build()
    }

    private func world() async throws -> World {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        try await world.write([
            ProducerRecord(topic: "in", value: try Serde.int64.bytes(of: 1)),
            ProducerRecord(
                topic: "in",
                key: [UInt8]("k".utf8),
                value: [1, 2, 3],
                timestamp: 77,
                headers: [RecordHeader("own", text: "header")]
            ),
            ProducerRecord(topic: "in", key: [0xff], value: try Serde.int64.bytes(of: 2)),
            ProducerRecord(topic: "in", value: try Serde.int64.bytes(of: 3)),
        ])
        return world
    }

    @Test("the default is to stop, naming partition and offset", arguments: [UncaughtErrorPolicy.stop, .replaceThread])
    func failing(policy: UncaughtErrorPolicy) async throws {
        let world = try await world()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(try topology()) { $0.onUncaughtError = policy }
        }
        guard case .undecodableRecord(TopicPartition("in", 0), offset: 1, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason == "its value cannot be decoded: it has 3 bytes instead of 8")
    }

    @Test("with logAndContinue the others are processed and the bad ones counted")
    func continuing() async throws {
        let world = try await world()
        let progress = try await world.run(try topology()) { $0.onDecodingError = .logAndContinue }
        #expect(try await world.values(.int64) == ["~=1", "~=3"])
        #expect(progress.recordsSkipped == 2)
        #expect(progress.recordsProcessed == 2)
    }

    @Test("with a dead-letter topic they go there as they are, with where they came from in their headers")
    func deadLetters() async throws {
        let world = try await world()
        try await world.run(try topology()) { $0.onDecodingError = .deadLetter(topic: "dead") }
        #expect(try await world.values(.int64) == ["~=1", "~=3"])
        let dead = try await world.records(of: "dead")
        #expect(dead.map(\.key) == [Array("k".utf8), [0xff]])
        #expect(dead.map(\.value) == [[1, 2, 3], try Serde.int64.bytes(of: 2)])
        let first = try #require(dead.first)
        #expect(first.timestamp == 77)
        func header(_ name: String) -> String? { first.headers[name].map { String(decoding: $0, as: UTF8.self) } }
        #expect(header("own") == "header")
        #expect(header("__streams.errors.exception") == "MillraceStreams.SerdeError")
        #expect(header("__streams.errors.message") == "its value cannot be decoded: it has 3 bytes instead of 8")
        #expect(header("__streams.errors.topic") == "in")
        #expect(header("__streams.errors.partition") == "0")
        #expect(header("__streams.errors.offset") == "1")
    }

    @Test("a dead letter belongs to the transaction: after a failure it is written once")
    func deadLettersAreAtomic() async throws {
        let world = try await world()
        let mishap = Mishap(atCall: 2)
        try await world.run(try topology(mishap)) {
            $0.onDecodingError = .deadLetter(topic: "dead")
            $0.onUncaughtError = .replaceThread
            $0.batchSize = 1
        }
        #expect(mishap.callCount == 4)
        #expect(try await world.records(of: "dead").count == 2)
        #expect(try await world.values(.int64) == ["~=1", "~=3"])
    }

    @Test("a dead-letter topic must exist")
    func missingDeadLetterTopic() async throws {
        let world = try await world()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(try topology()) { $0.onDecodingError = .deadLetter(topic: "nowhere") }
        }
        #expect(error?.description.contains("nowhere") == true)
    }
}
