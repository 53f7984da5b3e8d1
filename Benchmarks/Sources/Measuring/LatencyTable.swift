extension Table {
    /// Latencies in milliseconds: of each percentile the median of the runs, and of those that matter the extremes.
    package static func text(_ latencies: [Latency]) -> String {
        let titles = [
            "workload", "promise", "commit ms", "p50", "p99", "lowest", "highest", "p99.9", "max", "target", "CPU s",
        ]
        return text(
            [titles]
                + latencies.map { latency in
                    [
                        latency.workload, latency.guarantee, "\(latency.commitMillis)",
                        decimal(latency.p50Millis.median),
                        decimal(latency.p99Millis.median), decimal(latency.p99Millis.min),
                        decimal(latency.p99Millis.max), decimal(latency.p999Millis.median),
                        decimal(latency.maxMillis.median), decimal(latency.targetMillis), decimal(latency.cpuSeconds),
                    ]
                },
            textColumns: 2
        )
    }

    /// Starts in milliseconds, median and extremes of the runs.
    package static func text(_ starts: [Start]) -> String {
        func cells(_ spread: Spread) -> [String] {
            [grouped(spread.median), "\(grouped(spread.min)) to \(grouped(spread.max))"]
        }
        let titles = [
            "workload", "application", "after", "partitions", "open ms", "", "running ms", "", "first record ms", "",
            "CPU s", "peak MB",
        ]
        return text(
            [titles]
                + starts.map { start in
                    [start.workload, start.kind, start.after, "\(start.partitions)"] + cells(start.openMillis)
                        + cells(start.runningMillis) + cells(start.firstRecordMillis)
                        + [decimal(start.cpuSeconds), grouped(Double(start.peakBytes >> 20))]
                },
            textColumns: 3
        )
    }
}
