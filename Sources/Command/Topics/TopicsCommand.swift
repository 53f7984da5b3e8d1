import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// `millrace topics`.
struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics",
        abstract: "Lists, describes, makes, changes and deletes topics.",
        discussion: """
            EXAMPLES
              millrace topics list
              millrace topics describe orders
              millrace topics create orders --partitions 4 --config cleanup.policy=compact
              millrace topics alter orders --config retention.ms=86400000 --reset segment.bytes
              millrace topics delete-records orders --partition 0 --before 1000
            """,
        subcommands: [
            ListTopicsCommand.self, DescribeTopicsCommand.self, CreateTopicCommand.self, AlterTopicCommand.self,
            DeleteTopicsCommand.self, DeleteRecordsCommand.self,
        ],
        defaultSubcommand: ListTopicsCommand.self
    )
}

/// `millrace topics create`.
struct CreateTopicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a topic.")

    @Argument(help: "The topic's name.")
    var topic: String

    @Option(name: .shortAndLong, help: "How many partitions.")
    var partitions: Int32 = 1

    @Option(name: .shortAndLong, help: ArgumentHelp("A setting, by Kafka's name.", valueName: "name=value"))
    var config: [String] = []

    @Flag(help: "Make the data directory if there is none.")
    var create = false

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let settings = try Settings.parse(config)
        let broker = try await directory.open(creating: create)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        try await admin.createTopic(NewTopic(topic, partitions: partitions, configuration: settings))
        Output.note("made the topic \(topic) with \(partitions) partition\(partitions == 1 ? "" : "s")")
    }
}

/// `millrace topics alter`.
struct AlterTopicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter",
        abstract: "Changes a topic's settings, or raises the number of its partitions."
    )

    @Argument(help: "The topic's name.")
    var topic: String

    @Option(name: .shortAndLong, help: ArgumentHelp("A setting, by Kafka's name.", valueName: "name=value"))
    var config: [String] = []

    @Option(help: ArgumentHelp("A setting that is to have its default again.", valueName: "name"))
    var reset: [String] = []

    @Option(name: .shortAndLong, help: "How many partitions the topic is to have.")
    var partitions: Int32?

    @OptionGroup var directory: DataDirectoryOptions

    func validate() throws {
        if config.isEmpty, reset.isEmpty, partitions == nil {
            throw ValidationError("What is to change? Give --config, --reset or --partitions.")
        }
    }

    func run() async throws {
        var changes: [String: String?] = try Settings.parse(config)
        for name in reset { changes[name] = .some(nil) }
        let broker = try await directory.open()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        if !changes.isEmpty { try await admin.alterConfiguration(of: topic, changes) }
        if let partitions { try await admin.createPartitions(of: topic, total: partitions) }
        Output.note("changed the topic \(topic)")
    }
}

/// `millrace topics delete`.
struct DeleteTopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes topics with all of their records."
    )

    @Argument(help: "The topics' names.")
    var topics: [String]

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        for topic in topics {
            try await admin.deleteTopic(topic)
            Output.note("deleted the topic \(topic)")
        }
    }
}

/// `millrace topics delete-records`.
struct DeleteRecordsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete-records",
        abstract: "Deletes the records of a partition up to an offset."
    )

    @Argument(help: "The topic's name.")
    var topic: String

    @Option(name: .shortAndLong, help: "The partition.")
    var partition: Int32 = 0

    @Option(help: "The first offset that is kept.")
    var before: Int64

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        let admin = try Admin(on: broker)
        try await admin.deleteRecords(TopicPartition(topic, partition), before: before)
        Output.note("\(topic)-\(partition) begins at offset \(before) now")
    }
}
