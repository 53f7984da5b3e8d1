import Millrace
import MillracePrimitives
import Testing

/// Invariant 6 where history lies far behind the wall clock, as in a replay of last year's data: what a log deletes or
/// compacts by the age of records must not take rows that are live by stream time.
///
/// Each topology works through a timeline of 1970 in one go, and in several, with everything deleted and compacted in
/// between that the broker would delete and compact. Both must give the same.
@Suite("State of long ago", .short)
struct OldHistoryTests {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case windows, closingWindows, sessions, closingSessions, join, outerJoin, deduplication
        case windowStore, sessionStore, suppression, versionedTable, timeToLive, batches

        var testDescription: String { rawValue }
    }

    private static let size = Duration.milliseconds(50)
    private static let grace = Duration.milliseconds(30)

    private func topology(_ kind: Kind) throws -> Topology {
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .utf8, values: .utf8)
        let windowed = Serde<Windowed<String>>.timeWindowed(.utf8, size: Self.size)
        let left = input.filter { _, value in value.hasSuffix("0") }
        let right = input.filter { _, value in !value.hasSuffix("0") }
        let pairs = JoinWindows(difference: Self.size, grace: Self.grace)
        switch kind {
        case .windows:
            input.groupByKey().windowedBy(.hopping(size: Self.size, advance: .milliseconds(25), grace: Self.grace))
                .reduce { $0 + $1 }.toStream().to("out", keys: windowed)
        case .closingWindows:
            input.groupByKey().windowedBy(.tumbling(size: Self.size, grace: Self.grace))
                .emitStrategy(.onWindowClose).reduce { $0 + $1 }.toStream().to("out", keys: windowed)
        case .sessions:
            input.groupByKey().windowedBy(.sessions(inactivityGap: Self.size, grace: Self.grace))
                .reduce { $0 + $1 }.toStream().to("out", keys: .sessionWindowed(.utf8))
        case .closingSessions:
            input.groupByKey().windowedBy(.sessions(inactivityGap: Self.size, grace: Self.grace))
                .emitStrategy(.onWindowClose).reduce { $0 + $1 }.toStream().to("out", keys: .sessionWindowed(.utf8))
        case .join:
            left.join(right, within: pairs) { $0 + $1 }.to("out", values: .utf8)
        case .outerJoin:
            left.outerJoin(right, within: pairs) { ($0 ?? "-") + ($1 ?? "-") }.to("out", values: .utf8)
        case .deduplication:
            input.deduplicate(by: { _, value in value.suffix(1).description }, ids: .utf8, within: Self.size).to("out")
        case .windowStore:
            let store = Stores.window(
                "visits",
                keys: .utf8,
                values: .utf8,
                size: Self.size,
                retention: .milliseconds(90)
            )
            input.processValues(stores: store) { record, context, store in
                var seen = try store.fetch(record.key, from: 0, through: record.timestampMs + 40)
                var text = ""
                while let row = try seen.next() { text += row.value }
                try store.put(record.key, record.value, startMs: record.timestampMs)
                try context.forward(record.withValue(text))
            }.to("out", values: .utf8)
        case .sessionStore:
            let store = Stores.session("visits", keys: .utf8, values: .utf8, retention: .milliseconds(90))
            input.processValues(stores: store) { record, context, store in
                var seen = try store.fetch(record.key)
                var text = ""
                while let row = try seen.next() { text += row.value }
                let window = Window(startMs: record.timestampMs - 3, endMs: record.timestampMs)
                try store.put(record.key, window, record.value)
                try context.forward(record.withValue(text))
            }.to("out", values: .utf8)
        case .suppression:
            input.groupByKey().windowedBy(.tumbling(size: Self.size, grace: Self.grace)).reduce { $0 + $1 }
                .suppress(until: .windowCloses).toStream().to("out", keys: windowed)
        case .versionedTable:
            let table = right.toTable(store: .versioned("history", historyRetention: .milliseconds(100)))
            left.leftJoin(table, grace: Self.grace) { $0 + ($1 ?? "-") }.to("out", values: .utf8)
        case .timeToLive:
            input.groupByKey().reduce(store: StoreOptions(timeToLive: .milliseconds(60))) { $0 + $1 }
                .toStream().to("out")
        case .batches:
            input.groupByKey().batch(count: 5, within: Self.size, by: .streamTime)
                .mapValues { $0.joined() }.to("out", values: .utf8)
        }
        return try builder.build()
    }

    /// A timeline of records out of order, all of them long ago.
    private func timeline(seed: UInt64) -> [ProducerRecord] {
        var random = SeededRandom(seed: seed)
        return (0..<120).map { index in
            let time = Int64(1_000_000 + index * 7) - Int64.random(in: 0...40, using: &random)
            return ProducerRecord(
                topic: "in",
                key: Array("k\(Int.random(in: 0..<3, using: &random))".utf8),
                value: Array(" \(index)".utf8),
                timestamp: time
            )
        }
    }

    private func outcome(_ kind: Kind, rounds: Int, seed: UInt64) async throws -> [ConsumerRecord] {
        let world = try await World()
        let admin = try Admin(on: world.broker)
        // What the application reads and writes is the test's to keep.
        for topic in ["in", "out"] { try await admin.alterConfiguration(of: topic, ["retention.ms": "-1"]) }
        let records = timeline(seed: seed)
        let step = records.count / rounds
        for round in 0..<rounds {
            try await world.write(Array(records[round * step..<(round + 1) * step]))
            try await world.run(try topology(kind)) {
                $0.cacheMaximumBytes = 0
                $0.emitInterval = .zero
                $0.repartitionPurgeInterval = .nanoseconds(1)
            }
            for topic in try await admin.topicNames() where topic.hasSuffix("-changelog") {
                try await admin.alterConfiguration(
                    of: topic,
                    ["min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0", "segment.bytes": "4000"]
                )
            }
            world.broker.retainLogs()
            world.broker.cleanLogs()
        }
        return try await world.records()
    }

    @Test("A restart loses nothing of it, whatever the log deletes by age", arguments: Kind.allCases)
    func restarts(_ kind: Kind) async throws {
        for seed: UInt64 in 1...2 {
            let whole = try await outcome(kind, rounds: 1, seed: seed)
            let parts = try await outcome(kind, rounds: 6, seed: seed)
            func text(_ records: [ConsumerRecord]) -> [String] {
                records.map { "\($0.key ?? []) \($0.valueText ?? "~") @\($0.timestamp)" }
            }
            #expect(!whole.isEmpty, "\(kind), seed \(seed)")
            #expect(text(parts) == text(whole), "\(kind), seed \(seed)")
        }
    }

    @Test(
        "Rows that have expired are deleted from changelogs, so that these and a restore stay as small as what is live",
        arguments: [Kind.windows, .closingWindows, .sessions, .join, .deduplication, .windowStore, .sessionStore],
        [ProcessingGuarantee.exactlyOnce, .atLeastOnce]
    )
    func purge(_ kind: Kind, _ guarantee: ProcessingGuarantee) async throws {
        let world = try await World()
        let admin = try Admin(on: world.broker)
        var written: Int64 = 0
        for round: Int64 in 0..<5 {
            // Each round lies further from the one before than any row is kept.
            let records = timeline(seed: UInt64(round)).map { record in
                var record = record
                record.timestamp = (record.timestamp ?? 0) + round * 10_000
                return record
            }
            try await world.write(records)
            let progress = try await world.run(try topology(kind)) {
                $0.guarantee = guarantee
                $0.repartitionPurgeInterval = .nanoseconds(1)
            }
            var left: Int64 = 0
            var end: Int64 = 0
            for topic in try await admin.topicNames() where topic.hasSuffix("-changelog") {
                let range = try await admin.offsetRange(of: TopicPartition(topic, 0))
                left += Int64(range.count)
                end += range.upperBound
            }
            #expect(end > written, "each round writes")
            #expect(
                left <= end - written + 2,
                "what the round before wrote is gone, but for the markers of its transactions"
            )
            #expect(round < 2 || progress.recordsRestored < end / (round + 1) * 2, "a restore reads what is left")
            written = end
        }
    }

    @Test("A changelog whose settings forbid deletion is left alone")
    func compactOnly() async throws {
        let world = try await World()
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .windowedBy(.tumbling(size: Self.size, grace: .zero))
            .count(store: StoreOptions(name: "counts", changelogConfiguration: ["cleanup.policy": "compact"]))
            .toStream().to("out", keys: .timeWindowed(.utf8, size: Self.size))
        let topology = try builder.build()
        for round: Int64 in 0..<3 {
            let record = ProducerRecord(topic: "in", key: [1], value: [2], timestamp: round * 10_000)
            try await world.write([record])
            try await world.run(topology) { $0.repartitionPurgeInterval = .nanoseconds(1) }
        }
        let range = try await Admin(on: world.broker).offsetRange(of: TopicPartition("test-counts-changelog", 0))
        #expect(range.lowerBound == 0)
    }
}
