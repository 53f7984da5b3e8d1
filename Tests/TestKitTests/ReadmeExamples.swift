import Millrace
import MillraceTestKit
import Testing

/// The code that the README shows for tests, run.
struct ReadmeExamples {
    @Test("The README's test of a topology passes")
    func testOfATopology() throws {
        let builder = StreamsBuilder()
        builder.stream("lines", keys: .optional(.utf8), values: .utf8)
            .flatMapValues { line in line.split(separator: " ").map(String.init) }
            .groupBy(keys: .utf8, values: .utf8) { _, word in word }
            .count(store: "counts")
            .toStream()
            .to("word-counts", values: .int64)
        let topology = try builder.build()

        // snippet: test
        let driver = try TopologyTestDriver(topology)
        let lines = driver.input("lines", keys: .utf8, values: .utf8)
        let counts = driver.output("word-counts", keys: .utf8, values: .int64)

        try lines.pipe(nil, "to be or not to be", at: 1_000)
        #expect(try counts.readAll().last?.value == 2)
        #expect(try driver.store("counts", keys: .utf8, values: .int64).value(for: "or") == 1)
        // snippet.end
    }
}
