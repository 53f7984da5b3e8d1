import Millrace
import Testing

@Suite("Sharing the work", .short)
struct SharingTests {
    private static let keys = 7

    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .ignored, values: .utf8)
            .groupBy(keys: .utf8, values: .utf8) { _, value in "k\((Int(value) ?? 0) % Self.keys)" }
            .count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        return try builder.build()
    }

    private func write(_ range: Range<Int>, to world: World) async throws {
        try await world.write(range.map { ("\($0)", "\($0)") })
    }

    /// Every update of every key is there, once and in order: nothing was lost or doubled.
    private func check(_ world: World, count: Int) async throws {
        var next: [String: Int64] = [:]
        for record in try await world.records() {
            let key = record.keyText ?? "~"
            next[key, default: 0] += 1
            #expect(try Serde.int64.value(of: record.value) == next[key], "\(key) at offset \(record.offset)")
        }
        let expected = Dictionary((0..<count).map { ("k\($0 % Self.keys)", Int64(1)) }, uniquingKeysWith: +)
        #expect(next == expected)
    }

    @Test("several threads share the tasks and count everything once", arguments: [2, 4])
    func threads(threads: Int) async throws {
        let world = try await World(["in": 4, "out": 1])
        try await write(0..<500, to: world)
        try await world.run(try topology()) { $0.threads = threads }
        try await check(world, count: 500)
    }

    @Test("a failing thread's tasks go on elsewhere, and everything counts once")
    func failingThread() async throws {
        let world = try await World(["in": 4, "out": 1])
        try await write(0..<500, to: world)
        let mishap = Mishap(atCall: 300)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .ignored, values: .utf8)
            .peek { _, _ in try mishap.check() }
            .groupBy(keys: .utf8, values: .utf8) { _, value in "k\((Int(value) ?? 0) % Self.keys)" }
            .count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        try await world.run(try builder.build()) {
            $0.threads = 2
            $0.onUncaughtError = .replaceThread
        }
        try await check(world, count: 500)
    }

    @Test("tasks move as applications of one id come and go; nothing is lost or doubled")
    func comingAndGoing() async throws {
        let world = try await World(["in": 4, "out": 1])
        let topology = try topology()
        let first = RunningApplication(topology, in: world) { $0.threads = 2 }
        await first.reach(.running)
        try await write(0..<200, to: world)
        let second = RunningApplication(topology, in: world)
        await second.reach(.running)
        try await write(200..<400, to: world)
        try await first.stop()
        try await write(400..<600, to: world)
        let third = RunningApplication(topology, in: world)
        await third.reach(.running)
        try await write(600..<800, to: world)
        // One more that ends when all of them have read everything.
        try await world.run(topology)
        try await second.stop()
        try await third.stop()
        try await check(world, count: 800)
    }
}
