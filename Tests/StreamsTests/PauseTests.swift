import Millrace
import Testing

@Suite("Pausing, and waiting for other partitions", .short)
struct PauseTests {
    @Test("an application that is paused processes nothing until it is resumed, and stays in its group")
    func pauses() async throws {
        let world = try await World()
        try await world.write(["1", "2"])
        let builder = StreamsBuilder()
        let calls = Mishap(atCall: -1)
        builder.stream("in", keys: .ignored, values: .utf8).peek { _, _ in try calls.check() }.to("out")
        let running = RunningApplication(try builder.build(), in: world) { $0.commitInterval = .milliseconds(5) }
        running.application.pause()
        #expect(running.application.isPaused)
        await running.reach(.running)
        #expect(calls.callCount == 0)
        running.application.resume()
        while try await world.records().count < 2 {}
        try await running.stop()
    }

    @Test("records are processed in the order of their times although one partition is filled later than the other")
    func waitsForOtherPartitions() async throws {
        let world = try await World(["left": 1, "right": 1, "out": 1])
        func write(_ topic: String, _ value: String, at timestamp: Int64) async throws {
            try await world.write([ProducerRecord(topic: topic, key: "k", value: value, timestamp: timestamp)])
        }
        let builder = StreamsBuilder()
        builder.stream("left", keys: .utf8, values: .utf8)
            .merge(builder.stream("right", keys: .utf8, values: .utf8))
            .to("out")
        let running = RunningApplication(try builder.build(), in: world) {
            $0.maximumTaskIdle = .seconds(3_600)
            $0.commitInterval = .milliseconds(5)
        }
        await running.reach(.running)
        try await write("left", "2", at: 20)
        try await write("left", "4", at: 40)
        try await write("right", "1", at: 10)
        try await write("right", "3", at: 30)
        try await write("right", "5", at: 50)
        while try await world.records().count < 4 {}
        try await running.stop()
        #expect(
            try await world.records().compactMap(\.valueText) == ["1", "2", "3", "4"],
            "5 waits for what left brings"
        )
    }

    @Test("what has waited for long enough goes on without the other partition")
    func goesOnAlone() async throws {
        let world = try await World(["left": 1, "right": 1, "out": 1])
        try await world.write(["1", "2"], to: "left")
        let builder = StreamsBuilder()
        builder.stream("left", keys: .ignored, values: .utf8)
            .merge(builder.stream("right", keys: .ignored, values: .utf8))
            .to("out")
        try await world.run(try builder.build()) { $0.maximumTaskIdle = .milliseconds(20) }
        #expect(try await world.records().compactMap(\.valueText) == ["1", "2"])
    }
}
