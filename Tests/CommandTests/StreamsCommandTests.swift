import Foundation
import Millrace
import Testing

@Suite("millrace streams")
struct StreamsCommandTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Counts what is in the topic `words`, and returns the last count of "a".
    private func count() async throws -> String? {
        let broker = try await EmbeddedBroker.open(at: directory.url.path)
        defer { broker.close() }
        try await Admin(on: broker).createTopicIfMissing(NewTopic("counts"))
        let builder = StreamsBuilder()
        builder.stream("words", keys: .ignored, values: .utf8)
            .groupBy(keys: .utf8) { _, word in word }
            .count(store: "counts")
            .toStream()
            .mapValues { count in count.map { "\($0)" } }
            .to("counts", values: .optional(.utf8))
        try await StreamsApplication(id: "counting", topology: try builder.build(), on: broker).runUntilCaughtUp()
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        try await consumer.assign([TopicPartition("counts", 0)])
        var last: String?
        while try await consumer.lag().values.contains(where: { $0 > 0 }) {
            for batch in try await consumer.poll(timeout: .milliseconds(50)) {
                for record in try batch.records() where record.keyText == "a" { last = record.valueText }
            }
        }
        await consumer.close()
        return last
    }

    @Test("a reset shows what it would do, does it with --execute, and the application then counts from the beginning")
    func reset() async throws {
        _ = try CommandRun("produce", "words", "--create", data: directory.url, input: "a\na\nb")
        #expect(try await count() == "2")
        let shown = try CommandRun("streams", "reset", "counting", data: directory.url)
        #expect(shown.status == 0, "\(shown.errors)")
        #expect(shown.output.contains("counting-counts-changelog"), "\(shown.output)")
        #expect(shown.errors.contains("nothing was changed"))
        let done = try CommandRun(
            "streams",
            "reset",
            "counting",
            "--clear",
            "counts",
            "--execute",
            "--json",
            data: directory.url
        )
        #expect(done.status == 0, "\(done.errors)")
        #expect(done.output.contains("\"isDone\" : true"), "\(done.output)")
        #expect(try await count() == "2")
    }

    @Test("an application that is not there is said to be unknown")
    func unknown() async throws {
        _ = try CommandRun("produce", "words", "--create", data: directory.url, input: "a")
        let run = try CommandRun("streams", "reset", "nobody", "--execute", data: directory.url)
        #expect(run.status == 1, "\(run.output) \(run.errors)")
        #expect(run.errors.contains("nobody"), "\(run.errors)")
    }
}
