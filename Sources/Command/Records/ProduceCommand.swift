import ArgumentParser
import Foundation
import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceRecordFormat

/// `millrace produce`.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce",
        abstract: "Writes each line of standard input as a record.",
        discussion: """
            Ends well when every record is on the disk. With --transaction they become visible together, or not at all.

            EXAMPLES
              seq 10 | millrace produce numbers --create
              printf 'alice:3\\nbob:5\\n' | millrace produce points --key-separator : --values int64
              millrace consume orders --json | millrace produce orders-copy --json --transaction
            """
    )

    @Argument(help: "The topic's name.")
    var topic: String

    @Option(name: .shortAndLong, help: "The partition; without it, that of the key.")
    var partition: Int32?

    @Option(help: "What stands between key and value; without it, a line is a value.")
    var keySeparator: String?

    @Option(help: ArgumentHelp("A header of every record.", valueName: "name=value"))
    var header: [String] = []

    @Flag(help: "Write all records in one transaction.")
    var transaction = false

    @Flag(help: "Make the directory and the topic, with one partition, if they are missing.")
    var create = false

    @Flag(
        help: "Lines are JSON objects with key, value, headers, timestamp and partition, as consume --json prints them."
    )
    var json = false

    @OptionGroup var format: FormatOptions
    @OptionGroup var directory: DataDirectoryOptions

    func run() async throws {
        let headers = RecordHeaders(
            try Settings.parse(header).sorted { $0.key < $1.key }.map {
                RecordHeader($0.key, text: $0.value)
            }
        )
        let broker = try await directory.open(creating: create)
        defer { broker.close() }
        if create { try await Admin(on: broker).createTopicIfMissing(NewTopic(topic)) }
        let count = try await transaction ? sendTogether(broker, headers) : send(broker, headers)
        Output.note("wrote \(count) record\(count == 1 ? "" : "s") to \(topic)")
    }

    private func send(_ broker: EmbeddedBroker, _ headers: RecordHeaders) async throws -> Int {
        let producer = try await Producer(on: broker)
        var count = 0
        do {
            while let line = readLine() {
                try await producer.enqueue(try record(line, number: count + 1, headers))
                count += 1
            }
            try await producer.flush()
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
        return count
    }

    private func sendTogether(_ broker: EmbeddedBroker, _ headers: RecordHeaders) async throws -> Int {
        let producer = try await TransactionalProducer(id: "millrace-produce-\(topic)", on: broker)
        let count: Int
        do {
            count = try await producer.withTransaction { transaction in
                var count = 0
                while let line = readLine() {
                    try await transaction.enqueue(try record(line, number: count + 1, headers))
                    count += 1
                }
                return count
            }
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
        return count
    }

    private func record(_ line: String, number: Int, _ headers: RecordHeaders) throws -> ProducerRecord {
        var record = ProducerRecord(topic: topic, partition: partition, value: nil, headers: headers)
        if json {
            let given: RecordReport
            do {
                given = try JSONDecoder().decode(RecordReport.self, from: Data(line.utf8))
            } catch {
                throw CommandFailure("line \(number) is not a record in JSON: \(line)")
            }
            record.key = try given.key.map { try bytes($0, format.keys, "key", number) }
            record.value = try given.value.map { try bytes($0, format.values, "value", number) }
            record.timestamp = given.timestamp
            record.partition = partition ?? given.partition
            let own = (given.headers ?? []).map { RecordHeader($0.name, $0.value.map { Array($0.utf8) }) }
            record.headers = RecordHeaders(Array(headers) + own)
            return record
        }
        guard let keySeparator else {
            record.value = try bytes(line, format.values, "value", number)
            return record
        }
        guard let place = line.range(of: keySeparator) else {
            throw CommandFailure("line \(number) has no \"\(keySeparator)\" between key and value: \(line)")
        }
        record.key = try bytes(String(line[..<place.lowerBound]), format.keys, "key", number)
        record.value = try bytes(String(line[place.upperBound...]), format.values, "value", number)
        return record
    }

    private func bytes(_ text: String, _ format: BytesFormat, _ part: String, _ number: Int) throws -> [UInt8] {
        guard let bytes = format.bytes(text) else {
            throw CommandFailure("line \(number): the \(part) \"\(text)\" is not of the format \(format.rawValue)")
        }
        return bytes
    }
}
