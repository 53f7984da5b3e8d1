import Millrace

/// What the benchmarks work on.
enum Samples {
    static let recordCount = 1_000
    static let partition = TopicPartition("topic", 0)

    /// A builder that holds the sample's records: 8-byte keys, values of 100 bytes that compress about as text does.
    static func batch(_ compression: Compression = .none) -> RecordBatchBuilder {
        let builder = RecordBatchBuilder(capacity: 256 << 10, compression: compression)
        fill(builder)
        return builder
    }

    static func fill(_ builder: RecordBatchBuilder) {
        for number in 0..<recordCount {
            withUnsafeBytes(of: UInt64(number).bigEndian) { key in
                value.withUnsafeBytes { value in
                    _ = builder.append(
                        key: key,
                        value: UnsafeRawBufferPointer(rebasing: value[number..<number + 100]),
                        timestamp: Int64(number)
                    )
                }
            }
        }
    }

    /// Bytes that values are cut from: words of a small vocabulary.
    static let value: [UInt8] = {
        var random = SeededRandom(seed: 7)
        let words = ["stream", "table", "window", "order", "offset", "commit", "state", "join", "key", "value"]
        var text: [UInt8] = []
        while text.count < recordCount + 100 {
            text += Array(words[Int(random.next() % UInt64(words.count))].utf8) + [32]
        }
        return text
    }()

    /// A sealed batch, copied.
    static func bytes(_ compression: Compression = .none) throws -> [UInt8] {
        let builder = batch(compression)
        return try withExtendedLifetime(builder) { [UInt8](try builder.seal()) }
    }
}
