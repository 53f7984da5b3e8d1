import Foundation
import Millrace

/// What there is to see at the end: the most frequent words, and what was done.
struct Summary {
    let admin: Admin
    let broker: EmbeddedBroker
    let application: StreamsApplication
    let counter: ImportCounter
    let directory: String
    let top: Int

    func show(after duration: Duration) async throws {
        let counts = try await readCounts()
        let remaining = try await application.lag().values.reduce(0, +)
        let progress = application.progress
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
        print("")
        let ranked = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let width = ranked.prefix(top).map { grouped(Int($0.value)).count }.max() ?? 0
        for (word, count) in ranked.prefix(top) {
            let number = grouped(Int(count))
            print(String(repeating: " ", count: width - number.count + 2) + number + "  " + word)
        }
        print("")
        if counter.skippedLines > 0 { print("Already there    \(grouped(counter.skippedLines)) lines") }
        print("Imported now     \(grouped(counter.importedLines)) lines")
        print(
            "Processed now    \(grouped(progress.recordsProcessed)) records in \(oneDecimal(seconds)) s, "
                + "\(grouped(progress.commits)) commits, \(application.configuration.guarantee.rawValue)"
        )
        let total = counts.values.reduce(0, +)
        print("Counted in all   \(grouped(Int(total))) words, \(grouped(counts.count)) different ones")
        if remaining > 0 {
            print("Still to do      \(grouped(Int(remaining))) records; run again to go on")
        }
        print("Data directory   \(directory)")
    }

    private func oneDecimal(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// The last count of every word.
    private func readCounts() async throws -> [String: Int64] {
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        let partitions = try await admin.describeTopic(WordCount.counts)?.partitionCount ?? 0
        try await consumer.assign((0..<partitions).map { TopicPartition(WordCount.counts, $0) })
        let words = Serde<String>.utf8
        let numbers = Serde<Int64>.int64
        var counts: [String: Int64] = [:]
        while try await consumer.lag().values.reduce(0, +) > 0 {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) {
                for record in try batch.records() {
                    counts[try words.value(of: record.key)] = try numbers.value(of: record.value)
                }
            }
        }
        await consumer.close()
        return counts
    }
}
