import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives

/// A topic as programs get it.
struct TopicReport: Encodable {
    struct Partition: Encodable {
        var partition: Int32
        var startOffset: Int64
        var lastStableOffset: Int64
        var endOffset: Int64
        var sizeInBytes: Int64
        var segments: Int
    }

    var name: String
    var id: String
    var isInternal: Bool
    var settings: [String: String]
    var partitions: [Partition]

    init(_ topic: Topic) {
        name = topic.record.name
        id = "\(topic.record.id)"
        isInternal = topic.isInternal
        settings = topic.record.configuration
        partitions = topic.partitions.map { partition in
            Partition(
                partition: partition.id.partition,
                startOffset: partition.log.logStartOffset,
                lastStableOffset: partition.log.lastStableOffset,
                endOffset: partition.log.logEndOffset,
                sizeInBytes: partition.log.sizeInBytes,
                segments: partition.log.segmentCount
            )
        }
    }
}

/// `millrace topics list`.
struct ListTopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the topics.")

    @Flag(help: "Include those that the broker keeps for itself.")
    var `internal` = false

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let topics = broker.allTopics.filter { `internal` || !$0.isInternal }.map(TopicReport.init)
            .sorted { $0.name < $1.name }
        if output.json { return try Output.document(topics) }
        Output.table(
            ["TOPIC", "PARTITIONS", "OFFSETS", "SIZE", "SETTINGS"],
            topics.map { topic in
                [
                    topic.name, "\(topic.partitions.count)",
                    "\(topic.partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset })",
                    Output.size(topic.partitions.reduce(0) { $0 + $1.sizeInBytes }),
                    topic.settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "),
                ]
            }
        )
    }
}

/// `millrace topics describe`.
struct DescribeTopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows topics with their settings and partitions."
    )

    @Argument(help: "The topics' names.")
    var topics: [String]

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let reports = try topics.map { name in
            guard let topic = broker.topic(name) else { throw CommandFailure("there is no topic \(name)") }
            return TopicReport(topic)
        }
        if output.json { return try Output.document(reports) }
        for report in reports {
            Output.line("\(report.name)  id \(report.id)\(report.isInternal ? "  internal" : "")")
            for (key, value) in report.settings.sorted(by: { $0.key < $1.key }) { Output.line("  \(key)=\(value)") }
            Output.table(
                ["PARTITION", "START", "STABLE", "END", "SEGMENTS", "BYTES"],
                report.partitions.map { partition in
                    [
                        "\(partition.partition)", "\(partition.startOffset)", "\(partition.lastStableOffset)",
                        "\(partition.endOffset)", "\(partition.segments)", "\(partition.sizeInBytes)",
                    ]
                }
            )
        }
    }
}
