import Logging
import Millrace
import Workloads

/// A path that every record takes, run alone and the same way each time, so that its instructions can be counted.
enum HotPath: Hashable, CaseIterable {
    /// An application's stream thread at work: fetch, operators, stores, changelogs, outputs and one commit.
    case application(Workload)
    /// The first start of `count` on stores that lie in the changelog alone.
    case restore
    case produce
    case fetch

    static var allCases: [HotPath] { Workload.allCases.map(HotPath.application) + [.restore, .produce, .fetch] }

    var name: String {
        switch self {
        case .application(let workload): workload.rawValue
        case .restore: "restore"
        case .produce: "produce"
        case .fetch: "fetch"
        }
    }

    /// The functions that are counted, with everything that they call; callgrind's patterns.
    var counted: [String] {
        switch self {
        case .application: ["*StreamThread*7runOnce*"]
        case .restore: ["*StoreRestorer*7restore*"]
        case .produce, .fetch: ["*hot_paths*8counting*"]
        }
    }

    /// Runs the path over so many records in a directory of its own.
    func run(records: Int64, in directory: String) async throws {
        let broker = try await EmbeddedBroker.open(at: directory, logger: Self.logger)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        for topic in ["output"] + Input.allCases.map(\.rawValue) {
            try await admin.createTopic(NewTopic(topic, partitions: Input.partitions))
        }
        switch self {
        case .application(let workload):
            for input in workload.inputs(records: records) {
                try input.input.write(records: input.records, to: broker)
            }
            try await application(workload, on: broker).runUntilCaughtUp()
        case .restore:
            try Input.records.write(records: records, to: broker)
            try await application(.count, on: broker).runUntilCaughtUp()
            try await application(.count, on: broker).runUntilCaughtUp()
        case .produce:
            try counting { try Input.records.write(records: records, to: broker) }
        case .fetch:
            try Input.records.write(records: records, to: broker)
            try counting { try fetch(records, from: broker) }
        }
    }

    private static var logger: Logger {
        var logger = Logger(label: "hot-paths") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return logger
    }

    private func application(_ workload: Workload, on broker: EmbeddedBroker) throws -> StreamsApplication {
        var configuration = StreamsConfiguration()
        configuration.guarantee = .exactlyOnce
        configuration.cacheMaximumBytes = 0
        // One commit, at the end: how many there were before would depend on how fast the machine is.
        configuration.commitInterval = .seconds(600)
        configuration.transactionTimeout = .seconds(800)
        return StreamsApplication(
            id: "hot-path",
            topology: try workload.topology(),
            on: broker,
            configuration: configuration,
            logger: Self.logger
        )
    }

    private func fetch(_ expected: Int64, from broker: EmbeddedBroker) throws {
        var settings = ConsumerSettings()
        settings.isolation = .readCommitted
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        let partitions = (0..<Input.partitions).map { TopicPartition(Input.records.rawValue, $0) }
        try consumer.assign(partitions)
        for partition in partitions { try consumer.seek(partition, to: 0) }
        var records: Int64 = 0
        while records < expected {
            for batch in try consumer.poll(timeout: .milliseconds(100)) {
                try batch.withEach { _ in records += 1 }
            }
        }
    }
}

/// What is counted of a path that is no application.
@inline(never)
private func counting(_ work: () throws -> Void) rethrows { try work() }
