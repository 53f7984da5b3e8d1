import Measuring

/// Results of a machine that there is not.
enum Sampled {
    static func environment(_ date: String, processor: String = "processor") -> Environment {
        Environment(
            date: date,
            commit: "abc",
            processor: processor,
            cores: 2,
            memoryBytes: 1 << 30,
            system: "system",
            kernel: "kernel",
            fileSystem: "ext4",
            compiler: "Swift 6"
        )
    }

    static func outcome(
        _ workload: String,
        guarantee: String = "exactlyOnce",
        threads: Int = 1,
        commitMs: Int64 = 100,
        seconds: [Double]
    ) -> Outcome {
        var samples = Samples()
        samples.all = seconds.map { Sample(seconds: $0, cpuSeconds: $0, peakBytes: 1 << 20, commits: 3, records: 100) }
        return Outcome(
            workload: workload,
            guarantee: guarantee,
            threads: threads,
            commitMs: commitMs,
            samples: samples,
            floor: workload == "pipe" ? samples.median : nil
        )
    }

    static func report(_ date: String, _ outcomes: [Outcome]) -> Report {
        var report = Report(in: environment(date))
        report.measurements = outcomes.compactMap(Throughput.init)
        return report
    }

    /// A report that has something of everything.
    static var full: Report {
        var outcomes: [Outcome] = []
        for workload in ["pipe", "count", "wordcount", "window", "join"] {
            outcomes.append(outcome(workload, guarantee: "floor", seconds: [1, 2]))
            for threads in [1, 2] {
                outcomes.append(outcome(workload, guarantee: "none", threads: threads, commitMs: 0, seconds: [2]))
                for commitMs in [Int64(100), 10, 1] {
                    for guarantee in ["exactlyOnce", "atLeastOnce"] {
                        outcomes.append(
                            outcome(
                                workload,
                                guarantee: guarantee,
                                threads: threads,
                                commitMs: commitMs,
                                seconds: [3, 4, 5]
                            )
                        )
                    }
                }
            }
        }
        for workload in ["produce", "fetch", "restore"] {
            outcomes.append(outcome(workload, guarantee: "-", commitMs: 0, seconds: [1, 2, 3]))
        }
        var report = report("2026-01-02T03:04:05Z", outcomes)
        report.latencies = [latency("exactlyOnce", 100), latency("exactlyOnce", 1), latency("atLeastOnce", 100)]
            .compactMap { $0 }
        let time = Spread(min: 100, median: 200, max: 300)
        report.starts = ["stop", "crash"].map { after in
            Start(
                kind: "store",
                after: after,
                partitions: 2_000,
                openMillis: time,
                runningMillis: time.scaled(by: 2),
                firstRecordMillis: time.scaled(by: 3),
                cpuSeconds: 1,
                peakBytes: 1 << 20,
                runs: 3
            )
        }
        report.memory = [
            MemoryCourse(
                guarantee: "exactlyOnce",
                commitMillis: 100,
                recordsPerSecond: 1e6,
                cpuSeconds: 1,
                peakBytes: 1 << 27,
                points: (1...5).map {
                    MemoryCourse.Point(
                        records: $0 * 1_000_000,
                        residentBytes: 1 << 27,
                        anonymousBytes: 1 << 26,
                        peakBytes: 1 << 27
                    )
                }
            )
        ]
        report.growth = ["records", "keys", "partitions", "recordBytes", "operators", "stores"].flatMap { curve in
            [Int64(1), 10, 100].compactMap { GrowthPoint(curve: curve, size: $0, outcome("count", seconds: [1, 2])) }
        }
        return report
    }

    private static func latency(_ guarantee: String, _ commitMs: Int64) -> Latency? {
        Latency(
            guarantee: guarantee,
            commitMillis: commitMs,
            recordsPerSecond: 10_000,
            records: 100,
            curve: LatencyRun.percentiles.map { percentile in
                Latency.Point(
                    percentile: percentile,
                    millis: Spread(min: 1, median: 1 + percentile, max: 2 + percentile)
                )
            },
            cpuSeconds: 1,
            peakBytes: 1 << 20,
            commits: 10,
            runs: 3
        )
    }
}
