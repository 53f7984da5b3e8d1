import Millrace
import Synchronization
import Testing

@Suite("Processors on a broker", .short)
struct ProcessorRestartTests {
    /// Numbers the records of each key, and reports a key when 100 ms of stream time have passed since its last record.
    private final class Watching: Processor {
        private let context: ProcessorContext<String, String>
        private let counts: KeyValueStore<String, Int64>
        private let timers: KeyTimers<String>
        private let calls: Calls

        init(
            _ context: ProcessorContext<String, String>,
            _ counts: KeyValueStore<String, Int64>,
            _ timers: KeyTimers<String>,
            _ calls: Calls
        ) {
            self.context = context
            self.counts = counts
            self.timers = timers
            self.calls = calls
            timers.onTimer { timer in
                let count = try counts.get(timer.key) ?? 0
                try context.forward(Record(key: timer.key, value: "silent after \(count)", timestampMs: timer.nowMs))
            }
        }

        func start() { calls.list.withLock { $0.append("start") } }

        func process(_ record: Record<String, String>) throws {
            let count = (try counts.get(record.key) ?? 0) + 1
            try counts.put(record.key, count)
            try timers.set(record.key, at: record.timestampMs + 100, .streamTime)
            try context.forward(record.withValue("\(count) at \(context.streamTimeMs)"))
        }

        func close() { calls.list.withLock { $0.append("close") } }
    }

    private final class Calls: Sendable {
        let list = Mutex<[String]>([])
    }

    private func topology(_ calls: Calls) throws -> Topology {
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64)
        let timers = Stores.timers("timers", keys: .utf8)
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).process(stores: counts, timers) { context, counts, timers in
            Watching(context, counts, timers, calls)
        }
        .to("out", keys: .utf8, values: .utf8)
        return try builder.build()
    }

    @Test("stores, timers and the stream time are there after a restart; each run begins and closes the processor once")
    func restarts() async throws {
        let world = try await World()
        let calls = Calls()
        let topology = try topology(calls)
        for (key, time) in [("a", 1_000), ("b", 1_050), ("b", 1_040), ("c", 1_120)] as [(String, Int64)] {
            try await world.write([ProducerRecord(topic: "in", key: key, value: "x", timestamp: time)])
            try await world.run(topology)
        }
        #expect(
            try await world.texts() == [
                "a=1 at 1000", "b=1 at 1050", "b=2 at 1050", "c=1 at 1120", "a=silent after 1",
            ]
        )
        #expect(calls.list.withLock { $0 } == (0..<4).flatMap { _ in ["start", "close"] })
    }
}
