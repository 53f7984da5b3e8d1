import Millrace
import Testing

@Suite("Sources on a broker", .short)
struct SourceRunTests {
    @Test("each source begins where it says, and one that says nothing where the application does")
    func offsetResets() async throws {
        let world = try await World(["early": 1, "late": 1, "aged": 1, "usual": 1, "out": 1])
        let old = ProducerRecord(topic: "aged", key: "k", value: "old", timestamp: 1_000)
        try await world.write([old])
        for topic in ["early", "late", "aged", "usual"] { try await world.write(["\(topic)-1"], to: topic) }
        let builder = StreamsBuilder()
        let resets: [(String, OffsetReset?)] = [
            ("early", .earliest), ("late", .latest), ("aged", .duration(.seconds(3_600))), ("usual", nil),
        ]
        let streams = resets.map { topic, reset in
            builder.stream(topic, keys: .optional(.utf8), values: .utf8, offsetReset: reset)
        }
        streams[0].merge(Array(streams.dropFirst())).to("out")
        let topology = try builder.build()
        try await world.run(topology) { $0.offsetReset = .latest }
        for topic in ["early", "late", "aged", "usual"] { try await world.write(["\(topic)-2"], to: topic) }
        try await world.run(topology) { $0.offsetReset = .latest }
        #expect(
            try await Set(world.records().compactMap(\.valueText))
                == ["early-1", "aged-1", "early-2", "late-2", "aged-2", "usual-2"]
        )
    }

    @Test("a source that must have a committed position stops the application without one")
    func noReset() async throws {
        let world = try await World()
        try await world.write(["x"])
        let error = await #expect(throws: StreamsError.self) {
            try await world.run { builder in
                builder.stream("in", keys: .ignored, values: .utf8, offsetReset: OffsetReset.none).forEach(named: "end")
                {
                    _,
                    _ in
                }
            }
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("no offset is committed for in-0"))
    }

    @Test("the partition's time survives a restart, for records that have none of their own")
    func partitionTime() async throws {
        let world = try await World()
        let builder = StreamsBuilder()
        builder.stream(
            "in",
            keys: .optional(.utf8),
            values: .utf8,
            timestamps: TimestampExtractor { record, partitionTimeMs in
                record.value == "timed" ? record.timestampMs : partitionTimeMs
            }
        ).to("out")
        let topology = try builder.build()
        try await world.write([ProducerRecord(topic: "in", key: "k", value: "timed", timestamp: 77)])
        try await world.run(topology)
        try await world.write([ProducerRecord(topic: "in", key: "k", value: "untimed", timestamp: 5)])
        try await world.run(topology)
        #expect(try await world.records().map(\.timestamp) == [77, 77])
    }
}
