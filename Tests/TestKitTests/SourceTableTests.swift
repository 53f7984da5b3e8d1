import Millrace
import MillraceTestKit
import Testing

/// Tables whose topic is their changelog.
@Suite("Tables restored from their topics")
struct SourceTableTests {
    private func topology(
        timestamps: TimestampExtractor<String?, String?> = .ofRecord(),
        store: StoreOptions = "rows",
        restoresFromTopic: Bool = true,
        offsetReset: OffsetReset? = nil
    ) throws -> Topology {
        let builder = StreamsBuilder()
        let table = builder.table(
            "table",
            keys: .utf8,
            values: .utf8,
            store: store,
            restoresFromTopic: restoresFromTopic,
            timestamps: timestamps,
            offsetReset: offsetReset,
            named: "source"
        )
        builder.stream("in", keys: .utf8, values: .utf8).join(table) { "\($0)+\($1)" }.to("out", values: .utf8)
        return try builder.build()
    }

    @Test("After a crash the table is what its topic held up to the committed offset, with the same times")
    func restores() throws {
        let driver = try TopologyTestDriver(topology(), commitMode: .explicit)
        let table = driver.input("table", keys: .utf8, values: .utf8)
        let stream = driver.input("in", keys: .utf8, values: .utf8)
        try table.pipe("a", "1", at: 10)
        try table.pipe("b", "1", at: 20)
        try table.pipe("b", nil, at: 30)
        try driver.commit()
        try driver.crash()
        let rows = try driver.store("rows", keys: .utf8, values: .utf8).entries()
        #expect(rows.map { "\($0.key)=\($0.value)@\($0.timestampMs)" } == ["a=1@10"])
        // What comes after the commit is processed again, and is not there before its time.
        try stream.pipe("a", "early", at: 40)
        try table.pipe("a", "2", at: 50)
        try driver.crash()
        #expect(try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value) == ["early+1"])
        #expect(try driver.store("rows", keys: .utf8, values: .utf8).entries().map(\.value) == ["2"])
    }

    @Test("What could not be decoded when it was read is left out when the table is restored")
    func leavesOut() throws {
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .int64, store: "rows", restoresFromTopic: true)
            .toStream().to("out", values: .int64)
        var configuration = StreamsConfiguration()
        configuration.onDecodingError = .logAndContinue
        let driver = try TopologyTestDriver(try builder.build(), configuration: configuration)
        try driver.input("in", keys: .utf8, values: .int64).pipe("a", 1, at: 1)
        try driver.pipe(key: [97], value: [1, 2, 3], to: "in", at: 2)
        try driver.crash()
        let rows = try driver.store("rows", keys: .utf8, values: .int64).entries()
        #expect(rows.map { "\($0.key)=\($0.value)@\($0.timestampMs)" } == ["a=1@1"])
    }

    @Test(
        "A table that is not what its topic holds is refused, with the reason",
        arguments: [
            (StoreOptions.versioned("rows", historyRetention: .seconds(1)), "a versioned store keeps more"),
            (StoreOptions(name: "rows", timeToLive: .seconds(1)), "with a time to live"),
            (StoreOptions(name: "rows", isLogged: false), "contradict each other"),
            (StoreOptions(name: "rows", changelogConfiguration: ["a": "b"]), "no changelog to be configured"),
        ]
    )
    func refuses(options: StoreOptions, reason: String) {
        let error = #expect(throws: TopologyError.self) { try topology(store: options) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("Times that are not the records', and a beginning that is not the topic's, are refused")
    func refusesTimes() {
        let error = #expect(throws: TopologyError.self) {
            try topology(timestamps: .wallClock, offsetReset: .latest)
        }
        #expect(error?.mistakes.count == 2, "\(String(describing: error))")
    }
}
