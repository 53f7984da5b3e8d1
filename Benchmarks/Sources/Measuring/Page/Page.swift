import Foundation

/// What was measured, as a page for people: one file with its charts in it, no network, no scripts.
package struct Page {
    private let report: Report
    /// The results of the NEXMark queries.
    private let nexmark: Report?

    package init(_ report: Report, nexmark: Report? = nil) {
        self.report = report
        self.nexmark = nexmark
    }

    /// Writes `report.html` from the results files of a directory, as far as they are there; returns where it is.
    @discardableResult
    package static func write(in directory: String) throws -> String {
        let nexmark = try? Report(contentsOf: directory + "/nexmark.json")
        var report = try? Report(contentsOf: directory + "/latest.json")
        if report == nil, let environment = nexmark?.environments.first { report = Report(in: environment) }
        guard let report else { throw CannotWrite(path: directory + "/report.html") }
        let path = directory + "/report.html"
        try Data(Page(report, nexmark: nexmark).html.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        return path
    }

    /// The page.
    package var html: String {
        let sections = [
            throughput, queries, commits, log, latency, starts, memory, growth, numbers,
        ].compactMap { $0 }
        return Markup(
            "html",
            ["lang": "en", "xmlns": "http://www.w3.org/1999/xhtml"],
            [
                Markup(
                    "head",
                    [:],
                    [
                        Markup("meta", ["charset": "utf-8"]),
                        Markup("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                        Markup("title", [:], ["Millrace, measured"]),
                        Markup("style", [:], [Markup(Self.style)]),
                    ]
                ),
                Markup("body", [:], [Markup("main", [:], header + sections)]),
            ]
        ).document
    }

    private var header: [Markup] {
        let environments = (report.environments + (nexmark?.environments ?? [])).reduce(into: [Environment]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        var parts: [Markup] = [Markup("h1", [:], ["Millrace, measured"])]
        if let environment = environments.last {
            let memory = Figures.plain((Double(environment.memoryBytes) / Double(1 << 30)).rounded())
            parts.append(
                Markup(
                    "p",
                    ["class": "machine"],
                    [
                        Markup(
                            "\(environment.processor), \(environment.cores) cores, \(memory) GiB; \(environment.kernel), "
                                + "\(environment.system), \(environment.fileSystem); \(environment.compiler)."
                        )
                    ]
                )
            )
        }
        let commits = environments.map(\.commit).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let sessions = commits.map { commit in
            let dates = environments.filter { $0.commit == commit }.map(\.date)
            guard let first = dates.min(), let last = dates.max() else { return commit }
            return "\(commit), measured \(Self.period(first, last))"
        }
        parts.append(
            Markup("p", ["class": "machine"], [Markup("Millrace at commit \(sessions.joined(separator: "; ")).")])
        )
        if environments.contains(where: { $0.processor != environments.last?.processor }) {
            parts.append(Markup("p", ["class": "machine"], ["Not all of it was measured on this machine."]))
        }
        parts.append(
            Markup(
                "p",
                [:],
                [
                    """
                    Producer, log and application share one process and the machine. Every commit waits until it is on \
                    the disk. Numbers are medians of several runs; thin lines and brackets give the extremes. Rest the \
                    pointer on a mark to read it.
                    """
                ]
            )
        )
        return parts + (aims.map { [$0] } ?? [])
    }

    /// From one time to another, both as in ISO 8601: to the minute.
    private static func period(_ first: String, _ last: String) -> String {
        func minute(_ date: String) -> String { String(date.dropFirst(11).prefix(5)) }
        let begin = "\(first.prefix(10)) \(minute(first))"
        if begin == "\(last.prefix(10)) \(minute(last))" { return "\(begin) UTC" }
        let end = first.prefix(10) == last.prefix(10) ? minute(last) : "\(last.prefix(10)) \(minute(last))"
        return "\(begin) to \(end) UTC"
    }

    /// A part of the page: a figure and what there is to say about it.
    static func figure(_ title: String, _ text: String, width: Double = 760, height: Double, _ chart: [Markup])
        -> Markup
    {
        Markup(
            "section",
            [:],
            [
                Markup("h2", [:], [Markup(title)]), Markup("p", [:], [Markup(text)]),
                Markup(
                    "svg",
                    [
                        "viewBox": "0 0 \(LineChart.number(width)) \(LineChart.number(height))", "role": "img",
                        "aria-label": title, "xmlns": "http://www.w3.org/2000/svg",
                    ],
                    chart
                ),
            ]
        )
    }

    static func moved(_ markup: Markup, _ x: Double, _ y: Double) -> Markup {
        Markup("g", ["transform": "translate(\(LineChart.number(x)) \(LineChart.number(y)))"], [markup])
    }

    /// A short line in each style, with what it stands for.
    static func legend(_ entries: [(name: String, style: String)], y: Double, dashed: Set<String> = []) -> Markup {
        var x = 52.0
        var parts: [Markup] = []
        for entry in entries {
            parts.append(LineChart.line(x, y, x + 22, y, "line \(entry.style)"))
            parts.append(
                Markup(
                    "text",
                    ["x": LineChart.number(x + 28), "y": LineChart.number(y + 4), "class": "tick"],
                    [Markup(entry.name)]
                )
            )
            x += 28 + Double(entry.name.count) * 6.4 + 26
        }
        return Markup("g", [:], parts)
    }

    /// Rows of cells, the first row their titles, the first columns text.
    static func table(_ rows: [[String]], textColumns: Int) -> Markup {
        func row(_ cells: [String], _ name: String) -> Markup {
            Markup(
                "tr",
                [:],
                cells.enumerated().map { column, cell in
                    Markup(name, column < textColumns ? [:] : ["class": "number"], [Markup(cell)])
                }
            )
        }
        return Markup(
            "div",
            ["class": "table"],
            [
                Markup(
                    "table",
                    [:],
                    [
                        Markup("thead", [:], rows.prefix(1).map { row($0, "th") }),
                        Markup("tbody", [:], rows.dropFirst().map { row($0, "td") }),
                    ]
                )
            ]
        )
    }
}

extension Page {
    var measurements: [Throughput] { report.measurements }
    var latencies: [Latency] { report.latencies }
    var startTimes: [Start] { report.starts }
    var courses: [MemoryCourse] { report.memory }
    var points: [GrowthPoint] { report.growth }
    var queryResults: [Throughput] { nexmark?.measurements ?? [] }

    /// The result of a workload, if it was measured.
    func measurement(_ workload: String, _ guarantee: String, threads: Int = 1, commitMs: Int64) -> Throughput? {
        measurements.first {
            $0.workload == workload && $0.guarantee == guarantee && $0.threads == threads && $0.commitMillis == commitMs
        }
    }

    /// The workloads that were run as applications, in the order of the results.
    var workloads: [String] {
        measurements.filter { $0.guarantee == "exactlyOnce" }.map(\.workload).reduce(into: []) {
            if !$0.contains($1) { $0.append($1) }
        }
    }
}
