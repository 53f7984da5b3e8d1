import ArgumentParser
import Foundation
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// Which partitions of which topics.
struct PartitionOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "A topic.")
    var topic: [String] = []

    @Option(name: .shortAndLong, help: "A partition of the topic; without it, all of them.")
    var partition: [Int32] = []

    func validate() throws {
        if !partition.isEmpty, topic.count != 1 {
            throw ValidationError("--partition needs exactly one --topic.")
        }
    }

    /// The partitions that were named; nil if none was.
    func partitions() -> [TopicPartition]? {
        guard let topic = topic.first, !partition.isEmpty else { return nil }
        return partition.map { TopicPartition(topic, $0) }
    }
}

/// `millrace groups reset-offsets`.
struct ResetOffsetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset-offsets",
        abstract: "Sets a group's offsets to another place; shows what it would do unless --execute is given.",
        discussion: """
            PLACES
              earliest, latest, current    the first offset, the end, where the group is
              1000                         this offset, or the nearest there is
              +100, -100                   so many offsets further or back
              2026-01-31T12:00:00Z         the first record at or after this time

            EXAMPLES
              millrace groups reset-offsets audit --to earliest
              millrace groups reset-offsets audit --topic orders --partition 2 --to=-100 --execute
            """
    )

    /// Where to.
    enum Place: ExpressibleByArgument {
        case target(OffsetResetTarget)

        init?(argument: String) {
            switch argument {
            case "earliest": self = .target(.earliest)
            case "latest": self = .target(.latest)
            case "current": self = .target(.current)
            default:
                if let number = Int64(argument) {
                    let isShift = argument.hasPrefix("+") || argument.hasPrefix("-")
                    self = .target(isShift ? .shift(by: number) : .offset(number))
                } else if let date = ISO8601DateFormatter().date(from: argument) {
                    self = .target(.timestamp(Int64(date.timeIntervalSince1970 * 1_000)))
                } else {
                    return nil
                }
            }
        }
    }

    @Argument(help: "The group's id; it must have no members.")
    var group: String

    @Option(help: ArgumentHelp("Where to: see PLACES above.", valueName: "place"))
    var to: Place

    @Flag(help: "Do it.")
    var execute = false

    @OptionGroup var selection: PartitionOptions
    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Step: Encodable {
            var topic: String
            var partition: Int32
            var from: Int64?
            var to: Int64
        }

        var group: String
        var isDone: Bool
        var steps: [Step]
    }

    func run() async throws {
        let broker = try await execute ? directory.open() : directory.observe()
        defer { broker.close() }
        var scope = OffsetResetScope.committed
        if let partitions = selection.partitions() {
            scope = .partitions(partitions)
        } else if !selection.topic.isEmpty {
            scope = .topics(selection.topic)
        }
        guard case .target(let target) = to else { return }
        let plan = try await Admin(on: broker).resetOffsets(of: group, scope, to: target, isDryRun: !execute)
        let report = Report(
            group: plan.group,
            isDone: plan.isDone,
            steps: plan.steps.map { step in
                Report.Step(
                    topic: step.partition.topic,
                    partition: step.partition.partition,
                    from: step.from,
                    to: step.to
                )
            }
        )
        if output.json { return try Output.document(report) }
        Output.table(
            ["TOPIC", "PARTITION", "FROM", "TO"],
            report.steps.map { [$0.topic, "\($0.partition)", $0.from.map { "\($0)" } ?? "-", "\($0.to)"] }
        )
        Output.note(plan.isDone ? "done" : "nothing was changed; add --execute to do it")
    }
}

/// `millrace groups delete-offsets`.
struct DeleteOffsetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete-offsets",
        abstract: "Deletes what a group has committed for a topic."
    )

    @Argument(help: "The group's id.")
    var group: String

    @OptionGroup var selection: PartitionOptions
    @OptionGroup var directory: DataDirectoryOptions

    func validate() throws {
        if selection.topic.isEmpty { throw ValidationError("Of which topic? Give --topic.") }
    }

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        let committed = try await admin.committedOffsets(of: group)
        let partitions =
            selection.partitions() ?? committed.keys.filter { selection.topic.contains($0.topic) }.sorted()
        let refused = try await admin.deleteOffsets(of: group, partitions)
        for partition in partitions where refused[partition] == nil {
            Output.note("deleted the offset of \(group) for \(partition)")
        }
        guard let (partition, error) = refused.min(by: { $0.key < $1.key }) else { return }
        throw CommandFailure("the offset for \(partition) stays: \(error.message)")
    }
}
