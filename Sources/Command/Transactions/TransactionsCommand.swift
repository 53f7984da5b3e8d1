import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// `millrace transactions`.
struct TransactionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transactions",
        abstract: "Shows transactions and ends those that hang.",
        discussion: """
            EXAMPLES
              millrace transactions list --state Ongoing
              millrace transactions describe word-count-0-0
              millrace transactions find-hanging
              millrace transactions abort --topic orders --partition 0 --start-offset 17
              millrace transactions force-terminate word-count-0-0
            """,
        subcommands: [
            ListTransactionsCommand.self, DescribeTransactionsCommand.self, ProducersCommand.self,
            FindHangingCommand.self,
            AbortTransactionCommand.self, ForceTerminateCommand.self,
        ],
        defaultSubcommand: ListTransactionsCommand.self
    )
}

/// A transactional id as programs get it.
struct TransactionReport: Encodable {
    var transactionalId: String
    var state: String
    var producerId: Int64
    var producerEpoch: Int16
    var timeoutMs: Int64?
    var isPrepared: Bool
    var startTimestamp: Int64?
    var partitions: [String]

    init(_ description: TransactionDescription) {
        transactionalId = description.transactionalId
        state = description.state.rawValue
        producerId = description.producer.id
        producerEpoch = description.producer.epoch
        timeoutMs = description.timeout.map(\.wholeMilliseconds)
        isPrepared = description.isPrepared
        startTimestamp = description.startMs
        partitions = description.partitions.map { "\($0)" }
    }
}

/// `millrace transactions list`.
struct ListTransactionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the transactional ids.")

    @Option(help: "Only those in this state, such as Ongoing.")
    var state: [String] = []

    @Option(help: "Only those of this producer id.")
    var producerId: [Int64] = []

    @Option(help: "Only those whose transaction is older than so many milliseconds.")
    var olderThan: Int64?

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try states() }

    private func states() throws -> Set<TransactionDescription.State> {
        Set(
            try state.map { name in
                guard let state = TransactionDescription.State(rawValue: name) else {
                    let known = TransactionDescription.State.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("\"\(name)\" is no state of a transaction; there are \(known).")
                }
                return state
            }
        )
    }

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let filter = TransactionFilter(
            states: try states(),
            producerIds: Set(producerId),
            runningLongerThan: olderThan.map { .milliseconds($0) }
        )
        let reports = try await Admin(on: broker).listTransactions(filter).map(TransactionReport.init)
        if output.json { return try Output.document(reports) }
        Output.table(
            ["TRANSACTIONAL-ID", "STATE", "PRODUCER", "EPOCH", "STARTED", "PARTITIONS"],
            reports.map { report in
                [
                    report.transactionalId, report.state + (report.isPrepared ? " (prepared)" : ""),
                    "\(report.producerId)", "\(report.producerEpoch)",
                    report.startTimestamp.map(Output.time) ?? "-", "\(report.partitions.count)",
                ]
            }
        )
    }
}

/// `millrace transactions describe`.
struct DescribeTransactionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows transactional ids with their partitions."
    )

    @Argument(help: "The transactional ids.")
    var transactionalIds: [String]

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let reports = try await Admin(on: broker).describeTransactions(transactionalIds).map(TransactionReport.init)
        if output.json { return try Output.document(reports) }
        for report in reports {
            Output.line(report.transactionalId)
            Output.line("  state       \(report.state)\(report.isPrepared ? ", prepared for a two-phase commit" : "")")
            Output.line("  producer    \(report.producerId), epoch \(report.producerEpoch)")
            Output.line("  time-out    \(report.timeoutMs.map { "\($0) ms" } ?? "none")")
            if let start = report.startTimestamp { Output.line("  started     \(Output.time(start))") }
            if !report.partitions.isEmpty { Output.line("  partitions  \(report.partitions.joined(separator: ", "))") }
        }
    }
}

/// `millrace transactions find-hanging`.
struct FindHangingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-hanging",
        abstract: "Finds transactions that no coordinator knows of and that keep readers of committed data waiting."
    )

    @Option(name: .shortAndLong, help: "Look in this topic only.")
    var topic: String?

    @Option(
        help: "How long, in milliseconds, their producers must have been silent; by default longer than any may take."
    )
    var olderThan: Int64?

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var topic: String
        var partition: Int32
        var producerId: Int64
        var producerEpoch: Int16
        var startOffset: Int64
        var lastTimestamp: Int64
        var coordinatorEpoch: Int32
    }

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let found = try await Admin(on: broker).findHangingTransactions(
            in: topic,
            olderThan: olderThan.map { .milliseconds($0) }
        )
        let reports = found.map { hanging in
            Report(
                topic: hanging.partition.topic,
                partition: hanging.partition.partition,
                producerId: hanging.producer.id,
                producerEpoch: hanging.producer.epoch,
                startOffset: hanging.firstOffset,
                lastTimestamp: hanging.lastWriteMs,
                coordinatorEpoch: hanging.coordinatorEpoch
            )
        }
        if output.json { return try Output.document(reports) }
        if reports.isEmpty { return Output.line("no transaction hangs") }
        Output.table(
            ["TOPIC", "PARTITION", "PRODUCER", "EPOCH", "START", "LAST WRITE"],
            reports.map { report in
                [
                    report.topic, "\(report.partition)", "\(report.producerId)", "\(report.producerEpoch)",
                    "\(report.startOffset)", Output.time(report.lastTimestamp),
                ]
            }
        )
    }
}

/// `millrace transactions abort`.
struct AbortTransactionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Aborts a hanging transaction in its partition."
    )

    @Option(name: .shortAndLong, help: "The topic.")
    var topic: String

    @Option(name: .shortAndLong, help: "The partition.")
    var partition: Int32

    @Option(help: "The offset of the transaction's first record.")
    var startOffset: Int64

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        let partition = TopicPartition(topic, partition)
        try await Admin(on: broker).abortTransaction(.startingAt(startOffset), in: partition)
        Output.note("aborted the transaction that began at offset \(startOffset) of \(partition)")
    }
}

/// `millrace transactions force-terminate`.
struct ForceTerminateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "force-terminate",
        abstract: "Aborts the transaction of a transactional id, prepared or not, and fences its owner."
    )

    @Argument(help: "The transactional id.")
    var transactionalId: String

    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let broker = try await directory.open()
        defer { broker.close() }
        try await Admin(on: broker).forceTerminateTransaction(transactionalId)
        Output.note("aborted what \(transactionalId) had open")
    }
}
