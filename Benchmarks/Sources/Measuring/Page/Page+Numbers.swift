extension Page {
    /// What is aimed at, and what was reached.
    var aims: Markup? {
        var rows = [["", "aim", "reached", ""]]
        func add(_ name: String, _ aim: String, _ reached: String, _ isReached: Bool) {
            rows.append([name, aim, reached, isReached ? "✓" : "–"])
        }
        func ratio(_ above: Throughput?, _ below: Throughput?) -> Spread? {
            guard let above = above?.recordsPerSecond, let below = below?.recordsPerSecond else { return nil }
            return Spread(
                min: above.min / below.max,
                median: above.median / below.median,
                max: above.max / below.min
            )
        }
        for (workload, aim) in [("pipe", 0.6), ("count", 0.5)] {
            let once = measurement(workload, "exactlyOnce", commitMs: 100)
            if let reached = ratio(once, measurement(workload, "floor", commitMs: 100)) {
                add(
                    "\(workload), of the floor in C",
                    "\(aim)",
                    Figures.spread(reached, Figures.digits),
                    reached.median >= aim
                )
            }
            if let reached = ratio(measurement(workload, "exactlyOnce", threads: 2, commitMs: 100), once) {
                add(
                    "\(workload), two threads by one",
                    "1.7",
                    Figures.spread(reached, Figures.digits),
                    reached.median >= 1.7
                )
            }
            for (commitMs, aim) in [(Int64(100), 0.97), (10, 0.9)] {
                let atLeast = measurement(workload, "atLeastOnce", commitMs: commitMs)
                guard let reached = ratio(measurement(workload, "exactlyOnce", commitMs: commitMs), atLeast) else {
                    continue
                }
                add(
                    "\(workload), exactly-once by at-least-once, every \(commitMs) ms",
                    "\(aim)",
                    Figures.spread(reached, Figures.digits),
                    reached.median >= aim
                )
            }
        }
        for latency in latencies where latency.guarantee == "exactlyOnce" {
            add(
                "99 % of the records seen, commits every \(latency.commitMillis) ms",
                "\(Figures.plain(latency.targetMillis)) ms",
                "\(Figures.spread(latency.p99Millis, Figures.digits)) ms",
                latency.p99Millis.median <= latency.targetMillis
            )
        }
        if let restore = measurements.first(where: { $0.workload == "restore" }) {
            add(
                "records restored, a core and second",
                "3 M",
                "\(Figures.count(restore.recordsPerCPUSecond)) of \(Figures.spread(restore.recordsPerSecond, Figures.count))",
                restore.recordsPerCPUSecond >= 3e6
            )
        }
        for start in startTimes where start.after == "stop" {
            add(
                "\(start.partitions) partitions open after a stop",
                "0.5 s",
                "\(Figures.spread(start.openMillis.scaled(by: 1e-3), Figures.digits)) s",
                start.openMillis.median <= 500
            )
        }
        return rows.count > 1 ? Self.table(rows, textColumns: 1) : nil
    }

    /// Every measurement in numbers.
    var numbers: Markup? {
        let results = measurements + queryResults
        guard !results.isEmpty else { return nil }
        let rows =
            [["workload", "promise", "threads", "commit ms", "records/s", "CPU s", "peak MB", "of the floor", "runs"]]
            + results.map { result in
                [
                    result.workload, result.guarantee, "\(result.threads)",
                    result.commitMillis > 0 ? "\(result.commitMillis)" : "–",
                    Figures.spread(result.recordsPerSecond, Figures.count), Figures.digits(result.cpuSeconds),
                    result.peakBytes > 0 ? Figures.megabytes(result.peakBytes) : "–",
                    result.ratioToFloor.map(Figures.digits) ?? "–", "\(result.runs)",
                ]
            }
        return Markup(
            "section",
            [:],
            [
                Markup("h2", [:], ["All numbers"]),
                Markup(
                    "details",
                    [:],
                    [
                        Markup("summary", [:], ["\(results.count) measurements of throughput: median, and extremes"]),
                        Self.table(rows, textColumns: 2),
                    ]
                ),
            ]
        )
    }
}
