extension Page {
    /// Bars of every workload, with the floor drawn in.
    var throughput: Markup? {
        let groups = workloads.compactMap(group)
        guard !groups.isEmpty else { return nil }
        let greatest = groups.flatMap { group in
            group.bars.map(\.value.max) + (group.floor.map { [$0.value.max] } ?? [])
        }
        let chart = BarChart(
            x: .linear("million records a second", upTo: (greatest.max() ?? 1) / 1e6),
            groups: groups.map(Self.inMillions)
        )
        let floor =
            groups.contains { $0.floor != nil }
            ? "The line across the bars is the floor: the same work by hand in C on one core, with the same batches, "
                + "checksums and waits for the disk. Behind a bar: records a second, and the part of the floor. " : ""
        return Self.figure(
            "Throughput",
            """
            Records a second, from the application’s start to the end of its last commit, commits every 100 ms. \
            \(floor)In wordcount a record is a word.
            """,
            height: chart.height,
            [chart.markup()]
        )
    }

    /// NEXMark, query by query.
    var queries: Markup? {
        guard !queryResults.isEmpty else { return nil }
        let bars = queryResults.filter { $0.guarantee != "floor" }.map { result in
            Self.bar(
                result.workload + (result.threads > 1 ? ", \(result.threads) threads" : ""),
                result.threads > 1 ? "two" : "one",
                result,
                isQuery: true
            )
        }
        let greatest = bars.map(\.value.max).max() ?? 1
        let chart = BarChart(
            left: 110,
            right: 150,
            x: .linear("million events a second", upTo: greatest / 1e6),
            groups: [Self.inMillions(BarChart.Group(name: "", bars: bars))]
        )
        return Self.figure(
            "NEXMark",
            """
            The queries of the NEXMark suite under exactly-once, commits every 100 ms. Behind each bar: events a \
            second, and in brackets those of one core that is never idle.
            """,
            height: chart.height,
            [chart.markup()]
        )
    }

    private func group(_ workload: String) -> BarChart.Group? {
        let kinds: [(String, Int, Int64, String, String)] = [
            ("exactlyOnce", 1, 100, "exactly-once", "one"),
            ("atLeastOnce", 1, 100, "at-least-once", "other"),
            ("none", 1, 0, "without commits", "faint"),
            ("exactlyOnce", 2, 100, "exactly-once, 2 threads", "two"),
        ]
        let bars = kinds.compactMap { guarantee, threads, commitMs, name, style in
            measurement(workload, guarantee, threads: threads, commitMs: commitMs).map { Self.bar(name, style, $0) }
        }
        guard !bars.isEmpty else { return nil }
        let floor = measurement(workload, "floor", commitMs: 100)
        return BarChart.Group(
            name: workload,
            bars: bars,
            floor: floor.map {
                (
                    $0.recordsPerSecond,
                    "\(workload) by hand in C: \(Figures.spread($0.recordsPerSecond, Figures.count)) records/s"
                )
            }
        )
    }

    /// What the log does by itself.
    var log: Markup? {
        let names = [("produce", "produce"), ("fetch", "fetch"), ("restore", "restore a store")]
        let bars = names.compactMap { workload, name in
            measurements.first { $0.workload == workload }.map { Self.bar(name, "one", $0) }
        }
        guard let greatest = bars.map(\.value.max).max() else { return nil }
        let chart = BarChart(
            left: 110,
            right: 150,
            x: .linear("million records a second", upTo: greatest / 1e6),
            groups: [Self.inMillions(BarChart.Group(name: "", bars: bars))]
        )
        return Self.figure(
            "The log",
            """
            Records of 108 bytes, on one thread: encoded, appended and flushed at the end; fetched, checked and read one \
            by one; and an application’s store filled from its changelog. In brackets, those a second of processor time.
            """,
            height: chart.height,
            [chart.markup()]
        )
    }

