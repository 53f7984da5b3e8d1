extension Page {
    /// Latency by percentile.
    var latency: Markup? {
        guard !latencies.isEmpty else { return nil }
        let styles = ["one", "three", "four", "two"]
        let intervals = Set(latencies.map(\.commitMillis)).sorted(by: >)
        let sorted = latencies.sorted { ($0.guarantee, $0.commitMillis) < ($1.guarantee, $1.commitMillis) }
        let lines = sorted.map { latency in
            let color = styles[(intervals.firstIndex(of: latency.commitMillis) ?? 0) % styles.count]
            let isExact = latency.guarantee == "exactlyOnce"
            return LineChart.Line(
                name: isExact ? "\(latency.commitMillis) ms" : "",
                style: isExact ? color : "\(color) dashed",
                points: latency.curve.map { point in
                    LineChart.Point(
                        x: point.percentile,
                        y: point.millis,
                        title: """
                            \(latency.guarantee), commits every \(latency.commitMillis) ms: \
                            \(Figures.nines(point.percentile)) within \(Figures.spread(point.millis, Figures.digits)) ms
                            """
                    )
                },
                isBand: true
            )
        }
        let values = latencies.flatMap(\.curve).flatMap { [$0.millis.min, $0.millis.max] }.filter { $0 > 0 }
        let chart = LineChart(
            width: 760,
            height: 360,
            x: .percentiles("share of the records that took no longer"),
            y: .logarithmic("milliseconds", from: max(values.min() ?? 1, 0.1), to: values.max() ?? 100),
            lines: lines,
            aims: latencies.filter { $0.guarantee == "exactlyOnce" }.map { latency in
                let color = styles[(intervals.firstIndex(of: latency.commitMillis) ?? 0) % styles.count]
                return LineChart.Aim(
                    x: 99,
                    y: latency.targetMillis,
                    style: color,
                    title: """
                        the aim for 99 % with commits every \(latency.commitMillis) ms: \
                        \(Figures.plain(latency.targetMillis)) ms
                        """
                )
            },
            right: 60
        )
        let rate = Figures.digits(latencies[0].recordsPerSecond.median)
        let rows =
            [["promise", "commit", "p50 ms", "p99 ms", "aim", "p99.9 ms", "slowest ms"]]
            + latencies.map { latency in
                [
                    latency.guarantee, "\(latency.commitMillis) ms", Figures.spread(latency.p50Millis, Figures.digits),
                    Figures.spread(latency.p99Millis, Figures.digits), Figures.plain(latency.targetMillis),
                    Figures.spread(latency.p999Millis, Figures.digits),
                    Figures.spread(latency.maxMillis, Figures.digits),
                ]
            }
        return Self.figure(
            "Latency",
            """
            \(rate) records a second through an application, from when each was due to be sent until a reader of \
            committed data had it. Full lines are exactly-once, dashed ones at-least-once, named by their commit \
            intervals; bands hold all runs. The short lines at 99\u{a0}% are the aims, one and a half intervals and 3 ms.
            """,
            height: 360,
            [chart.markup()]
        ) + Self.table(rows, textColumns: 2)
    }

    /// How long starts take.
    var starts: Markup? {
        guard !startTimes.isEmpty else { return nil }
        let kinds = startTimes.map(\.kind).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let groups = kinds.map { kind in
            BarChart.Group(
                name: kind == "store" ? "with a store" : kind,
                bars: startTimes.filter { $0.kind == kind }.map { start in
                    BarChart.Bar(
                        name: start.after == "stop" ? "after a stop" : "after a crash",
                        style: "one",
                        value: start.firstRecordMillis.scaled(by: 1e-3),
                        label: "\(Figures.digits(start.openMillis.median / 1e3)) s open, "
                            + "\(Figures.digits(start.firstRecordMillis.median / 1e3)) s",
                        title: """
                            \(start.partitions) partitions, after a \(start.after): open after \
                            \(Figures.spread(start.openMillis, Figures.digits)) ms, running after \
                            \(Figures.spread(start.runningMillis, Figures.digits)) ms, first record after \
                            \(Figures.spread(start.firstRecordMillis, Figures.digits)) ms, in \(start.runs) runs
                            """,
                        parts: [
                            (start.openMillis.median / 1e3, "one"), (start.runningMillis.median / 1e3, "two"),
                            (start.firstRecordMillis.median / 1e3, "faint"),
                        ]
                    )
                }
            )
        }
        let greatest = startTimes.map(\.firstRecordMillis.max).max() ?? 1
        let chart = BarChart(right: 140, x: .linear("seconds", upTo: greatest / 1e3), groups: groups)
        return Self.figure(
            "Starts",
            """
            An application with 1,000 input partitions, in a new process: dark until the broker is open, lighter until \
            the application is running, its store filled, and grey until it has processed a record. With a store there \
            are 1,000 partitions of its changelog besides. A crash is a SIGKILL in the midst of a transaction.
            """,
            height: chart.height,
            [chart.markup()]
        )
    }

    /// Memory over a long run.
    var memory: Markup? {
        guard let course = courses.first, let last = course.points.last else { return nil }
        func line(_ name: String, _ style: String, _ bytes: (MemoryCourse.Point) -> Int) -> LineChart.Line {
            LineChart.Line(
                name: name,
                style: style,
                points: course.points.map { point in
                    let value = Double(bytes(point)) / 1e6
                    return LineChart.Point(
                        x: Double(point.records) / 1e6,
                        y: Spread(min: value, median: value, max: value),
                        title: """
                            after \(Figures.count(Double(point.records))) records: \(Figures.digits(value)) MB \(name), \
                            peak \(Figures.megabytes(point.peakBytes)) MB
                            """
                    )
                },
                isBand: true
            )
        }
        let greatest = course.points.map(\.residentBytes).max() ?? 1
        let chart = LineChart(
            width: 760,
            height: 240,
            x: .linear("million records processed", upTo: Double(last.records) / 1e6),
            y: .linear("megabytes", upTo: Double(greatest) / 1e6),
            lines: [
                line("resident", "one", \.residentBytes), line("without files", "other", \.anonymousBytes),
            ],
            right: 96
        )
        return Self.figure(
            "Memory",
            """
            One run of count over \(Figures.count(Double(last.records))) records of 100,000 keys, under exactly-once, \
            sender and log in the same process: \(Figures.megabytes(course.peakBytes)) MB at the most, at \
            \(Figures.count(course.recordsPerSecond.median)) records a second.
            """,
            height: 240,
            [chart.markup()]
        )
    }
}
