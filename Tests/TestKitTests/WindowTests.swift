import Millrace
import MillraceTestKit
import Testing

/// A topology from `in` to `out`, both of text, driven by a test.
private func drive(
    commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
    cacheMaximumBytes: Int = 0,
    _ build: (StreamsBuilder, KGroupedStream<String, String>) throws -> Void
) throws -> TopologyTestDriver {
    let builder = StreamsBuilder()
    try build(builder, builder.stream("in", keys: .utf8, values: .utf8).groupByKey())
    var configuration = StreamsConfiguration()
    configuration.cacheMaximumBytes = cacheMaximumBytes
    configuration.emitInterval = .zero
    configuration.onProcessingError = .logAndContinue
    return try TopologyTestDriver(try builder.build(), configuration: configuration, commitMode: commitMode)
}

extension TopologyTestDriver {
    fileprivate func pipe(_ key: String, _ value: String = "v", at timestampMs: Int64) throws {
        try input("in", keys: .utf8, values: .utf8).pipe(key, value, at: timestampMs)
    }

    /// What came out, `key@start-end=value` each, `~` for nil.
    fileprivate func results(sizeMs: Int64) throws -> [String] {
        let keys = Serde<Windowed<String>>.timeWindowed(.utf8, size: .milliseconds(sizeMs))
        return try texts(output("out", keys: keys, values: .int64).readAll())
    }

    fileprivate func sessions() throws -> [String] {
        try texts(output("out", keys: .sessionWindowed(.utf8), values: .int64).readAll())
    }

    private func texts(_ records: [TestRecord<Windowed<String>, Int64>]) throws -> [String] {
        try records.map { record in
            "\(try #require(record.key))=\(record.value.map(String.init) ?? "~")"
        }
    }
}

private func mistakes(_ build: (KGroupedStream<String, String>) -> Void) -> [String] {
    let builder = StreamsBuilder()
    build(builder.stream("in", keys: .utf8, values: .utf8).groupByKey())
    do {
        _ = try builder.build()
        return []
    } catch {
        return error.mistakes.map(\.description)
    }
}

@Suite("Windowed aggregations")
struct WindowTests {
    @Test("A record counts in the tumbling window of its time, and in each hopping window that it lies in")
    func alignedWindows() throws {
        let driver = try drive { _, input in
            input.windowedBy(.hopping(size: .milliseconds(10), advance: .milliseconds(5), grace: .zero))
                .count(store: "counts").toStream().to("out")
        }
        try driver.pipe("a", at: 3)
        try driver.pipe("a", at: 7)
        #expect(try driver.results(sizeMs: 10) == ["a@0-10=1", "a@0-10=2", "a@5-15=1"])
        let store = driver.windowStore("counts", keys: .utf8, values: .int64)
        #expect(try store.entries(for: "a").map(\.value) == [2, 1])
        #expect(try store.entry(for: "a", startMs: 0)?.timestampMs == 7)
    }

    @Test("The streams of a cogroup have late records each of its own")
    func lateInCogroup() throws {
        let driver = try drive { builder, input in
            let other = builder.stream("other", keys: .utf8, values: .int64).groupByKey()
            input.cogroup(lateRecords: { $0.to("late") }) { _, _, count in count + 1 }
                .cogroup(other, lateRecords: { $0.to("late-other") }) { _, number, count in count + number }
                .windowedBy(.tumbling(size: .milliseconds(10), grace: .zero))
                .aggregate(
                    initial: { Int64(0) },
                    aggregates: .int64,
                    store: StoreOptions(retention: .milliseconds(100))
                )
                .toStream().to("out")
        }
        let other = driver.input("other", keys: .utf8, values: .int64)
        try driver.pipe("a", at: 25)
        try driver.pipe("a", "late", at: 5)
        try other.pipe("a", 7, at: 15)
        try other.pipe("a", 8, at: 25)
        try other.pipe("a", 9, at: 15)
        #expect(try driver.results(sizeMs: 10) == ["a@20-30=1", "a@10-20=7", "a@20-30=9"])
        #expect(try driver.output("late", keys: .utf8, values: .utf8).readAll().map(\.value) == ["late"])
        #expect(try driver.output("late-other", keys: .utf8, values: .int64).readAll().map(\.value) == [9])
        #expect(driver.lateRecords == 2)
    }

