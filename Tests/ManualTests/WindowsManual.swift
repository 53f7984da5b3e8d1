import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on windows, final results and cogroup, run.
struct WindowsManual {
    private func texts(_ driver: TopologyTestDriver, _ topic: String) throws -> [String] {
        let output = driver.output(topic, keys: .timeWindowed(.utf8, size: .seconds(60)), values: .int64)
        return try output.readAll().map { record in
            let key = record.key.map { "\($0)" } ?? "~"
            return "\(key)=\(record.value.map(String.init) ?? "~")"
        }
    }

    private func count(_ driver: TopologyTestDriver, _ topic: String, at times: [Int64]) throws {
        let input = driver.input(topic, keys: .utf8, values: .utf8)
        for timestampMs in times { try input.pipe("a", "x", at: timestampMs) }
    }

    @Test("Visits are counted minute by minute, and late ones go to a topic of their own")
    func windows() throws {
        let builder = StreamsBuilder()
        // snippet: windows
        builder.stream("visits", keys: .utf8, values: .utf8)
            .groupByKey()
            .windowedBy(.tumbling(size: .seconds(60), grace: .seconds(5)))
            .count(store: "visits-per-minute", lateRecords: { late in late.to("late-visits") })
            .toStream()
            .to("visits-per-minute", keys: .timeWindowed(.utf8, size: .seconds(60)), values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try count(driver, "visits", at: [1_000, 61_000, 2_000, 65_000, 3_000])
        #expect(
            try texts(driver, "visits-per-minute")
                == ["a@0-60000=1", "a@60000-120000=1", "a@0-60000=2", "a@60000-120000=2"]
        )
        #expect(try driver.output("late-visits", keys: .utf8, values: .utf8).readAll().map(\.timestampMs) == [3_000])
    }

    @Test("Windows close on a stream that has stopped if its source may be idle")
    func idle() throws {
        let builder = StreamsBuilder()
        // snippet: idle
        builder.stream("visits", keys: .utf8, values: .utf8, idleAfter: .seconds(30))
            .groupByKey()
            .windowedBy(.tumbling(size: .seconds(60), grace: .seconds(5)))
            .emitStrategy(.onWindowClose)
            .count(store: "visits-per-minute")
            .toStream()
            .to("visits-per-minute", keys: .timeWindowed(.utf8, size: .seconds(60)), values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try count(driver, "visits", at: [1_000])
        #expect(try texts(driver, "visits-per-minute") == [])
        for _ in 0..<10 { try driver.advanceWallClock(by: .seconds(10)) }
        #expect(try texts(driver, "visits-per-minute") == ["a@0-60000=1"])
    }

    @Test("Suppressed counts come once, when their window closes")
    func suppressUntilClose() throws {
        let builder = StreamsBuilder()
        // snippet: suppress-window
        builder.stream("visits", keys: .utf8, values: .utf8)
            .groupByKey()
            .windowedBy(.tumbling(size: .seconds(60), grace: .seconds(5)))
            .count(store: "visits-per-minute")
            .suppress(until: .windowCloses)
            .toStream()
            .to("visits-per-minute", keys: .timeWindowed(.utf8, size: .seconds(60)), values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try count(driver, "visits", at: [1_000, 61_000, 2_000, 64_999])
        #expect(try texts(driver, "visits-per-minute") == [])
        try count(driver, "visits", at: [65_000])
        #expect(try texts(driver, "visits-per-minute") == ["a@0-60000=2"])
    }

    @Test("A time limit lets the last update of a row through, a small buffer lets it go early")
    func suppressForATime() throws {
        let builder = StreamsBuilder()
        // snippet: suppress-time
        builder.table("prices", keys: .utf8, values: .int64)
            .suppress(until: .timeLimit(.seconds(10)), buffer: .bounded(maxRecords: 1_000, whenFull: .emitEarly))
            .toStream()
            .to("calm-prices", values: .optional(.int64))
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let prices = driver.input("prices", keys: .utf8, values: .int64)
        for (key, price, timestampMs): (String, Int64, Int64) in [("a", 1, 0), ("a", 2, 5_000), ("b", 3, 10_000)] {
            try prices.pipe(key, price, at: timestampMs)
        }
        let calm = try driver.output("calm-prices", keys: .utf8, values: .int64).readAll()
        #expect(calm.map(\.value) == [2])
        #expect(calm.map(\.timestampMs) == [5_000])
    }

    @Test("Two streams make one profile")
    func cogroup() throws {
        let builder = StreamsBuilder()
        // snippet: cogroup
        let logins = builder.stream("logins", keys: .utf8, values: .utf8).groupByKey()
        let orders = builder.stream("orders", keys: .utf8, values: .int64).groupByKey()
        let spentPerLogin =
            logins.cogroup { _, _, profile in (profile.0 + 1, profile.1) }
            .cogroup(orders) { _, cents, profile in (profile.0, profile.1 + cents) }
            .aggregate(initial: { (0, 0) }, aggregates: .pair(.int64, .int64), store: "profiles")
        // snippet.end
        spentPerLogin.toStream().mapValues { profile in profile.map { "\($0.0) logins, \($0.1) cents" } }
            .to("profiles", values: .optional(.utf8))
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("logins", keys: .utf8, values: .utf8).pipe("ada", "web")
        try driver.input("orders", keys: .utf8, values: .int64).pipe("ada", 700)
        try driver.input("orders", keys: .utf8, values: .int64).pipe("ada", 50)
        let profiles = try driver.output("profiles", keys: .utf8, values: .utf8).readAll()
        #expect(profiles.map(\.value) == ["1 logins, 0 cents", "1 logins, 700 cents", "1 logins, 750 cents"])
    }
}
