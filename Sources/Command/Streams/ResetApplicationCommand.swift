import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceStreamsRuntime

/// `millrace streams reset`, as Kafka's `kafka-streams-application-reset`.
struct ResetApplicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Makes an application begin anew; shows what it would do unless --execute is given.",
        discussion: """
            The application's internal topics are deleted, and all of its state with them; its inputs are read from another \
            place. Output topics stay as they are, unless --clear names them. Refused while the application runs.

            PLACES
              earliest, latest, current    the first offset, the end, where the application is
              1000, +100, -100             an offset, or so many further or back
              2026-01-31T12:00:00Z         the first record at or after this time

            EXAMPLES
              millrace streams reset word-count
              millrace streams reset word-count --to earliest --clear word-counts --execute
            """
    )

    @Argument(help: "The application's id.")
    var application: String

    @Option(help: ArgumentHelp("Where the inputs are read from: see PLACES above.", valueName: "place"))
    var to = ResetOffsetsCommand.Place.target(.earliest)

    @Option(help: "An input topic; without it, those that the application has read.")
    var input: [String] = []

    @Option(help: "An output topic whose records are deleted too.")
    var clear: [String] = []

    @Flag(help: "Do it.")
    var execute = false

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Step: Encodable {
            var topic: String
            var partition: Int32
            var from: Int64?
            var to: Int64
        }

        var application: String
        var isDone: Bool
        var deletedTopics: [String]
        var clearedTopics: [String]
        var offsets: [Step]
    }

    func run() async throws {
        let broker = try await execute ? directory.open() : directory.observe()
        defer { broker.close() }
        guard case .target(let target) = to else { return }
        func reset(isDryRun: Bool) async throws -> ApplicationResetPlan {
            try await StreamsApplication.reset(
                application,
                on: broker,
                to: target,
                inputs: input.isEmpty ? nil : input,
                clearing: clear,
                isDryRun: isDryRun
            )
        }
        var plan = try await reset(isDryRun: true)
        if plan.offsets.isEmpty, plan.deletedTopics.isEmpty {
            throw CommandFailure("nothing of an application \(application) is in \(try directory.path()); check its id")
        }
        if execute { plan = try await reset(isDryRun: false) }
        let report = Report(
            application: plan.applicationId,
            isDone: plan.isDone,
            deletedTopics: plan.deletedTopics,
            clearedTopics: plan.clearedTopics,
            offsets: plan.offsets.map { step in
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
            report.offsets.map { [$0.topic, "\($0.partition)", $0.from.map { "\($0)" } ?? "-", "\($0.to)"] }
        )
        Output.table(
            ["TOPIC", "BECOMES"],
            report.deletedTopics.map { [$0, "deleted"] } + report.clearedTopics.map { [$0, "empty"] }
        )
        Output.note(plan.isDone ? "done" : "nothing was changed; add --execute to do it")
    }
}