    @Test("Late records of an aggregation without windows are a mistake: there are none")
    func lateWithoutWindows() {
        let found = mistakes { input in
            _ = input.cogroup(lateRecords: { $0.to("late") }) { _, _, count in count + 1 }
                .aggregate(initial: { Int64(0) }, aggregates: .int64, named: "sum")
        }
        #expect(found == ["sum: without windows no record comes too late: leave out lateRecords"])
    }

    @Test("A record that comes too late for its windows is counted and handed to the stream of late records")
    func lateRecords() throws {
        let driver = try drive { _, input in
            input.windowedBy(.tumbling(size: .milliseconds(10), grace: .milliseconds(5)))
                .count(lateRecords: { $0.to("late") }).toStream().to("out")
        }
        try driver.pipe("a", at: 14)
        try driver.pipe("a", "in time", at: 1)
        try driver.pipe("b", at: 15)
        try driver.pipe("a", "late", at: 2)
        #expect(try driver.results(sizeMs: 10) == ["a@10-20=1", "a@0-10=1", "b@10-20=1"])
        let late = try driver.output("late", keys: .utf8, values: .utf8).readAll()
        #expect(late.map(\.value) == ["late"])
        #expect(late.map(\.timestampMs) == [2])
        #expect(driver.lateRecords == 1)
    }

    @Test("A session that a record joins is removed, and one that reaches over all it touches takes its place")
    func sessions() throws {
        let driver = try drive { _, input in
            input.windowedBy(.sessions(inactivityGap: .milliseconds(5), grace: .milliseconds(50)))
                .count().toStream().to("out")
        }
        for time in [0, 8, 4] as [Int64] { try driver.pipe("a", at: time) }
        #expect(try driver.sessions() == ["a@0-0=1", "a@8-8=1", "a@0-0=~", "a@8-8=~", "a@0-8=3"])
    }

    @Test("When an aggregator throws, the sessions that its record touches stay as they are")
    func throwingAggregator() throws {
        struct Refused: Error {}
        let driver = try drive { _, input in
            input.windowedBy(.sessions(inactivityGap: .milliseconds(5), grace: .milliseconds(50)))
                .aggregate(initial: { 0 }, aggregates: .int64, merge: { _, left, right in left + right }) {
                    _,
                    value,
                    count in
                    if value == "bad" { throw Refused() }
                    return count + 1
                }
                .toStream().to("out")
        }
        try driver.pipe("a", at: 0)
        try driver.pipe("a", "bad", at: 3)
        try driver.pipe("a", at: 4)
        #expect(try driver.sessions() == ["a@0-0=1", "a@0-0=~", "a@0-4=2"])
    }

    @Test("On window close each window comes out once, by start, then key, also one past the store's retention")
    func onWindowClose() throws {
        let driver = try drive { _, input in
            input.windowedBy(.tumbling(size: .milliseconds(10), grace: .milliseconds(2)))
                .emitStrategy(.onWindowClose).count().toStream().to("out")
        }
        for (key, time) in [("b", 1), ("a", 5), ("b", 11), ("a", 3)] as [(String, Int64)] {
            try driver.pipe(key, at: time)
        }
        #expect(try driver.results(sizeMs: 10).isEmpty)
        try driver.pipe("c", at: 12)
        #expect(try driver.results(sizeMs: 10) == ["a@0-10=2", "b@0-10=1"])
        try driver.pipe("c", at: 1_000)
        #expect(try driver.results(sizeMs: 10) == ["b@10-20=1", "c@10-20=1"])
    }

