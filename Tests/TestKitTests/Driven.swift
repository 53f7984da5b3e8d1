import Millrace
import MillraceTestKit

/// A topology over the topics `in`, `other` and `out`, whose keys and values are text, in a driver; updates in short form.
struct Driven {
    let topology: Topology
    let driver: TopologyTestDriver
    private var timestampMs: Int64 = 0

    init(
        cacheMaximumBytes: Int = 0,
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        _ build: (StreamsBuilder) -> Void
    ) throws {
        let builder = StreamsBuilder()
        build(builder)
        topology = try builder.build()
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheMaximumBytes
        driver = try TopologyTestDriver(topology, configuration: configuration, commitMode: commitMode)
    }

    /// Pipes records into a topic, one millisecond after the other, and gives what came out, as `key=value`.
    func updates(_ records: (key: String?, value: String?)..., in topic: String = "in") throws -> [String] {
        let input = driver.input(topic, keys: .optional(.utf8), values: .optional(.utf8))
        for (index, record) in records.enumerated() {
            try input.pipe(record.key, record.value, at: Int64(index))
        }
        return try outputs()
    }

    /// What has come out since the last look.
    func outputs() throws -> [String] {
        try driver.output("out", keys: .utf8, values: .optional(.utf8)).readAll().map {
            "\($0.key ?? "nil")=\(($0.value ?? nil) ?? "nil")"
        }
    }

    /// The rows of a store of text.
    func rows(of store: String) throws -> [String] {
        try driver.store(store, keys: .utf8, values: .utf8).entries().map { "\($0.key)=\($0.value)" }
    }
}
