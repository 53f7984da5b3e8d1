import Millrace
import MillraceTestKit
import Testing

/// Forms that say the same with less.
@Suite("Short forms")
struct ShortFormTests {
    private struct Refused: Error {}

    private func driver(_ build: (KStream<String, String>) -> KStream<String, String?>) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        build(builder.stream("in", keys: .utf8, values: .utf8)).to("out", keys: .utf8, values: .optional(.utf8))
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = 0
        configuration.onProcessingError = .logAndContinue
        return try TopologyTestDriver(try builder.build(), configuration: configuration)
    }

    private func results(_ driver: TopologyTestDriver, _ records: (String, Int64)...) throws -> [String] {
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for (value, timestampMs) in records { try input.pipe("k", value, at: timestampMs) }
        return try driver.output("out", keys: .utf8, values: .optional(.utf8)).readAll().map {
            "\($0.key ?? "~")=\(($0.value ?? nil) ?? "~")"
        }
    }

    @Test("An aggregate that is changed in place begins with its initial value, and is as it was when the change fails")
    func inPlace() throws {
        let driver = try driver { input in
            input.groupByKey()
                .aggregate(into: ["-"], aggregates: .list(of: .utf8)) { all, key, value in
                    all.append(key + value)
                    if value == "bad" { throw Refused() }
                }
                .toStream().mapValues { $0?.joined(separator: " ") }
        }
        #expect(try results(driver, ("1", 1), ("bad", 2), ("2", 3)) == ["k=- k1", "k=- k1 k2"])
    }

    @Test("So does that of a window")
    func inPlaceInWindows() throws {
        let driver = try driver { input in
            input.groupByKey().windowedBy(.tumbling(size: .milliseconds(10), grace: .zero))
                .aggregate(into: "", aggregates: .utf8) { all, _, value in all += value }
                .toStream { windowed, _ in "\(windowed)" }
        }
        #expect(try results(driver, ("1", 1), ("2", 2), ("3", 11)) == ["k@0-10=1", "k@0-10=12", "k@10-20=3"])
    }

    @Test("So does that of a session, which takes in the aggregates of others")
    func inPlaceInSessions() throws {
        let driver = try driver { input in
            input.groupByKey().windowedBy(.sessions(inactivityGap: .milliseconds(5), grace: .milliseconds(100)))
                .aggregate(
                    into: "",
                    aggregates: .utf8,
                    merge: { all, _, other in all += other },
                    { all, _, value in all += value }
                )
                .toStream { windowed, _ in "\(windowed)" }
        }
        let found = try results(driver, ("1", 1), ("2", 9), ("3", 5))
        #expect(found == ["k@1-1=1", "k@9-9=2", "k@1-1=~", "k@9-9=~", "k@1-9=123"])
    }

    @Test("A filter may look at the value alone")
    func filters() throws {
        let driver = try driver { input in
            input.filter { $0 != "a" }.filterNot { $0 == "b" }.filter { value in value.count == 1 }.mapValues { $0 }
        }
        #expect(try results(driver, ("a", 1), ("b", 2), ("c", 3), ("dd", 4)) == ["k=c"])
    }

    @Test("A chain goes on after a processor that is told the types which it forwards")
    func processors() throws {
        let driver = try driver { input in
            input.process(as: (Int64.self, Int64.self)) { record, context in
                try context.forward(Record(key: 1, value: 2, timestampMs: record.timestampMs))
            }
            .processValues(as: String?.self) { record, context in
                try context.forward(record.withValue("\(record.value)"))
            }
            .selectKey(keys: .utf8) { key, _ in "\(key)" }
        }
        #expect(try results(driver, ("a", 1)) == ["1=2"])
    }
}
