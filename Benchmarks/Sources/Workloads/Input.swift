import Millrace

/// An input topic of the workloads, the same bytes each time.
public enum Input: String, CaseIterable, Sendable {
    /// Keys from 0 to 99,999, values of 100 lower-case letters, a record each millisecond.
    case records = "input"
    /// Lines of 8 to 12 words.
    case lines
    /// A number for each of the 100,000 keys.
    case rows = "table"

    /// The bytes of one of the records, key and value.
    public static let recordBytes = 108
    /// How many different keys there are.
    public static let keys: UInt64 = 100_000
    /// How many partitions each topic has.
    public static let partitions: Int32 = 4

    /// How many words so many lines have.
    public static func words(inLines count: Int64) -> Int64 {
        (0..<count).reduce(0) { $0 + words(inLine: $1) }
    }

    private static func words(inLine number: Int64) -> Int64 { 8 + number % 5 }

    /// Writes the topic on the calling thread.
    public func write(
        records: Int64,
        to broker: EmbeddedBroker,
        topic: String? = nil,
        acknowledgement: Acknowledgement = .written
    ) throws {
        let topic = topic ?? rawValue
        let writer = try BatchWriter(to: broker, topic: topic, acknowledgement: acknowledgement)
        var random = SeededRandom(seed: 42)
        switch self {
        case .records:
            let value = (0..<100).map { UInt8(ascii: "a") + UInt8($0 % 26) }
            // After the rows of the table, which have the time 0.
            for number in 1...max(records, 1) {
                try writer.append(key: random.next() % Self.keys, value: value, at: number)
            }
        case .lines:
            let words = ZipfWords()
            var line: [UInt8] = []
            for number in 0..<records {
                line.removeAll(keepingCapacity: true)
                for index in 0..<Self.words(inLine: number) {
                    if index > 0 { line.append(UInt8(ascii: " ")) }
                    line += words.word(at: random.next())
                }
                try writer.append(line, to: Int32(number % Int64(Self.partitions)), at: number)
            }
        case .rows:
            for number in 0..<records {
                let row = withUnsafeBytes(of: (number &* 7).bigEndian) { Array($0) }
                try writer.append(key: UInt64(number), value: row, at: 0)
            }
        }
        try writer.finish()
    }
}

/// Ten thousand words, the n-th of which is drawn with a probability in proportion to 1 / n.
struct ZipfWords {
    private let words: [[UInt8]]
    /// The sum of the weights up to each word, in parts of `UInt64.max`.
    private let bounds: [UInt64]

    init(count: Int = 10_000) {
        var random = SeededRandom(seed: 7)
        words = (0..<count).map { number in
            let letters = (0..<(2 + random.next() % 9)).map { _ in UInt8(ascii: "a") + UInt8(random.next() % 26) }
            return letters + Array("\(number)".utf8)
        }
        let weights = (1...count).map { 1 / Double($0) }
        let sum = weights.reduce(0, +)
        var total = 0.0
        bounds = weights.map { weight in
            total += weight
            return UInt64(min(total / sum, 1) * 0x1p63)
        }
    }

    func word(at draw: UInt64) -> [UInt8] {
        let place = draw &>> 1
        var range = 0..<(bounds.count - 1)
        while !range.isEmpty {
            let middle = (range.lowerBound + range.upperBound) / 2
            range = bounds[middle] > place ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return words[range.lowerBound]
    }
}

/// Writes batch after batch to the partitions of a topic, as fast as one thread can.
package final class BatchWriter {
    private let topic: String
    private let partitions: Int32
    private let connection: any ProducerConnection
    private let batches: [RecordBatchBuilder]

    /// Begins to write to all partitions of a topic.
    package init(
        to broker: EmbeddedBroker,
        topic: String,
        partitions: Int32 = Input.partitions,
        acknowledgement: Acknowledgement
    ) throws {
        self.topic = topic
        self.partitions = partitions
        batches = (0..<partitions).map { _ in RecordBatchBuilder(capacity: partitions > 16 ? 16 << 10 : 64 << 10) }
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = acknowledgement
        connection = try broker.connectProducer(settings)
    }

    /// Appends a record to the partition of its key.
    package func append(key: UInt64, value: [UInt8], at timestampMs: Int64) throws {
        try withUnsafeBytes(of: key.bigEndian) { key in
            let partition = Hashes.partition(forKey: key, of: partitions)
            try value.withUnsafeBytes { try append(key, $0, to: partition, at: timestampMs) }
        }
    }

    func append(_ value: [UInt8], to partition: Int32, at timestampMs: Int64) throws {
        try value.withUnsafeBytes { try append(nil, $0, to: partition, at: timestampMs) }
    }

    private func append(
        _ key: UnsafeRawBufferPointer?,
        _ value: UnsafeRawBufferPointer,
        to partition: Int32,
        at timestampMs: Int64
    ) throws {
        let batch = batches[Int(partition)]
        if batch.append(key: key, value: value, timestamp: timestampMs) { return }
        try send(partition)
        batch.append(key: key, value: value, timestamp: timestampMs)
    }

    private func send(_ partition: Int32) throws {
        let batch = batches[Int(partition)]
        try connection.send(batch, to: TopicPartition(topic, partition), onDelivery: nil)
        batch.reset()
    }

    /// Writes what is left.
    package func finish() throws {
        for partition in 0..<partitions where !batches[Int(partition)].isEmpty { try send(partition) }
        try connection.flush()
        connection.close()
    }
}