    private static func bar(
        _ name: String,
        _ style: String,
        _ result: Throughput,
        isQuery: Bool = false
    ) -> BarChart.Bar {
        let floor = result.ratioToFloor.map { ", \(Figures.digits($0)) of the floor" } ?? ""
        let label =
            result.ratioToFloor.map { "\(Figures.count(result.recordsPerSecond.median)), \(Figures.digits($0))" }
            ?? (result.guarantee == "-" || isQuery
                ? "\(Figures.count(result.recordsPerSecond.median)) (\(Figures.count(result.recordsPerCPUSecond)))"
                : Figures.count(result.recordsPerSecond.median))
        return BarChart.Bar(
            name: name,
            style: style,
            value: result.recordsPerSecond,
            label: label,
            title: """
                \(result.workload), \(name): \(Figures.spread(result.recordsPerSecond, Figures.count)) records/s in \
                \(result.runs) runs\(floor); \(Figures.count(result.recordsPerCPUSecond)) a second of processor time
                """
        )
    }

    private static func inMillions(_ group: BarChart.Group) -> BarChart.Group {
        var group = group
        for index in group.bars.indices { group.bars[index].value = group.bars[index].value.scaled(by: 1e-6) }
        group.floor = group.floor.map { ($0.value.scaled(by: 1e-6), $0.title) }
        return group
    }

    /// What exactly-once and short commit intervals cost, a panel for each workload.
    var commits: Markup? {
        let panels = workloads.compactMap(commitPanel)
        guard !panels.isEmpty else { return nil }
        let rows = (panels.count + 2) / 3
        return Self.figure(
            "The cost of commits",
            """
            One thread, as a share of the speed without commits. The number below each interval is exactly-once as a \
            share of at-least-once.
            """,
            height: Double(rows) * 230 + 24,
            [
                Self.legend([("exactly-once", "one"), ("at-least-once", "other dashed")], y: 6)
            ]
                + panels.enumerated().map { index, panel in
                    Self.moved(panel, Double(index % 3) * 256, 24 + Double(index / 3) * 230)
                }
        )
    }

    private func commitPanel(_ workload: String) -> Markup? {
        guard let base = measurement(workload, "none", commitMs: 0)?.recordsPerSecond.median else { return nil }
        let intervals = measurements.filter {
            $0.workload == workload && $0.guarantee == "exactlyOnce" && $0.threads == 1
        }
        .map(\.commitMillis).sorted(by: >)
        func line(_ guarantee: String, _ name: String, _ style: String) -> LineChart.Line {
            LineChart.Line(
                name: name,
                style: style,
                points: intervals.compactMap { commitMs in
                    guard let result = measurement(workload, guarantee, commitMs: commitMs) else { return nil }
                    return LineChart.Point(
                        x: Double(commitMs),
                        y: result.recordsPerSecond.scaled(by: 1 / base),
                        title: """
                            \(workload), \(name), every \(commitMs) ms: \
                            \(Figures.spread(result.recordsPerSecond, Figures.count)) records/s
                            """
                    )
                }
            )
        }
        let ratios = Dictionary(
            intervals.map { commitMs in
                let once = measurement(workload, "exactlyOnce", commitMs: commitMs)?.recordsPerSecond.median
                let atLeast = measurement(workload, "atLeastOnce", commitMs: commitMs)?.recordsPerSecond.median
                return (Double(commitMs), once.flatMap { once in atLeast.map { once / $0 } })
            },
            uniquingKeysWith: { first, _ in first }
        )
        let lines = [line("atLeastOnce", "at-least-once", "other dashed"), line("exactlyOnce", "exactly-once", "one")]
        let greatest = lines.flatMap(\.points).map(\.y.max).max() ?? 1
        return LineChart(
            title: workload,
            width: 236,
            height: 216,
            x: .steps("ms between commits", intervals.map(Double.init)) { interval in
                (ratios[interval] ?? nil).map(Figures.digits) ?? ""
            },
            y: .linear("of the speed without commits", upTo: max(greatest, 1)),
            lines: lines,
            right: 4
        ).markup()
    }
}
