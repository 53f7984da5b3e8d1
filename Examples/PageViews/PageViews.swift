import ExampleSupport
import Millrace

/// Views of pages are counted per region and minute. The region is a user's, looked up in a table of users, some of whom
/// move.
struct PageViews: Example {
    static let name = "page-views"
    static let usualRecordCount = 30_000
    static let topics = [
        NewTopic("users", partitions: 3, configuration: ["cleanup.policy": "compact"]),
        NewTopic("page-views", partitions: 3), NewTopic("views-by-region", partitions: 3),
    ]

    static let minute = Duration.seconds(60)

    static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        let regions = builder.table("users", keys: .utf8, values: .utf8)
        builder.stream("page-views", keys: .utf8, values: .utf8)
            .join(regions) { page, region in region }
            .groupBy(keys: .utf8, values: .utf8) { _, region in region }
            // Views of one region come from three tasks, each as far as it is; the grace period covers all of the input.
            .windowedBy(.tumbling(size: minute, grace: .seconds(3_600)))
            .count(store: "views-by-region")
            .toStream()
            .to("views-by-region", keys: .timeWindowed(.utf8, size: minute), values: .int64)
        return try builder.build()
    }

    static func result(in topics: TopicReader) async throws -> String {
        let counts = try await topics.last(
            of: "views-by-region",
            keys: .timeWindowed(.utf8, size: minute),
            values: .int64
        )
        let regions = Set(counts.keys.map(\.key)).sorted()
        let minutes = Set(counts.keys.map(\.window)).sorted()
        var table = TextTable(["minute"] + regions.map { " " + $0 })
        for window in minutes {
            table.add(
                ["\(window.startMs / 60_000)"]
                    + regions.map { region in "\(counts[Windowed(key: region, window: window)] ?? 0)" }
            )
        }
        return table.text
    }
}
