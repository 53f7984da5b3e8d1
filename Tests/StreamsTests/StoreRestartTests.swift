import Millrace
import Testing

@Suite("Stores of processors on a broker", .short)
struct StoreRestartTests {
    /// Numbers the records of each key, and tells what the key's value was before.
    private func topology(_ mishap: Mishap = Mishap(atCall: 0)) throws -> Topology {
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64, isCached: true, timeToLive: .seconds(3600))
        let history = Stores.versioned("history", keys: .utf8, values: .utf8, historyRetention: .seconds(3600))
        let visits = Stores.window("visits", keys: .utf8, values: .utf8, size: .seconds(60), retention: .seconds(3600))
        let builder = StreamsBuilder()
        let numbered: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8)
            .process(stores: counts, history, visits, named: "number") { record, context, counts, history, visits in
                let number = (try counts.get(record.key) ?? 0) + 1
                try counts.put(record.key, number)
                let before = try history.get(record.key)?.value ?? "-"
                try history.put(record.key, record.value, timestampMs: record.timestampMs)
                try visits.put(record.key, "\(number)", startMs: record.timestampMs / 60_000 * 60_000)
                try mishap.check()
                let visit = try visits.get(record.key, startMs: record.timestampMs / 60_000 * 60_000) ?? "-"
                try context.forward(record.withValue("\(number) \(before) \(visit)"))
            }
        numbered.to("out", keys: .utf8, values: .utf8)
        return try builder.build()
    }

    private func write(_ numbers: Range<Int>, to world: World) async throws {
        try await world.write(numbers.map { (key: "k\($0 % 2)", value: "v\($0)") })
    }

    private func expected(_ numbers: Range<Int>) -> [String] {
        numbers.map { "k\($0 % 2)=\($0 / 2 + 1) \($0 < 2 ? "-" : "v\($0 - 2)") \($0 / 2 + 1)" }
    }

    @Test("go on where they were when the application is started again")
    func restart() async throws {
        let world = try await World()
        try await write(0..<10, to: world)
        try await world.run(try topology())
        try await write(10..<20, to: world)
        try await world.run(try topology())
        #expect(try await world.texts() == expected(0..<20))
    }

    @Test("forget what a failed transaction has written")
    func failure() async throws {
        let world = try await World()
        try await write(0..<20, to: world)
        try await world.run(try topology(Mishap(atCall: 13))) { $0.onUncaughtError = .replaceThread }
        #expect(try await world.texts() == expected(0..<20))
    }
}