    @Test("Sliding windows hold the records that are at most the difference apart; nil values do not count")
    func slidingWindows() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .optional(.utf8)).groupByKey()
            .windowedBy(.sliding(difference: .milliseconds(10), grace: .milliseconds(50)))
            .count(store: StoreOptions(isCached: false)).toStream().to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try driver.pipe("a", at: 20)
        try driver.input("in", keys: .utf8, values: .utf8).pipe("a", nil, at: 22)
        try driver.pipe("a", at: 25)
        #expect(try driver.results(sizeMs: 10) == ["a@10-20=1", "a@21-31=1", "a@15-25=2"])
    }

    @Test("After a new key, records are counted without their values, nil ones too")
    func countsWithoutValues() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .optional(.utf8)).mapValues { $0.map { _ in 1.5 } }
            .groupBy(keys: .utf8) { key, _ in key.uppercased() }
            .windowedBy(.tumbling(size: .milliseconds(10), grace: .zero))
            .count(store: StoreOptions(isCached: false)).toStream().to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try driver.pipe("a", at: 1)
        try driver.input("in", keys: .utf8, values: .utf8).pipe("a", nil, at: 2)
        #expect(try driver.results(sizeMs: 10) == ["A@0-10=1", "A@0-10=2"])
    }

    @Test("Windows that make no sense are reported at build, each with what is wrong")
    func senselessWindows() {
        let found = mistakes { input in
            _ = input.windowedBy(.tumbling(size: .zero, grace: .zero)).count(named: "a")
            _ = input.windowedBy(.hopping(size: .seconds(1), advance: .seconds(2), grace: .zero)).count(named: "b")
            _ = input.windowedBy(.sliding(difference: .seconds(-1), grace: .zero)).count(named: "c")
            _ = input.windowedBy(.sessions(inactivityGap: .zero, grace: .zero)).count(named: "d")
            _ = input.windowedBy(.tumbling(size: .seconds(1), grace: .seconds(-1))).count(named: "e")
        }
        #expect(found.count == 5)
        #expect(found.allSatisfy { $0.contains("its windows make no sense") })
    }

    @Test("A retention shorter than windows take records is reported at build")
    func shortRetention() {
        let found = mistakes { input in
            _ = input.windowedBy(.tumbling(size: .seconds(5), grace: .seconds(1)))
                .count(store: StoreOptions(name: "s", retention: .seconds(5)))
        }
        #expect(found.count == 1)
        #expect(found.first?.contains("at least 6000 ms") == true)
    }

    @Test("Keys in windows and sessions are written as Kafka writes them")
    func serdes() throws {
        let windowed = Windowed(key: "k", window: Window(startMs: 1, endMs: 6))
        let time = Serde<Windowed<String>>.timeWindowed(.utf8, size: .milliseconds(5))
        #expect(try time.bytes(of: windowed) == [107, 0, 0, 0, 0, 0, 0, 0, 1])
        #expect(try time.value(of: [107, 0, 0, 0, 0, 0, 0, 0, 1]) == windowed)
        let session = Serde<Windowed<String>>.sessionWindowed(.utf8)
        #expect(try session.bytes(of: windowed) == [107, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1])
        #expect(try session.value(of: session.bytes(of: windowed)) == windowed)
        #expect(throws: SerdeError.self) { try time.value(of: [1, 2]) }
    }

    @Test("Streams that are grouped by one key make one aggregate together")
    func cogroup() throws {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .cogroup { _, value, all in all + "+" + value }
            .cogroup(builder.stream("in2", keys: .utf8, values: .utf8).groupByKey()) { _, value, all in
                all + "-" + value
            }
            .aggregate(initial: { "" }, aggregates: .utf8, store: StoreOptions(name: "all", isCached: false))
            .toStream().to("out")
        let driver = try TopologyTestDriver(try builder.build())
        try driver.pipe("a", "1", at: 1)
        try driver.input("in2", keys: .utf8, values: .utf8).pipe("a", "2", at: 2)
        try driver.pipe("a", "3", at: 3)
        #expect(
            try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value) == ["+1", "+1-2", "+1-2+3"]
        )
    }
}

@Suite("Suppression")
struct SuppressionTests {
    private static let windows = TimeWindows.tumbling(size: .milliseconds(10), grace: .milliseconds(2))

    @Test("Until its window closes a result is held back, and comes out once")
    func windowCloses() throws {
        let driver = try drive { _, input in
            input.windowedBy(Self.windows).count().suppress(until: .windowCloses).toStream().to("out")
        }
        for time in [1, 2, 11] as [Int64] { try driver.pipe("a", at: time) }
        #expect(try driver.results(sizeMs: 10).isEmpty)
        try driver.pipe("b", at: 12)
        #expect(try driver.results(sizeMs: 10) == ["a@0-10=2"])
    }

    @Test("A full buffer lets the earliest update go before its time, if it may")
    func emitsEarly() throws {
        let driver = try drive { _, input in
            input.count().suppress(
                until: .timeLimit(.seconds(100)),
                buffer: .bounded(maxRecords: 1, whenFull: .emitEarly)
            )
            .toStream().to("out", values: .optional(.int64))
        }
        for key in ["a", "a", "b", "c"] { try driver.pipe(key, at: 1) }
        let written = try driver.output("out", keys: .utf8, values: .int64).readAll()
        #expect(written.map(\.key) == ["a", "b"])
        #expect(written.map(\.value) == [2, 1])
    }

