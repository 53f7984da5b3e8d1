import ArgumentParser
import Foundation
import Logging
import Millrace
import ServiceLifecycle
import UnixSignals

@main
struct WordCountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "word-count",
        abstract: "Counts the words of text, exactly once, in a directory that survives being killed."
    )

    @Option(help: "The directory that holds topics and state.")
    var data = ".data/word-count"

    @Option(help: "exactlyOnce, atLeastOnce or atMostOnce.")
    var guarantee = ProcessingGuarantee.exactlyOnce

    @Option(help: "How many threads count.")
    var threads = 2

    @Option(help: "Milliseconds between two commits.")
    var commitInterval = 100

    @Option(help: "How many of the most frequent words are shown.")
    var top = 10

    @Flag(help: "Passes on every single count instead of the last one of each word and commit.")
    var noCache = false

    @Argument(help: "Files, folders, or - for standard input.")
    var inputs = ["/usr/share/common-licenses"]

    mutating func validate() throws {
        guard threads > 0 else { throw ValidationError("--threads must be 1 or more.") }
        guard commitInterval > 0 else { throw ValidationError("--commit-interval must be positive.") }
    }

    func run() async throws {
        var logger = Logger(label: "word-count") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let paths = try InputFiles.expand(inputs)
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let broker = try await EmbeddedBroker.open(at: data, logger: logger)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        try await admin.createTopicIfMissing(NewTopic(WordCount.lines, partitions: 4))
        try await admin.createTopicIfMissing(
            NewTopic(WordCount.counts, partitions: 4, configuration: ["cleanup.policy": "compact"])
        )
        try await admin.createTopicIfMissing(
            NewTopic(LineImporter.progressTopic, configuration: ["cleanup.policy": "compact"])
        )

        var configuration = StreamsConfiguration()
        configuration.guarantee = guarantee
        configuration.threads = threads
        configuration.commitInterval = .milliseconds(commitInterval)
        if noCache { configuration.cacheMaximumBytes = 0 }
        let application = StreamsApplication(
            id: WordCount.applicationId,
            topology: try WordCount.topology(),
            on: broker,
            configuration: configuration,
            logger: logger
        )
        let counter = ImportCounter()
        let job = WordCountJob(
            application: application,
            importer: LineImporter(broker: broker, counter: counter),
            paths: paths
        )
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: application),
                    .init(service: job, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigint, .sigterm],
                logger: logger
            )
        )
        let started = ContinuousClock.now
        try await services.run()
        try await Summary(
            admin: admin,
            broker: broker,
            application: application,
            counter: counter,
            directory: data,
            top: top
        ).show(after: ContinuousClock.now - started)
    }
}

extension ProcessingGuarantee: ExpressibleByArgument {}

/// Imports the text, and ends when all of it is counted.
struct WordCountJob: Service {
    let application: StreamsApplication
    let importer: LineImporter
    let paths: [String]

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await importer.run(paths) }
                group.addTask { try await showProgress() }
                try await group.next()  // the import; the display goes on until it is told to end
                while !Task.isCancelled {
                    let isDone = try await application.lag().isEmpty && application.state == .running
                    if isDone { break }
                    try? await Task.sleep(for: .milliseconds(20))
                }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    private func showProgress() async throws {
        var display = ProgressDisplay()
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(200))
            let lag = try await application.lag().values.reduce(0, +)
            display.show(lines: importer.counter.importedLines, progress: application.progress, lag: lag)
        }
        let lag = try await application.lag().values.reduce(0, +)
        display.finish(lines: importer.counter.importedLines, progress: application.progress, lag: lag)
    }
}
