import Foundation
import Millrace

/// What a data directory of the word count holds, read by a consumer of its own.
struct WordCountResult {
    /// All counts of each word that a reader of committed data gets, in order.
    var history: [String: [Int64]] = [:]
    /// The input's end, and what is committed, of each of its partitions.
    var inputEnds: [TopicPartition: Int64] = [:]
    var committed: [TopicPartition: CommittedOffset] = [:]

    init(reading directory: URL) async throws {
        let broker = try await EmbeddedBroker.open(at: directory.path)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        settings.isolation = .readCommitted
        let consumer = try await Consumer(on: broker, settings: settings)
        try await consumer.assign((0..<4).map { TopicPartition("word-counts", $0) })
        let words = Serde<String>.utf8
        let numbers = Serde<Int64>.int64
        while try await consumer.lag().values.reduce(0, +) > 0 {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) {
                for record in try batch.records() {
                    let word = try words.value(of: record.key)
                    history[word, default: []].append(try numbers.value(of: record.value))
                }
            }
        }
        await consumer.close()
        committed = try await admin.committedOffsets(of: "word-count")
        for number in 0..<4 as Range<Int32> {
            let partition = TopicPartition("lines", number)
            inputEnds[partition] = try await admin.offsetRange(of: partition).upperBound
        }
    }
}
