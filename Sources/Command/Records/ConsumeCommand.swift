import ArgumentParser
import Foundation
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// `millrace consume`.
struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume",
        abstract: "Prints the records of a topic.",
        discussion: """
            Reads what is committed, from the beginning to the end; with --follow it waits for more. It commits no offsets \
            and joins no group, and works beside the application that writes.

            EXAMPLES
              millrace consume word-counts --values int64 --max 10
              millrace consume orders --partition 0 --from 1000 --print offset,timestamp,key,value
              millrace consume orders --from 2026-01-31T12:00:00Z --json | jq .value
            """
    )

    /// What of a record is printed.
    enum Field: String, CaseIterable, ExpressibleByArgument {
        case partition, offset, timestamp, key, value, headers
    }

    /// Where to begin.
    enum Start: ExpressibleByArgument {
        case earliest
        case latest
        case offset(Int64)
        case timestamp(Int64)

        init?(argument: String) {
            switch argument {
            case "earliest": self = .earliest
            case "latest": self = .latest
            default:
                if let offset = Int64(argument), offset >= 0 {
                    self = .offset(offset)
                } else if let date = ISO8601DateFormatter().date(from: argument) {
                    self = .timestamp(Int64(date.timeIntervalSince1970 * 1_000))
                } else {
                    return nil
                }
            }
        }
    }

    @Argument(help: "The topic's name.")
    var topic: String

    @Option(name: .shortAndLong, help: "A partition; without it, all of them.")
    var partition: [Int32] = []

    @Option(help: "Where to begin: earliest, latest, an offset, or a time such as 2026-01-31T12:00:00Z.")
    var from = Start.earliest

    @Option(help: "Stop after this many records.")
    var max: Int?

    @Flag(help: "Also print records whose transaction is not decided or was aborted.")
    var uncommitted = false

    @Flag(help: "Wait for more records at the end, until interrupted.")
    var follow = false

    @Option(
        help: ArgumentHelp("What to print, of: partition, offset, timestamp, key, value, headers.", valueName: "fields")
    )
    var print = "key,value"

    @Option(help: "What stands between the fields.")
    var separator = "\t"

    @OptionGroup var format: FormatOptions
    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        _ = try fields()
        if let max, max < 1 { throw ValidationError("--max must be 1 or more.") }
    }

    private func fields() throws -> [Field] {
        try print.split(separator: ",").map { name in
            guard let field = Field(rawValue: String(name)) else {
                throw ValidationError(
                    "\"\(name)\" is no field of a record; there are "
                        + Field.allCases.map(\.rawValue).joined(separator: ", ") + "."
                )
            }
            return field
        }
    }

    func run() async throws {
        let fields = try fields()
        var positions: [TopicPartition: Int64] = [:]
        var left = max ?? Int.max
        while true {
            // A look is at the directory as it was when the look began; to follow is to look again.
            let broker = try directory.observe()
            defer { broker.close() }
            try await printNew(broker, &positions, &left, fields)
            guard follow, left > 0 else { return }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private func printNew(
        _ broker: EmbeddedBroker,
        _ positions: inout [TopicPartition: Int64],
        _ left: inout Int,
        _ fields: [Field]
    ) async throws {
        guard let found = broker.topic(topic) else { throw CommandFailure("there is no topic \(topic)") }
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        settings.isolation = uncommitted ? .readUncommitted : .readCommitted
        let consumer = try await Consumer(on: broker, settings: settings)
        let numbers = partition.isEmpty ? Array(0..<found.record.partitionCount) : partition
        let partitions = numbers.map { TopicPartition(topic, $0) }
        try await consumer.assign(partitions)
        for partition in partitions {
            if let position = positions[partition] {
                try await consumer.seek(partition, to: position)
            } else {
                try await begin(consumer, partition)
            }
        }
        while left > 0, try await consumer.lag().values.contains(where: { $0 > 0 }) {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) {
                positions[batch.partition] = batch.nextOffset
                for record in try batch.records().prefix(left) {
                    try show(record, fields)
                    left -= 1
                }
            }
        }
        for partition in partitions { positions[partition] = try await consumer.position(of: partition) }
        await consumer.close()
    }

    private func begin(_ consumer: Consumer, _ partition: TopicPartition) async throws {
        switch from {
        case .earliest: try await consumer.seekToBeginning([partition])
        case .latest: try await consumer.seekToEnd([partition])
        case .offset(let offset): try await consumer.seek(partition, to: offset)
        case .timestamp(let timestamp): try await consumer.seek(partition, toTimestamp: timestamp)
        }
    }

    private func show(_ record: ConsumerRecord, _ fields: [Field]) throws {
        let report = RecordReport(record, format)
        if output.json { return try Output.jsonLine(report) }
        let texts = fields.map { field in
            switch field {
            case .partition: "\(record.partition.partition)"
            case .offset: "\(record.offset)"
            case .timestamp: Output.time(record.timestamp)
            case .key: report.key ?? "null"
            case .value: report.value ?? "null"
            case .headers: (report.headers ?? []).map { "\($0.name)=\($0.value ?? "null")" }.joined(separator: ",")
            }
        }
        Output.line(texts.joined(separator: separator))
    }
}
