import Millrace
import MillracePrimitives
import MillraceTestKit
import Testing

@Suite("Joins of two streams")
struct StreamJoinTests {
    typealias Stream = KStream<String?, String?>

    /// A driver with the topics `left` and `right` joined into `out`; unmatched records are looked for at each record.
    private func driver(
        partitions: [String: Int32] = [:],
        emitInterval: Duration = .zero,
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        _ join: (Stream, Stream) -> KStream<String?, String>
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        join(Self.stream(builder, "left"), Self.stream(builder, "right")).to("out", values: .utf8)
        var configuration = StreamsConfiguration()
        configuration.emitInterval = emitInterval
        return try TopologyTestDriver(
            try builder.build(),
            configuration: configuration,
            partitions: partitions,
            commitMode: commitMode
        )
    }

    private static func stream(_ builder: StreamsBuilder, _ topic: String) -> Stream {
        builder.stream(topic, keys: .optional(.utf8), values: .optional(.utf8))
    }

    private func pipe(_ driver: TopologyTestDriver, _ topic: String, _ key: String?, _ value: String?, _ ms: Int64)
        throws
    {
        try driver.input(topic, keys: .utf8, values: .utf8).pipe(key, value, at: ms)
    }

    private func written(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll()
            .map { "\($0.key ?? "~")=\($0.value ?? "~")@\($0.timestampMs)" }
    }

    private static func text(_ value: String??) -> String { (value ?? nil) ?? "-" }

    @Test(
        "A record that is too late to be kept joins what is there, is counted, and goes to the late records of its side"
    )
    func late() throws {
        let windows = JoinWindows(difference: .milliseconds(10), grace: .milliseconds(5))
        let driver = try driver { left, right in
            left.join(
                right,
                within: windows,
                lateRecords: { $0.to("late-left") },
                otherLateRecords: { $0.to("late-right") }
            ) { "\($0 ?? "-")\($1 ?? "-")" }
        }
        try pipe(driver, "right", "a", "1", 70)
        try pipe(driver, "left", "b", "y", 100)
        try pipe(driver, "left", "a", "x", 75)
        try pipe(driver, "left", "a", "z", 76)
        try pipe(driver, "right", "a", "2", 76)
        #expect(try written(driver) == ["a=x1@75", "a=z1@76", "a=z2@76"])
        let lateLeft = try driver.output("late-left", keys: .utf8, values: .utf8).readAll()
        #expect(lateLeft.map(\.value) == ["x"])
        #expect(try driver.output("late-right", keys: .utf8, values: .utf8).readAll().isEmpty)
        #expect(driver.lateRecords == 1)
    }

    @Test("records of one key join when they are near enough, both bounds included, at the later timestamp")
    func inner() throws {
        let windows = JoinWindows(before: .milliseconds(10), after: .milliseconds(20), grace: .zero)
        let driver = try driver { left, right in
            left.join(right, within: windows) { "\($0 ?? "-")\($1 ?? "-")" }
        }
        try pipe(driver, "right", "a", "1", 89)
        try pipe(driver, "right", "a", "2", 90)
        try pipe(driver, "right", "b", "3", 100)
        try pipe(driver, "left", "a", "x", 100)
        #expect(try written(driver) == ["a=x2@100"])
        try pipe(driver, "right", "a", "4", 120)
        try pipe(driver, "right", "a", "5", 121)
        #expect(try written(driver) == ["a=x4@120"])
    }

    @Test("records without a key or value join nothing; in a left join one without a key leaves at once, alone")
    func missing() throws {
        let windows = JoinWindows(difference: .milliseconds(10), grace: .zero)
        let driver = try driver { left, right in
            left.leftJoin(right, within: windows) { key, left, right in
                "\(key ?? "~"):\(left ?? "-")\(Self.text(right))"
            }
        }
        try pipe(driver, "left", nil, "x", 5)
        try pipe(driver, "left", "a", nil, 6)
        try pipe(driver, "right", nil, "1", 7)
        try pipe(driver, "left", "a", "y", 100)
        #expect(try written(driver) == ["~=~:x-@5"])
    }

