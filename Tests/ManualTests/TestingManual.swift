import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on tests and on settings, run.
struct TestingManual {
    @Test("A window stays open until the clocks of the test move")
    func clocks() throws {
        let builder = StreamsBuilder()
        builder.stream("visits", keys: .utf8, values: .utf8).groupByKey().batch(count: 10, within: .seconds(5))
            .mapValues { $0.joined(separator: "+") }
            .to("visits-together", values: .utf8)
        let topology = try builder.build()
        // snippet: testing-clock
        let driver = try TopologyTestDriver(topology)
        let visits = driver.input("visits", keys: .utf8, values: .utf8)
        let together = driver.output("visits-together", keys: .utf8, values: .utf8)

        try visits.pipe("ada", "a")
        try driver.advanceWallClock(by: .seconds(4))
        #expect(try together.read() == nil)
        try driver.advanceWallClock(by: .seconds(1))
        #expect(try together.read()?.value == "a")
        // snippet.end
    }

    @Test("Caches pass on the last update at a commit, and a crash before it leaves nothing")
    func commits() throws {
        let builder = StreamsBuilder()
        builder.stream("visits", keys: .utf8, values: .utf8).groupByKey().count(store: "counts").toStream().to("counts")
        let topology = try builder.build()
        // snippet: testing-commit
        let driver = try TopologyTestDriver(topology, commitMode: .explicit)
        let visits = driver.input("visits", keys: .utf8, values: .utf8)
        let counts = driver.output("counts", keys: .utf8, values: .int64)

        for visit in ["a", "b", "c"] { try visits.pipe("ada", visit) }
        #expect(try counts.readAll().isEmpty)
        try driver.commit()
        #expect(try counts.readAll().map(\.value) == [3])

        try visits.pipe("ada", "d")
        try driver.crash(at: .duringCommit)
        #expect(try driver.store("counts", keys: .utf8, values: .int64).value(for: "ada") == 4)
        // snippet.end
    }

    @Test("Settings are values that are checked")
    func settings() throws {
        // snippet: configuration
        var configuration = StreamsConfiguration()
        configuration.threads = 4
        configuration.commitInterval = .milliseconds(50)
        configuration.onDecodingError = .deadLetter(topic: "unreadable")
        try configuration.validate()
        // snippet.end
        configuration.commitInterval = .seconds(60)
        #expect(throws: StreamsError.self) { try configuration.validate() }
    }
}
