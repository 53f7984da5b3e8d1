import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// `millrace groups`.
struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "Shows consumer groups and their lag, sets and deletes their offsets.",
        discussion: """
            EXAMPLES
              millrace groups list
              millrace groups describe word-count
              millrace groups reset-offsets audit --topic orders --to earliest
              millrace groups reset-offsets audit --topic orders --to 2026-01-31T12:00:00Z --execute
              millrace groups delete audit
            """,
        subcommands: [
            ListGroupsCommand.self, DescribeGroupCommand.self, ResetOffsetsCommand.self, DeleteOffsetsCommand.self,
            DeleteGroupsCommand.self,
        ],
        defaultSubcommand: ListGroupsCommand.self
    )
}

/// `millrace groups list`.
struct ListGroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the groups.")

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var group: String
        var state: String
        var type: String
        var protocolType: String
    }

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let reports = try await Admin(on: broker).groups().map { group in
            Report(
                group: group.id,
                state: group.state.rawValue,
                type: group.type.rawValue,
                protocolType: group.protocolType
            )
        }
        if output.json { return try Output.document(reports) }
        Output.table(["GROUP", "STATE", "TYPE"], reports.map { [$0.group, $0.state, $0.type] })
    }
}

/// `millrace groups describe`.
struct DescribeGroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows a group with its members, offsets and lag.",
        discussion: """
            LAG is in offsets, of which transaction markers take some; RECORDS is how many records are left to read, where \
            counting them does not take reading too much.
            """
    )

    @Argument(help: "The group's id.")
    var group: String

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Member: Encodable {
            var id: String
            var instanceId: String?
            var clientId: String
            var host: String
            var partitions: [String]
        }

        struct Partition: Encodable {
            var topic: String
            var partition: Int32
            var committedOffset: Int64?
            var endOffset: Int64
            var lag: Int64?
            var records: Int64?
            var member: String?
        }

        var group: String
        var state: String
        var type: String
        var assignmentStrategy: String
        var generation: Int32
        var members: [Member]
        var partitions: [Partition]
    }

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        guard let description = try await admin.describeGroup(group) else {
            throw CommandFailure("there is no group \(group)")
        }
        let report = Report(
            group: group,
            state: description.state.rawValue,
            type: description.type.rawValue,
            assignmentStrategy: description.assignmentStrategy,
            generation: description.generation,
            members: description.members.map { member in
                Report.Member(
                    id: member.id,
                    instanceId: member.groupInstanceId,
                    clientId: member.clientId,
                    host: member.host,
                    partitions: member.assignment.map { "\($0)" }
                )
            },
            partitions: try await admin.lag(of: group).map { lag in
                Report.Partition(
                    topic: lag.partition.topic,
                    partition: lag.partition.partition,
                    committedOffset: lag.committed?.offset,
                    endOffset: lag.endOffset,
                    lag: lag.lag,
                    records: lag.recordLag,
                    member: lag.member?.id
                )
            }
        )
        if output.json { return try Output.document(report) }
        show(report)
    }

    private func show(_ report: Report) {
        let members = "\(report.members.count) member\(report.members.count == 1 ? "" : "s")"
        let strategy = report.assignmentStrategy.isEmpty ? "" : ", \(report.assignmentStrategy)"
        Output.line("\(report.group)  \(report.state), \(members), generation \(report.generation)\(strategy)")
        func number(_ value: Int64?) -> String { value.map { "\($0)" } ?? "-" }
        Output.table(
            ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "RECORDS", "MEMBER"],
            report.partitions.map { partition in
                [
                    partition.topic, "\(partition.partition)", number(partition.committedOffset),
                    "\(partition.endOffset)", number(partition.lag), number(partition.records), partition.member ?? "-",
                ]
            }
        )
    }
}

/// `millrace groups delete`.
struct DeleteGroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes groups with their offsets; they must have no members."
    )

    @Argument(help: "The groups' ids.")
    var groups: [String]

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        for group in groups {
            try await admin.deleteGroup(group)
            Output.note("deleted the group \(group)")
        }
    }
}
