import Millrace
import MillraceTestKit
import Testing

/// What the manual's drawings show, counted by the operators that they are about.
struct DrawingsManual {
    private static let seconds: [Int64] = [1, 3, 7, 12, 13, 22]

    private func counts(at seconds: [Int64], _ count: (KGroupedStream<String, String>) -> Void) throws -> [String] {
        let builder = StreamsBuilder()
        count(builder.stream("in", keys: .utf8, values: .utf8).groupByKey())
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for second in seconds { try input.pipe("a", "x", at: second * 1_000) }
        return try driver.windowStore("counts", keys: .utf8, values: .int64).entries().map { row in
            "\(row.key.window.startMs / 1_000)–\(row.key.window.endMs / 1_000): \(row.value)"
        }
    }

    private func counts(_ windows: TimeWindows, at seconds: [Int64] = seconds) throws -> [String] {
        try counts(at: seconds) { _ = $0.windowedBy(windows).count(store: "counts") }
    }

    private func counts(_ windows: SessionWindows, at seconds: [Int64] = seconds) throws -> [String] {
        try counts(at: seconds) { _ = $0.windowedBy(windows).count(store: "counts") }
    }

    @Test("The drawing of the kinds of windows has the windows and counts that there are")
    func windows() throws {
        let grace = Duration.seconds(30)
        #expect(
            try counts(.tumbling(size: .seconds(5), grace: grace)) == ["0–5: 2", "5–10: 1", "10–15: 2", "20–25: 1"]
        )
        #expect(
            try counts(.hopping(size: .seconds(10), advance: .seconds(5), grace: grace))
                == ["0–10: 3", "5–15: 3", "10–20: 2", "15–25: 1", "20–30: 1"]
        )
        #expect(
            try counts(.sliding(difference: .seconds(5), grace: grace))
                == ["0–5: 2", "1–6: 1", "2–7: 2", "3–8: 1", "7–12: 2", "7–12: 1", "8–13: 2", "12–17: 1", "17–22: 1"]
        )
        let sessions = SessionWindows.sessions(inactivityGap: .seconds(4), grace: grace)
        #expect(try counts(sessions) == ["1–7: 3", "12–13: 2", "22–22: 1"])
        #expect(try counts(sessions, at: Self.seconds + [10]) == ["1–13: 6", "22–22: 1"])
    }

    @Test("The drawing of grace counts three records and drops one")
    func grace() throws {
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .windowedBy(.tumbling(size: .seconds(5), grace: .seconds(3))).count(store: "counts")
        let driver = try TopologyTestDriver(try builder.build())
        let input = driver.input("in", keys: .utf8, values: .utf8)
        let store = driver.windowStore("counts", keys: .utf8, values: .int64)
        for second: Int64 in [11, 14, 16, 12] { try input.pipe("a", "x", at: second * 1_000) }
        #expect(try store.entry(for: "a", startMs: 10_000)?.value == 3)
        #expect(driver.lateRecords == 0)
        for second: Int64 in [18, 13] { try input.pipe("a", "x", at: second * 1_000) }
        #expect(driver.lateRecords == 1)
    }

    @Test("The drawing of a join of streams has two results")
    func streamJoin() throws {
        let builder = StreamsBuilder()
        let left = builder.stream("left", keys: .utf8, values: .utf8)
        let right = builder.stream("right", keys: .utf8, values: .utf8)
        left.join(right, within: JoinWindows(before: .seconds(4), after: .seconds(2), grace: .seconds(10))) {
            "\($0), \($1)"
        }
        .to("out", values: .utf8)
        let driver = try TopologyTestDriver(try builder.build())
        for (name, second): (String, Int64) in [("r1", 4), ("r2", 7), ("l", 10), ("r3", 11), ("r4", 14)] {
            let topic = name == "l" ? "left" : "right"
            try driver.input(topic, keys: .utf8, values: .utf8).pipe("a", name, at: second * 1_000)
        }
        let results = try driver.output("out", keys: .utf8, values: .utf8).readAll()
        #expect(results.map { "\($0.value ?? "") at \($0.timestampMs / 1_000)" } == ["l, r2 at 10", "l, r3 at 11"])
    }
}
