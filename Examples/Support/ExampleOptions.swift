import ArgumentParser
import Foundation
import Logging
import Millrace
import UnixSignals

/// The options that all examples have.
public struct ExampleOptions: ParsableArguments, Sendable {
    @Option(help: "The directory that holds topics and state; .data/<example> if not given.")
    var data: String?

    @Option(help: "How many records are generated.")
    var records: Int?

    @Option(help: "How many threads work.")
    var threads = 2

    @Option(help: "Milliseconds between two commits.")
    var commitInterval = 100

    @Flag(help: "Says on standard error when something was committed.")
    var showCommits = false

    /// For the parser.
    public init() {}

    /// Refuses numbers that make no sense.
    public mutating func validate() throws {
        guard threads > 0 else { throw ValidationError("--threads must be 1 or more.") }
        guard commitInterval > 0 else { throw ValidationError("--commit-interval must be positive.") }
        guard records.map({ $0 > 0 }) ?? true else { throw ValidationError("--records must be 1 or more.") }
    }

    /// Runs an example until its input is processed, or until Ctrl-C, and shows the result.
    public func run<Chosen: Example>(_ example: Chosen.Type) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work(on: example) }
            group.addTask { for await _ in signals { return } }
            // Whichever ends first ends the other: a signal the work, which then stops after a commit.
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func work<Chosen: Example>(on example: Chosen.Type) async throws {
        var logger = Logger(label: example.name) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let directory = data ?? ".data/\(example.name)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        for topic in example.topics { try await admin.createTopicIfMissing(topic) }

        let started = ContinuousClock.now
        let input = try example.input(count: records ?? example.usualRecordCount)
        try await InputFeed(name: example.name, broker: broker, showsCommits: showCommits).write(input)
        try await example.work(on: broker)

        var configuration = StreamsConfiguration()
        configuration.threads = threads
        configuration.commitInterval = .milliseconds(commitInterval)
        example.configure(&configuration)
        let application = StreamsApplication(
            id: example.name,
            topology: try example.topology(),
            on: broker,
            configuration: configuration,
            logger: logger
        )
        try await process(with: application)
        guard !Task.isCancelled else {
            print("Stopped. Run it again to go on.")
            return
        }
        print(try await example.result(in: TopicReader(broker: broker)))
        let tenths = Int((ContinuousClock.now - started) / .milliseconds(100))
        let progress = application.progress
        Self.note(
            "\n\(progress.recordsProcessed) records in \(tenths / 10).\(tenths % 10) s, \(progress.commits) commits, "
                + "data in \(directory)"
        )
    }

    private func process(with application: StreamsApplication) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            if showCommits {
                group.addTask {
                    var shown = 0
                    while !Task.isCancelled {
                        let commits = application.progress.commits
                        if commits > shown { Self.note("commit \(commits)") }
                        shown = commits
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
            }
            defer { group.cancelAll() }
            try await application.runUntilCaughtUp()
        }
    }

    static func note(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
