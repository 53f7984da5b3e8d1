import Millrace
import Synchronization
import Testing

@Suite("Asynchronous calls", .short)
struct MapAsyncTests {
    private struct Refused: Error {}

    /// Counts the calls that are under way, and the most there ever were.
    private final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0, calls: 0))
        var most: Int { state.withLock { $0.most } }
        var calls: Int { state.withLock { $0.calls } }

        func during<Result>(_ body: () async throws -> Result) async throws -> Result {
            state.withLock { state in
                state.now += 1
                state.calls += 1
                state.most = max(state.most, state.now)
            }
            defer { state.withLock { $0.now -= 1 } }
            return try await body()
        }
    }

    private func numbers(_ count: Int) -> [(key: String?, value: String?)] {
        (0..<count).map { ("k\($0 % 5)", "\($0)") }
    }

    @Test("results come in the order of the input, however long each call takes; calls run side by side")
    func order() async throws {
        let world = try await World()
        try await world.write(numbers(200))
        let gauge = Gauge()
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .mapValuesAsync(concurrency: 8) { _, value in
                    try await gauge.during {
                        try await Task.sleep(for: .microseconds((Int(value) ?? 0) * 7919 % 900))
                        return value + "!"
                    }
                }
                .to("out", values: .utf8)
        }
        #expect(try await world.texts() == numbers(200).map { "\($0.key ?? "")=\($0.value ?? "")!" })
        #expect((2...8).contains(gauge.most), "\(gauge.most) calls ran side by side")
        #expect(gauge.calls == 200)
    }

    @Test("with an order per key, one call of a key follows the other, and keys do not wait for each other")
    func orderPerKey() async throws {
        let world = try await World()
        try await world.write([("slow", "1"), ("slow", "2"), ("fast", "3"), ("fast", "4")])
        let fastEnded = Mutex(0)
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .mapAsync(order: .perKey) { key, value in
                    if key == "fast" {
                        fastEnded.withLock { $0 += 1 }
                    } else {
                        while fastEnded.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(1)) }
                    }
                    return (key, value)
                }
                .to("out", keys: .utf8, values: .utf8)
        }
        #expect(try await world.texts() == ["fast=3", "fast=4", "slow=1", "slow=2"])
    }

    @Test("an application whose calls take long stops soon, not when a long stretch of records is through")
    func slowCalls() async throws {
        let world = try await World()
        try await world.write(numbers(500))
        let calls = Atomic<Int>(0)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync(concurrency: 1) { _, value in
                calls.add(1, ordering: .relaxed)
                try await Task.sleep(for: .milliseconds(1))
                return value
            }
            .to("out", values: .utf8)
        let running = RunningApplication(try builder.build(), in: world)
        while calls.load(ordering: .relaxed) < 3 { try await Task.sleep(for: .milliseconds(1)) }
        let before = calls.load(ordering: .relaxed)
        try await running.stop()
        let after = calls.load(ordering: .relaxed)
        #expect(after < 500, "\(before) calls before the application was told to stop, \(after) in the end")
        #expect(try await world.texts().count == after)
    }

    @Test("a call that fails is tried again; its place in the order stays")
    func retries() async throws {
        let world = try await World()
        try await world.write(numbers(20))
        let failures = Mutex<[String: Int]>([:])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .mapValuesAsync(retry: .upTo(2, firstPause: .milliseconds(1))) { _, value in
                    let count = failures.withLock { failures in
                        failures[value, default: 0] += 1
                        return failures[value, default: 0]
                    }
                    if (Int(value) ?? 0) % 3 == 0, count <= 2 { throw Refused() }
                    return value
                }
                .to("out", values: .utf8)
        }
        #expect(try await world.texts() == numbers(20).map { "\($0.key ?? "")=\($0.value ?? "")" })
        #expect(failures.withLock { $0["3"] } == 3)
    }

    @Test("when all tries have failed the application's policy decides, and the dead letter is the record of the call")
    func deadLetters() async throws {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        try await world.write(numbers(10))
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync(named: "ask") { _, value in
                if value == "4" { throw Refused() }
                return value
            }
            .to("out", values: .utf8)
        try await world.run(try builder.build()) { $0.onProcessingError = .deadLetter(topic: "dead") }
        #expect(try await world.texts().count == 9)
        let dead = try await world.records(of: "dead")
        #expect(dead.map(\.valueText) == ["4"])
        #expect(dead.map(\.keyText) == ["k4"])
        #expect(dead.first?.headers["__streams.errors.offset"] == Array("4".utf8))
        #expect(dead.first?.headers["__streams.errors.operator"] == Array("ask".utf8))
    }

    @Test("a policy may ask for another call")
    func policyRetries() async throws {
        let world = try await World()
        try await world.write(numbers(3))
        let calls = Mutex(0)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync { _, value in
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                if value == "1", call < 5 { throw Refused() }
                return value
            }
            .to("out", values: .utf8)
        try await world.run(try builder.build()) {
            $0.onProcessingError = .retry(attempts: 5, firstPause: .milliseconds(1), then: .fail)
        }
        #expect(try await world.texts() == ["k0=0", "k1=1", "k2=2"])
    }

    @Test("a call that takes too long fails, also when it takes no notice of being cancelled")
    func timeouts() async throws {
        let world = try await World()
        try await world.write(numbers(1))
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync(timeout: .milliseconds(20)) { _, value in
                await withCheckedContinuation { continuation in
                    Task.detached {
                        try await Task.sleep(for: .seconds(1))
                        continuation.resume()
                    }
                }
                return value
            }
            .to("out", values: .utf8)
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) { try await world.run(topology) }
        #expect(error?.description.contains("the call took longer than") == true, "\(String(describing: error))")
        #expect(try await world.texts() == [])
    }

    @Test("after a failure in the middle every result is there once", arguments: [3, 17, 40])
    func exactlyOnce(call: Int) async throws {
        let world = try await World()
        try await world.write(numbers(60))
        let mishap = Mishap(atCall: call)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync(concurrency: 4) { _, value in value + "!" }
            .peek { _, _ in try mishap.check() }
            .to("out", values: .utf8)
        try await world.run(try builder.build()) {
            $0.onUncaughtError = .replaceThread
            $0.batchSize = 1
        }
        #expect(try await world.texts() == numbers(60).map { "\($0.key ?? "")=\($0.value ?? "")!" })
    }

    @Test("results that come while no record does are passed on at once")
    func idle() async throws {
        let world = try await World()
        try await world.write(numbers(1))
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync { _, value in
                try await Task.sleep(for: .milliseconds(20))
                return value
            }
            .to("out", values: .utf8)
        let running = RunningApplication(try builder.build(), in: world)
        while try await world.texts() != ["k0=0"] { try await Task.sleep(for: .milliseconds(5)) }
        try await running.stop()
    }

    @Test("no concurrency and no time are found when the topology is built")
    func mistakes() {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .mapValuesAsync(concurrency: 0, timeout: .zero, named: "ask") { _, value in value }
            .to("out", values: .utf8)
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.mistakes.count == 2)
        #expect(error?.description.contains("ask: concurrency must be 1 or more, not 0") == true)
    }
}