    @Test("a left join holds a record back until its window has closed, grace included, and emits it at its own time")
    func leftJoin() throws {
        let windows = JoinWindows(difference: .milliseconds(10), grace: .milliseconds(5))
        let driver = try driver { left, right in
            left.leftJoin(right, within: windows) { "\($0 ?? "-")\(Self.text($1))" }
        }
        try pipe(driver, "left", "a", "x", 100)
        try pipe(driver, "left", "b", "y", 101)
        try pipe(driver, "right", "b", "1", 105)
        #expect(try written(driver) == ["b=y1@105"])
        try pipe(driver, "right", "c", "2", 115)
        #expect(try written(driver) == [], "the window of a is open until 115")
        try pipe(driver, "right", "c", "3", 116)
        #expect(try written(driver) == ["a=x-@100"])
        try pipe(driver, "left", "a", "late", 90)
        #expect(try written(driver) == ["a=late-@90"], "its window has closed before it came")
    }

    @Test("an outer join keeps the records of both sides")
    func outerJoin() throws {
        let windows = JoinWindows(difference: .milliseconds(10), grace: .zero)
        let driver = try driver { left, right in
            left.outerJoin(right, within: windows) { "\(Self.text($0))\(Self.text($1))" }
        }
        try pipe(driver, "right", "a", "1", 100)
        try pipe(driver, "left", "b", "x", 100)
        try pipe(driver, "left", "c", "y", 111)
        #expect(try written(driver) == ["a=-1@100", "b=x-@100"], "of one time the right side leaves first")
    }

    @Test(
        "a stream joined with itself pairs each record with itself and with those near it, both ways, out of one store"
    )
    func selfJoin() throws {
        let builder = StreamsBuilder()
        let stream = Self.stream(builder, "in")
        stream.join(stream, within: JoinWindows(difference: .milliseconds(10), grace: .zero), store: "pairs") {
            "\($0 ?? "-")\($1 ?? "-")"
        }.to("out", values: .utf8)
        let topology = try builder.build()
        #expect(Array(topology.graph.stores.keys) == ["pairs-records"])
        let driver = try TopologyTestDriver(topology)
        try pipe(driver, "in", "a", "x", 100)
        try pipe(driver, "in", "a", "y", 105)
        #expect(try written(driver) == ["a=xx@100", "a=yx@105", "a=xy@105", "a=yy@105"])
    }

    @Test("unmatched records are looked for once in the emit interval of wall-clock time")
    func throttle() throws {
        let windows = JoinWindows(difference: .milliseconds(10), grace: .zero)
        let driver = try driver(emitInterval: .seconds(1)) { left, right in
            left.leftJoin(right, within: windows) { "\($0 ?? "-")\(Self.text($1))" }
        }
        try pipe(driver, "left", "a", "x", 100)
        try pipe(driver, "left", "a", "y", 200)
        #expect(try written(driver) == [], "the first look was at the first record")
        try driver.advanceWallClock(by: .seconds(1))
        try pipe(driver, "left", "a", "z", 300)
        #expect(try written(driver) == ["a=x-@100", "a=y-@200"])
    }

    @Test("unmatched records leave without a further record once their sources are idle and time goes on by the clock")
    func idleSources() throws {
        let builder = StreamsBuilder()
        let streams = ["left", "right"].map { topic in
            builder.stream(topic, keys: .utf8, values: .utf8, idleAfter: .seconds(30))
        }
        streams[0].leftJoin(streams[1], within: JoinWindows(difference: .seconds(5), grace: .seconds(5))) {
            "\($0)\($1 ?? "-")"
        }.to("out", values: .utf8)
        let driver = try TopologyTestDriver(try builder.build())
        try pipe(driver, "left", "a", "x", 100_000)
        try driver.advanceWallClock(by: .seconds(30))
        try driver.advanceWallClock(by: .seconds(10))
        #expect(try written(driver) == [], "the window is open until 110000")
        try driver.advanceWallClock(by: .seconds(2))
        #expect(try written(driver) == ["a=x-@100000"])
    }

