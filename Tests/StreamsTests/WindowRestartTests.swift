import Millrace
import Testing

@Suite("Windows on the embedded broker", .short)
struct WindowRestartTests {
    private static let keys = Serde<Windowed<String>>.timeWindowed(.utf8, size: .milliseconds(100))

    /// Counts in windows, each of which comes out when it closes, with a mishap on the way.
    private func topology(_ mishap: Mishap = Mishap(atCall: -1)) throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).peek { _, _ in try mishap.check() }.groupByKey()
            .windowedBy(.tumbling(size: .milliseconds(100), grace: .milliseconds(20)))
            .emitStrategy(.onWindowClose)
            .count(store: "counts", lateRecords: { $0.to("late") })
            .toStream().to("out")
        return try builder.build()
    }

    private func write(_ times: [Int64], in world: World) async throws {
        try await world.write(
            times.map { time in
                ProducerRecord(topic: "in", key: Array("k".utf8), value: Array("\(time)".utf8), timestamp: time)
            }
        )
    }

    private func results(in world: World) async throws -> [String] {
        try await world.records(of: "out").map { record in
            let key = try Self.keys.value(of: record.key ?? [])
            return "\(key)=\(try Serde<Int64>.int64.value(of: record.value ?? []))"
        }
    }

    @Test("After a restart windows go on from where they were: nothing comes out twice, and what was late stays late")
    func restart() async throws {
        let world = try await World(["in": 1, "out": 1, "late": 1])
        try await write([10, 20, 150, 250], in: world)
        try await world.run(try topology()) { $0.emitInterval = .zero }
        #expect(try await results(in: world) == ["k@0-100=2", "k@100-200=1"])
        try await write([190, 260, 400], in: world)
        let progress = try await world.run(try topology()) { $0.emitInterval = .zero }
        #expect(try await results(in: world) == ["k@0-100=2", "k@100-200=1", "k@200-300=2"])
        #expect(try await world.records(of: "late").map(\.valueText) == ["190"])
        #expect(progress.recordsLate == 1)
    }

    @Test("A failure on the way changes nothing that comes out")
    func failure() async throws {
        let times = (0..<60).map { Int64($0 * 17 % 400 + $0 * 11) }
        var outcomes: [[String]] = []
        for failingCall in [-1, 31] {
            let world = try await World(["in": 1, "out": 1, "late": 1])
            try await write(times, in: world)
            try await world.run(try topology(Mishap(atCall: failingCall))) {
                $0.emitInterval = .zero
                $0.onUncaughtError = .replaceThread
            }
            outcomes.append(try await results(in: world) + world.records(of: "late").map { $0.valueText ?? "~" })
        }
        #expect(outcomes[0] == outcomes[1])
        #expect(outcomes[0].count > 5)
    }

    @Test("The changelog has Kafka's keys, and the log deletes nothing from it by age")
    func changelog() async throws {
        let world = try await World(["in": 1, "out": 1, "late": 1])
        try await write([110], in: world)
        try await world.run(try topology())
        let record = try #require(try await world.records(of: "test-counts-changelog").first)
        #expect(record.key == Array("k".utf8) + [0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0])
        #expect(record.timestamp == 110)
        let settings = try await Admin(on: world.broker).describeTopic("test-counts-changelog")?.configuration
        #expect(settings?["cleanup.policy"] == "compact,delete")
        #expect(settings?["retention.ms"] == "-1")
    }
}
