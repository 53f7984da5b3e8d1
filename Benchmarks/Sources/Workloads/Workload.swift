import Millrace

/// The workloads, as a user of the framework writes them.
public enum Workload: String, CaseIterable, Sendable {
    /// 8-byte key, 100-byte value: one record in ten is left out, the value of the others is put in upper case.
    case pipe
    /// 100,000 keys: every record gives a new count of its key, to the changelog and to the output.
    case count
    /// Lines of about 10 words, Zipf over 10,000 words: every word goes through a repartition topic and gives a new count.
    case wordcount
    /// Tumbling windows of 10 seconds by event time, 100,000 keys: every record gives a new count of its key and window.
    case window
    /// Every record looks up its key in a table of 100,000 rows.
    case join

    /// What is run.
    public func topology() throws -> Topology {
        let builder = StreamsBuilder()
        switch self {
        case .pipe:
            builder.stream("input", keys: .uint64, values: .bytes)
                .filter { key, _ in key % 10 != 0 }
                .mapValues { value in
                    var upper = value
                    var letters = upper.mutableSpan
                    for index in letters.indices {
                        let letter = letters[index]
                        letters[index] = letter &- UInt8(ascii: "a") < 26 ? letter & ~0x20 : letter
                    }
                    return upper
                }
                .to("output", keys: .uint64, values: .bytes)
        case .count:
            builder.stream("input", keys: .uint64, values: .bytes)
                .groupByKey()
                .count(store: "counts")
                .toStream()
                .to("output", keys: .uint64, values: .int64)
        case .wordcount:
            builder.stream("lines", keys: .ignored, values: .utf8)
                .flatMapValues { line in line.split(separator: " ").map(String.init) }
                .groupBy(keys: .utf8) { _, word in word }
                .count(store: "words")
                .toStream()
                .to("output", keys: .utf8, values: .int64)
        case .window:
            builder.stream("input", keys: .uint64, values: .bytes)
                .groupByKey()
                .windowedBy(.tumbling(size: .seconds(10), grace: .zero))
                .count(store: "windows")
                .toStream()
                .map { windowed, count in (windowed.key, count) }
                .to("output", keys: .uint64, values: .int64)
        case .join:
            let table = builder.table("table", keys: .uint64, values: .int64, store: "rows")
            builder.stream("input", keys: .uint64, values: .bytes)
                .join(table) { value, row in Int64(value.count) &+ row }
                .to("output", keys: .uint64, values: .int64)
        }
        return try builder.build()
    }

    /// The topics that it reads, with how many records each holds when the workload is to process so many.
    public func inputs(records: Int64) -> [(input: Input, records: Int64)] {
        switch self {
        case .pipe, .count, .window: [(.records, records)]
        case .wordcount: [(.lines, records)]
        case .join: [(.rows, Int64(Input.keys)), (.records, records)]
        }
    }

    /// How many records an application processes in the whole: those of its topics and, in `wordcount`, the words of the
    /// repartition topic.
    public func processed(records: Int64) -> Int64 {
        let read = inputs(records: records).reduce(0) { $0 + $1.records }
        return self == .wordcount ? read + Input.words(inLines: records) : read
    }
}
