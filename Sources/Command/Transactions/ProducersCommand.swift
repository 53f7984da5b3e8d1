import ArgumentParser
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// `millrace transactions producers`.
struct ProducersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "producers",
        abstract: "Shows the producers that a partition remembers, and which have a transaction open there."
    )

    @Option(name: .shortAndLong, help: "The topic.")
    var topic: String

    @Option(name: .shortAndLong, help: "The partition.")
    var partition: Int32 = 0

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var producerId: Int64
        var producerEpoch: Int16
        var lastSequence: Int32
        var lastTimestamp: Int64
        var coordinatorEpoch: Int32?
        var transactionStartOffset: Int64?
    }

    func run() async throws {
        let broker = try directory.observe()
        defer { broker.close() }
        let producers = try await Admin(on: broker).describeProducers(of: TopicPartition(topic, partition))
        let reports = producers.map { producer in
            Report(
                producerId: producer.producer.id,
                producerEpoch: producer.producer.epoch,
                lastSequence: producer.lastSequence,
                lastTimestamp: producer.lastTimestampMs,
                coordinatorEpoch: producer.coordinatorEpoch,
                transactionStartOffset: producer.transactionStartOffset
            )
        }
        if output.json { return try Output.document(reports) }
        Output.table(
            ["PRODUCER", "EPOCH", "LAST SEQUENCE", "LAST WRITE", "OPEN FROM"],
            reports.map { report in
                [
                    "\(report.producerId)", "\(report.producerEpoch)", "\(report.lastSequence)",
                    report.lastTimestamp < 0 ? "-" : Output.time(report.lastTimestamp),
                    report.transactionStartOffset.map { "\($0)" } ?? "-",
                ]
            }
        )
    }
}