    @Test(
        "a crash changes nothing: unmatched records, the join's time and what both sides hold come back",
        arguments: 1...20
    )
    func crash(seed: UInt64) throws {
        let windows = JoinWindows(before: .milliseconds(15), after: .milliseconds(25), grace: .milliseconds(10))
        // Both sides come from one topic, whose order is that of processing, also when it is processed again.
        let builder = StreamsBuilder()
        let both = Self.stream(builder, "in")
        let right = both.filter(named: "even") { _, value in (value.flatMap { Int($0) } ?? 0) % 2 == 0 }
        both.filterNot(named: "odd") { _, value in (value.flatMap { Int($0) } ?? 0) % 2 == 0 }
            .outerJoin(right, within: windows) { "\(Self.text($0))\(Self.text($1))" }
            .to("out", values: .utf8)
        let topology = try builder.build()
        var configuration = StreamsConfiguration()
        configuration.emitInterval = .zero
        func run(crashing: Bool) throws -> [String] {
            let driver = try TopologyTestDriver(topology, configuration: configuration, commitMode: .explicit)
            var random = SeededRandom(seed: seed)
            var now: Int64 = 100
            var results: [String] = []
            for step in 0..<80 {
                now += Int64.random(in: 0...12, using: &random)
                let timestamp = now - (Int.random(in: 0...3, using: &random) == 0 ? 40 : 0)
                let key = ["a", "b", "c"][Int.random(in: 0...2, using: &random)]
                try pipe(driver, "in", key, "\(Int.random(in: 0...1, using: &random) + 2 * step)", timestamp)
                guard Int.random(in: 0...2, using: &random) == 0 else { continue }
                if crashing { try driver.crash() }
                try driver.commit()
                results += try written(driver)
            }
            try driver.commit()
            return try results + written(driver)
        }
        let (calm, crashed) = (try run(crashing: false), try run(crashing: true))
        let firstDifference = zip(calm, crashed).first { $0 != $1 }
        #expect(
            calm.count == crashed.count && firstDifference == nil,
            "seed \(seed): \(String(describing: firstDifference))"
        )
        #expect(calm.contains { $0.contains("-") }, "there are unmatched records, or nothing is shown; seed \(seed)")
    }

    @Test("topics with unlike numbers of partitions cannot be joined; the error names them")
    func copartitioning() throws {
        let error = #expect(throws: StreamsError.self) {
            try driver(partitions: ["left": 2, "right": 3]) { left, right in
                left.join(right, within: JoinWindows(difference: .seconds(1), grace: .zero), named: "pairs") { _, _ in
                    ""
                }
            }
        }
        let text = error.map { "\($0)" } ?? ""
        for part in ["pairs", "left has 2", "right has 3"] {
            #expect(text.contains(part), "\(part) is missing in: \(text)")
        }
    }

    @Test("a side whose key has changed goes through a repartition topic with as many partitions as the other side has")
    func repartitionsARekeyedSide() throws {
        let driver = try driver(partitions: ["left": 1, "right": 3]) { left, right in
            left.selectKey(keys: .optional(.utf8)) { _, value in value.map { String($0.prefix(1)) } }
                .join(right, within: JoinWindows(difference: .seconds(1), grace: .zero), named: "pairs") {
                    "\($0 ?? "-")\($1 ?? "-")"
                }
        }
        for key in ["a", "b", "c", "d"] {
            try pipe(driver, "right", key, "1", 10)
            try pipe(driver, "left", nil, "\(key)-left", 20)
        }
        #expect(try Set(written(driver)) == Set(["a", "b", "c", "d"].map { "\($0)=\($0)-left1@20" }))
    }

    @Test("windows that end before they begin, negative grace and too short a retention are found at build()")
    func mistakes() {
        let builder = StreamsBuilder()
        let (left, right) = (Self.stream(builder, "left"), Self.stream(builder, "right"))
        let backwards = JoinWindows(before: .seconds(-2), after: .seconds(1), grace: .zero)
        let negative = JoinWindows(difference: .seconds(1), grace: .seconds(-1))
        let wide = JoinWindows(difference: .seconds(1), grace: .seconds(1))
        _ = left.join(right, within: backwards, named: "backwards") { _, _ in "" }
        _ = left.join(right, within: negative, named: "negative") { _, _ in "" }
        _ = left.join(right, within: wide, store: JoinOptions(retention: .seconds(2)), named: "short") { _, _ in "" }
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        let operators = error?.mistakes.map { mistake in
            if case .invalidWindows(let name, _) = mistake { name } else { "\(mistake)" }
        }
        #expect(operators == ["backwards", "negative", "short"])
    }

    @Test("stores are named, kept and logged as the options say")
    func options() throws {
        let builder = StreamsBuilder()
        let (left, right) = (Self.stream(builder, "left"), Self.stream(builder, "right"))
        let windows = JoinWindows(difference: .seconds(1), grace: .seconds(1))
        _ = left.outerJoin(right, within: windows, store: "paid") { _, _ in "" }
        _ = left.join(right, within: windows, store: JoinOptions(isLogged: false), named: "quick") { _, _ in "" }
        let stores = try builder.build().graph.stores
        #expect(stores.keys.sorted() == ["paid-left", "paid-right", "paid-unmatched", "quick-left", "quick-right"])
        #expect(stores["quick-left"]?.isLogged == false)
        #expect(stores["paid-left"]?.changelogConfiguration["retention.ms"] == "-1", "by stream time, not by age")
    }
}
