import Millrace

/// The workloads, as a user of the framework writes them.
enum Workload: String, CaseIterable {
    /// 8-byte key, 100-byte value: one record in ten is left out, the value of the others is put in upper case.
    case pipe
    /// 100,000 keys: every record gives a new count of its key, to the changelog and to the output.
    case count

    func topology() throws -> Topology {
        let builder = StreamsBuilder()
        let input = builder.stream("input", keys: .uint64, values: .bytes)
        switch self {
        case .pipe:
            input
                .filter { key, _ in key % 10 != 0 }
                .mapValues { value in value.map { $0 & ~0x20 } }
                .to("output", keys: .uint64, values: .bytes)
        case .count:
            input
                .groupByKey()
                .count(store: "counts")
                .toStream()
                .to("output", keys: .uint64, values: .int64)
        }
        return try builder.build()
    }
}

/// What is promised in a measurement.
enum Promise: String, CaseIterable {
    case exactlyOnce
    case atLeastOnce
    /// No commit until the end.
    case none

    func configuration(threads: Int, commitMs: Int64) -> StreamsConfiguration {
        var configuration = StreamsConfiguration()
        configuration.threads = threads
        configuration.cacheMaximumBytes = 0
        configuration.commitInterval = .milliseconds(commitMs)
        switch self {
        case .exactlyOnce: configuration.guarantee = .exactlyOnce
        case .atLeastOnce: configuration.guarantee = .atLeastOnce
        case .none:
            configuration.guarantee = .atLeastOnce
            configuration.commitInterval = .seconds(3_600)
        }
        return configuration
    }
}