    @Test("A full buffer that must not emit early stops the application and says what to do")
    func shutsDown() throws {
        let driver = try drive { _, input in
            input.windowedBy(Self.windows).count()
                .suppress(until: .windowCloses, buffer: .bounded(maxBytes: 100, whenFull: .shutDown))
                .toStream().to("out")
        }
        try driver.pipe("a", at: 1)
        let error = #expect(throws: (any Error).self) {
            for key in ["b", "c", "d"] { try driver.pipe(key, at: 1) }
        }
        #expect(error.map { "\($0)".contains("more than its buffer takes") } == true)
    }

    @Test("What cannot be suppressed until windows close is reported at build")
    func reported() {
        let found = mistakes { input in
            _ = input.windowedBy(Self.windows).count(named: "windows")
                .suppress(until: .windowCloses, buffer: .bounded(maxRecords: 1, whenFull: .emitEarly))
            _ = input.count(named: "all").suppress(until: .timeLimit(.seconds(-1)))
        }
        #expect(found.count == 2)
        #expect(found.first?.contains("not final") == true)
    }
}

@Suite("Crashes and windows")
struct WindowCrashTests {
    /// Kinds of windowed topologies, from text to text.
    private static let topologies: [String: @Sendable (KGroupedStream<String, String>) -> Void] = [
        "tumbling": { input in
            input.windowedBy(.tumbling(size: .milliseconds(20), grace: .milliseconds(10))).count().toStream().to("out")
        },
        "sliding": { input in
            input.windowedBy(.sliding(difference: .milliseconds(15), grace: .milliseconds(10))).count().toStream()
                .to("out")
        },
        "session": { input in
            input.windowedBy(.sessions(inactivityGap: .milliseconds(6), grace: .milliseconds(10))).count().toStream()
                .to("out")
        },
        "hopping, on close": { input in
            input.windowedBy(.hopping(size: .milliseconds(20), advance: .milliseconds(7), grace: .milliseconds(3)))
                .emitStrategy(.onWindowClose).count().toStream().to("out")
        },
        "session, on close": { input in
            input.windowedBy(.sessions(inactivityGap: .milliseconds(6), grace: .milliseconds(10)))
                .emitStrategy(.onWindowClose).count().toStream().to("out")
        },
        "suppressed": { input in
            input.windowedBy(.tumbling(size: .milliseconds(20), grace: .milliseconds(10))).count()
                .suppress(until: .windowCloses).toStream().to("out")
        },
        "time limit": { input in
            input.count().suppress(until: .timeLimit(.milliseconds(25))).toStream().to("out")
        },
    ]

    @Test(
        "What comes out does not depend on crashes between commits",
        arguments: topologies.keys.sorted(),
        [0, 10 << 20]
    )
    func crashes(name: String, cacheMaximumBytes: Int) throws {
        let build = try #require(Self.topologies[name])
        for seed in UInt64(0)..<6 {
            let quiet = try run(seed: seed, crashes: false, cacheMaximumBytes, build)
            let crashed = try run(seed: seed, crashes: true, cacheMaximumBytes, build)
            #expect(quiet.count > 20, "seed \(seed)")
            #expect(crashed == quiet, "seed \(seed)")
        }
    }

    private func run(
        seed: UInt64,
        crashes: Bool,
        _ cacheMaximumBytes: Int,
        _ build: @Sendable (KGroupedStream<String, String>) -> Void
    ) throws -> [RawTestRecord] {
        let driver = try drive(commitMode: .explicit, cacheMaximumBytes: cacheMaximumBytes) { _, input in build(input) }
        var random = SeededRandom(seed: seed)
        var now: Int64 = 0
        for _ in 0..<150 {
            now += Int64.random(in: 0...8, using: &random)
            let key = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            try driver.pipe(key, at: max(0, now - Int64.random(in: 0...25, using: &random)))
            if Int.random(in: 0..<8, using: &random) == 0 { try driver.commit() }
            if Int.random(in: 0..<10, using: &random) == 0, crashes { try driver.crash() }
        }
        try driver.commit()
        return driver.readAllRaw().map { record in
            var record = record
            // Aborted records take offsets.
            record.offset = 0
            return record
        }
    }
}
