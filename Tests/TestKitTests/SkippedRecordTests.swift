import Millrace
import MillraceTestKit
import Synchronization
import Testing

/// What is left, and what goes on, where a function throws and the policy leaves its work out.
@Suite("Skipped records")
struct SkippedRecordTests {
    private struct Refused: Error {}

    /// Counts how often the policy was asked.
    private final class Questions: Sendable {
        private let count = Mutex(0)

        var asked: Int { count.withLock { $0 } }

        var policy: ErrorPolicy {
            ErrorPolicy { _ in
                self.count.withLock { $0 += 1 }
                return .skip
            }
        }
    }

    private let questions = Questions()

    private func driver(_ build: (StreamsBuilder) -> Void) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        build(builder)
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = 0
        configuration.emitInterval = .zero
        configuration.onProcessingError = questions.policy
        return try TopologyTestDriver(try builder.build(), configuration: configuration)
    }

    @Sendable private static func checked(_ value: String) throws -> String {
        if value == "bad" { throw Refused() }
        return value
    }

    private func pipe(_ driver: TopologyTestDriver, to topic: String = "in", _ values: (String, String?)...) throws {
        let input = driver.input(topic, keys: .utf8, values: .optional(.utf8))
        for (key, value) in values { try input.pipe(key, value, at: 1) }
    }

    private func texts(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .optional(.utf8)).readAll().map {
            "\($0.key ?? "~")=\(($0.value ?? nil) ?? "~")"
        }
    }

    private static func sums(_ grouped: KGroupedTable<String, String>) -> KTable<String, String> {
        grouped.reduce(store: "sums", adder: { "\($0)+\($1)" }, subtractor: { "\($0)-\($1)" })
    }

    @Test("A row that cannot be grouped is in no group: what was added is taken away, and what was not is not")
    func groupBy() throws {
        let driver = try driver { builder in
            Self.sums(
                builder.table("in", keys: .utf8, values: .utf8).groupBy(keys: .utf8, values: .utf8) { _, value in
                    ("all", try Self.checked(value))
                }
            ).toStream().to("out", values: .utf8)
        }
        try pipe(driver, ("k", "1"), ("k", "bad"), ("k", "3"), ("k", "4"))
        #expect(try texts(driver) == ["all=1", "all=1-1", "all=1-1+3", "all=1-1+3-3+4"])
        #expect(questions.asked == 1)
    }

    @Test("A row that cannot be made is none, for the tables after it too")
    func mapValues() throws {
        let driver = try driver { builder in
            Self.sums(
                builder.table("in", keys: .utf8, values: .utf8).mapValues { try Self.checked($0) }
                    .groupBy(keys: .utf8, values: .utf8) { _, value in ("all", value) }
            ).toStream().to("out", values: .utf8)
        }
        try pipe(driver, ("k", "1"), ("k", "bad"), ("k", "3"), ("k", "4"))
        #expect(try texts(driver) == ["all=1", "all=1-1", "all=1-1+3", "all=1-1+3-3+4"])
        #expect(questions.asked == 1)
    }

    @Test("Rows that cannot be joined have no result, and none is taken away for them")
    func tableJoin() throws {
        let driver = try driver { builder in
            let joined = builder.table("in", keys: .utf8, values: .utf8)
                .leftJoin(builder.table("other", keys: .utf8, values: .utf8)) { left, right in
                    try Self.checked(left) + (right ?? "")
                }
            Self.sums(joined.groupBy(keys: .utf8, values: .utf8) { _, value in ("all", value) })
                .toStream().to("out", values: .utf8)
        }
        try pipe(driver, ("k", "1"), ("k", "bad"), ("k", "3"))
        #expect(try texts(driver) == ["all=1", "all=1-1", "all=1-1+3"])
        #expect(questions.asked == 1)
    }

    @Test("A row whose foreign key cannot be made counts as none", arguments: [true, false])
    func foreignKey(isLeft: Bool) throws {
        let driver = try driver { builder in
            let right = builder.table("other", keys: .utf8, values: .utf8, store: "rights")
            let left = builder.table("in", keys: .utf8, values: .utf8, store: "lefts")
            let joined =
                isLeft
                ? left.leftJoin(right, foreignKey: { try Self.checked($0) }, values: .utf8) { "\($0)\($1 ?? "-")" }
                : left.join(right, foreignKey: { try Self.checked($0) }, values: .utf8) { "\($0)\($1)" }
            joined.toStream().to("out", keys: .utf8, values: .optional(.utf8))
        }
        try pipe(driver, to: "other", ("1", "a"), ("3", "c"))
        try pipe(driver, ("k", "1"), ("k", "bad"), ("k", "3"))
        #expect(try texts(driver) == ["k=1a", "k=~", "k=3c"])
        #expect(questions.asked == 1)
    }

    @Test("A record that fails in overlapping windows is one failure, and changes none of them")
    func hopping() throws {
        let driver = try driver { builder in
            let calls = Mutex(0)
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .windowedBy(.hopping(size: .milliseconds(10), advance: .milliseconds(5), grace: .zero))
                .reduce { first, second in
                    // It fails at the second window only.
                    guard second == "bad" else { return first + second }
                    let call = calls.withLock { calls in
                        calls += 1
                        return calls
                    }
                    if call == 2 { throw Refused() }
                    return first + second
                }
                .toStream { windowed, _ in "\(windowed)" }
                .to("out", keys: .utf8, values: .optional(.utf8))
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("k", "a", at: 7)
        try input.pipe("k", "bad", at: 8)
        try input.pipe("k", "b", at: 9)
        #expect(try texts(driver) == ["k@0-10=a", "k@5-15=a", "k@0-10=ab", "k@5-15=ab"])
        #expect(questions.asked == 1)
    }

    @Test("A record that fails in sliding windows leaves no window behind")
    func sliding() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .windowedBy(.sliding(difference: .milliseconds(10), grace: .milliseconds(100)))
                .aggregate(initial: { "" }, aggregates: .utf8) { _, value, all in all + (try Self.checked(value)) }
                .toStream { windowed, _ in "\(windowed)" }
                .to("out", keys: .utf8, values: .optional(.utf8))
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("k", "a", at: 20)
        try input.pipe("k", "b", at: 25)
        try input.pipe("k", "bad", at: 22)
        #expect(try texts(driver) == ["k@10-20=a", "k@21-31=b", "k@15-25=ab"])
        #expect(questions.asked == 1)
    }

    @Test("A record after the window from 0 on counts once in the window that is both its own and its predecessor's")
    func slidingBesideTheFirst() throws {
        let driver = try driver { builder in
            builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
                .windowedBy(.sliding(difference: .milliseconds(10), grace: .milliseconds(100)))
                .count(store: "counts")
                .toStream().to("out")
        }
        let input = driver.input("in", keys: .utf8, values: .utf8)
        try input.pipe("k", "a", at: 3)
        try input.pipe("k", "b", at: 14)
        let counts = driver.windowStore("counts", keys: .utf8, values: .int64)
        #expect(try counts.entries(for: "k").map(\.value) == [1, 1])
    }

    @Test(
        "Records of two streams that cannot be joined are no pair: others are tried, and who has none comes out alone"
    )
    func streamJoin() throws {
        let driver = try driver { builder in
            let left = builder.stream("in", keys: .utf8, values: .utf8)
            let right = builder.stream("other", keys: .utf8, values: .utf8)
            let windows = JoinWindows(difference: .milliseconds(10), grace: .zero)
            left.outerJoin(right, within: windows) { left, right in
                if left == "x", right == "bad" { throw Refused() }
                return "\(left ?? "-")\(right ?? "-")"
            }.to("out", values: .utf8)
        }
        let (left, right) = (
            driver.input("in", keys: .utf8, values: .utf8), driver.input("other", keys: .utf8, values: .utf8)
        )
        try right.pipe("k", "bad", at: 1)
        try right.pipe("k", "y", at: 2)
        try left.pipe("k", "x", at: 3)
        #expect(try texts(driver) == ["k=xy"])
        try left.pipe("j", "z", at: 100)
        #expect(try texts(driver) == ["k=-bad"])
        #expect(questions.asked == 1)
    }

    @Test("A row whose score fails is in no ranking, and the result says so")
    func ranking() throws {
        let driver = try driver { builder in
            builder.table("in", keys: .utf8, values: .utf8, store: "rows")
                .groupBy(keys: .utf8, values: .utf8) { _, value in ("all", value) }
                .top(2) { value in try Self.checked(value).utf8.count }
                .toStream()
                .mapValues { first in first.map { $0.joined(separator: ",") } }
                .to("out", keys: .utf8, values: .optional(.utf8))
        }
        try pipe(driver, ("a", "1"), ("b", "22"), ("b", "bad"), ("b", "333"))
        #expect(try texts(driver) == ["all=1", "all=22,1", "all=1", "all=333,1"])
        #expect(questions.asked == 1)
    }
}
