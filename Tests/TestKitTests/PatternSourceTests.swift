import Millrace
import MillraceTestKit
import Testing

@Suite("Topics that fit a pattern, in a driver")
struct PatternSourceTests {
    private func driver(
        partitions: [String: Int32] = [:],
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        builder.stream(matching: .regex("in-[a-z]+"), keys: .utf8, values: .utf8, named: "inputs")
            .groupByKey()
            .count(store: "counts")
            .toStream()
            .to("out", keys: .utf8, values: .int64)
        return try TopologyTestDriver(try builder.build(), partitions: partitions, commitMode: commitMode)
    }

    private func counts(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .int64).readAll().map { "\($0.key ?? "~")=\($0.value ?? 0)" }
    }

    private func pipe(_ key: String, to topic: String, _ driver: TopologyTestDriver) throws {
        try driver.input(topic, keys: .utf8, values: .utf8).pipe(key, "x", at: 1)
    }

    @Test(
        "Records of topics that come one after the other are one stream, and state goes on",
        arguments: [true, false]
    )
    func comesLater(commitsEach: Bool) throws {
        let driver = try driver(partitions: ["in-first": 1], commitMode: commitsEach ? .afterEveryRecord : .explicit)
        try pipe("a", to: "in-first", driver)
        try pipe("a", to: "in-second", driver)
        try pipe("a", to: "in-first", driver)
        try driver.commit()
        #expect(try counts(driver).last == "a=3")
        try driver.crash()
        try pipe("a", to: "in-second", driver)
        try driver.commit()
        #expect(try counts(driver) == ["a=4"])
    }

    @Test("A topic that does not fit is refused, with what does")
    func refuses() throws {
        let driver = try driver(partitions: ["in-first": 1])
        let error = #expect(throws: ClientError.self) { try pipe("a", to: "in-2", driver) }
        #expect(error?.description.contains("it reads in-first, /in-[a-z]+/") == true, "\(String(describing: error))")
    }

    @Test("A store cannot be made without any topic that fits")
    func nothingFits() throws {
        let error = #expect(throws: StreamsError.self) { try driver() }
        #expect(error?.description.contains("inputs: there is no topic that fits /in-[a-z]+/") == true)
    }

    @Test("Topics of unlike numbers of partitions are refused where records come together by key, also later")
    func copartitioned() throws {
        let error = #expect(throws: StreamsError.self) { try driver(partitions: ["in-a": 2, "in-b": 3]) }
        #expect(error?.description.contains("unlike numbers of partitions: in-a has 2, in-b has 3") == true)
        let two = try driver(partitions: ["in-a": 2])
        let later = #expect(throws: StreamsError.self) { try pipe("a", to: "in-b", two) }
        #expect(later?.description.contains("in-a has 2, in-b has 1") == true)
    }
}
